"""A guest book: signed entries, kept in PostgreSQL, served as JSON."""
