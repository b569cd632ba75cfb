import io
import json
import sys
import unittest

from guestbook.store import GuestBook
from guestbook.web import application
from tests.postgres import Server


class GuestBookTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def setUp(self):
        self.book = GuestBook(self.server.dsn)

    def tearDown(self):
        self.book.close()

    def test_runs_on_the_python_it_was_written_for(self):
        self.assertEqual(sys.version_info[:2], (3, 9))

    def test_lists_what_was_signed_newest_first(self):
        first = self.book.sign({"name": "Ada", "message": "hello"})
        second = self.book.sign({"name": "Grace", "message": "hej"})
        self.assertEqual([entry["id"] for entry in self.book.entries()][:2], [second, first])

    def test_serves_entries_as_json(self):
        status, answer = self.request("POST", {"name": "Zoë", "message": "grüß Gott"})
        self.assertEqual(status, "201 Created")
        status, entries = self.request("GET")
        self.assertEqual((status, entries[0]), ("200 OK", {"id": answer["id"], "name": "Zoë", "message": "grüß Gott"}))

    def test_refuses_an_entry_without_a_name(self):
        status, _ = self.request("POST", {"name": "", "message": "?"})
        self.assertEqual(status, "400 Bad Request")

    def test_refuses_what_is_not_an_entry(self):
        status, _ = self.request("POST", ["Ada", "hello"])
        self.assertEqual(status, "400 Bad Request")

    def request(self, method, data=None):
        body = b"" if data is None else json.dumps(data).encode()
        environ = {"REQUEST_METHOD": method, "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
        statuses = []
        chunks = application(self.book)(environ, lambda status, headers: statuses.append(status))
        return statuses[0], json.loads(b"".join(chunks))
