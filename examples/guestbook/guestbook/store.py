"""Entries of the guest book in PostgreSQL."""

from collections import Mapping  # moved to collections.abc, and gone from here since Python 3.10

import psycopg2
import psycopg2.extras

SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    id serial PRIMARY KEY,
    name text NOT NULL CHECK (name <> ''),
    message text NOT NULL,
    signed_at timestamptz NOT NULL DEFAULT now()
)
"""


class GuestBook:
    """Reads and writes entries through one connection."""

    def __init__(self, dsn):
        self._connection = psycopg2.connect(dsn, cursor_factory=psycopg2.extras.RealDictCursor)
        self._connection.autocommit = True
        with self._connection.cursor() as cursor:
            cursor.execute(SCHEMA)

    def sign(self, entry):
        """Adds an entry, a mapping with name and message, and returns its number."""
        if not isinstance(entry, Mapping):
            raise TypeError("an entry is a mapping with name and message")
        with self._connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO entry (name, message) VALUES (%(name)s, %(message)s) RETURNING id", dict(entry)
            )
            return cursor.fetchone()["id"]

    def entries(self):
        """All entries, the newest first."""
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT id, name, message FROM entry ORDER BY id DESC")
            return [dict(row) for row in cursor.fetchall()]

    def close(self):
        self._connection.close()
