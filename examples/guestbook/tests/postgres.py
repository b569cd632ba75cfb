"""A PostgreSQL server for the length of a test run, on a Unix socket in a directory of its own."""

import os
import subprocess
import tempfile


class Server:
    def __init__(self):
        self._directory = tempfile.TemporaryDirectory()
        self._data = os.path.join(self._directory.name, "data")
        self.dsn = "host={} dbname=postgres user=guestbook".format(self._directory.name)

    def start(self):
        run("initdb", "--no-sync", "-A", "trust", "-U", "guestbook", "-D", self._data)
        options = "-c listen_addresses='' -c fsync=off -k {}".format(self._directory.name)
        run("pg_ctl", "-w", "-D", self._data, "-o", options, "-l", os.path.join(self._directory.name, "log"), "start")

    def stop(self):
        run("pg_ctl", "-w", "-m", "fast", "-D", self._data, "stop")
        self._directory.cleanup()


def run(program, *arguments):
    path = os.path.join(os.environ["PG_BIN"], program)
    subprocess.run([path, *arguments], check=True, stdout=subprocess.DEVNULL)
