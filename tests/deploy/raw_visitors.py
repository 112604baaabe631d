"""Visitors who send what they like: bytes on a socket, and the answer as it came."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

# Says what it was told about the visitor, and how much body it read.
ECHO_APP = """\
import json

ABOUT_VISITOR = ("REMOTE_ADDR", "SCRIPT_NAME", "PATH_INFO", "wsgi.url_scheme", "HTTP_HOST")

def app(environ, start_response):
    size = 0
    while data := environ["wsgi.input"].read(65536):
        size += len(data)
    said = {
        key: value
        for key, value in environ.items()
        if key in ABOUT_VISITOR or key.startswith(("HTTP_X_FORWARDED", "HTTP_FORW", "HTTP_X_REAL"))
    }
    body = json.dumps({**said, "size": size}).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    """Names in lower case."""
    text: str

    @property
    def said(self) -> dict[str, Any]:
        """What the echo app was told."""
        assert self.status == 200, self
        found: dict[str, Any] = json.loads(self.text)
        return found


class Visitor:
    """One connection, to `http://HOST:PORT`, `HOST:PORT` or `unix:PATH`."""

    def __init__(self, url: str, *, source: str = "", timeout: float = 60) -> None:
        self.socket = connect(url, source, timeout)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def request(self, target: str = "/", *headers: str, method: str = "GET") -> None:
        """Send a request without a body, that is with none yet."""
        host = () if any(header.lower().startswith("host:") for header in headers) else ("Host: a",)
        self.send("\r\n".join([f"{method} {target} HTTP/1.1", *host, *headers, "", ""]).encode())

    def answer(self, method: str = "GET") -> Answer:
        """The next answer; a connection that ends before one raises ConnectionError."""
        response = HTTPResponse(self.socket, method=method)
        response.begin()
        body = response.read().decode()
        return Answer(
            response.status, {name.lower(): value for name, value in response.headers.items()}, body
        )

    def ask(self, target: str = "/", *headers: str) -> Answer:
        self.request(target, *headers)
        return self.answer()

    def is_closed(self) -> bool:
        """Whether the other side ends the connection, without another word."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.socket.close()


def connect(url: str, source: str = "", timeout: float = 60) -> socket.socket:
    if url.startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout)
        try:
            connection.connect(url.removeprefix("unix:"))
        except OSError:
            connection.close()
            raise
        return connection
    parts = urlsplit(url if "//" in url else f"//{url}")
    return socket.create_connection(
        (parts.hostname or "", parts.port or 0), timeout, (source, 0) if source else None
    )


def ask(url: str, *headers: str, source: str = "") -> Answer:
    """One request on a connection of its own."""
    with Visitor(url, source=source) as visitor:
        return visitor.ask("/", "Connection: close", *headers)
