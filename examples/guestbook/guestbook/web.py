"""The guest book as a WSGI application."""

import json

from psycopg2 import IntegrityError


def application(book):
    """GET / lists the entries, POST / signs the book with a JSON object."""

    def handle(environ, start_response):
        method = environ["REQUEST_METHOD"]
        if method == "GET":
            return answer(start_response, "200 OK", book.entries())
        if method == "POST":
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            try:
                return answer(start_response, "201 Created", {"id": book.sign(json.loads(body))})
            except (ValueError, TypeError, KeyError, IntegrityError) as error:
                return answer(start_response, "400 Bad Request", {"error": str(error)})
        return answer(start_response, "405 Method Not Allowed", {"error": method})

    return handle


def answer(start_response, status, data):
    body = json.dumps(data).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
