"""Responses: gunicorn's own, with the head and the first block in one write."""

import time
from collections.abc import Iterable
from typing import Any

from gunicorn.http.wsgi import HEADER_VALUE_RE, FileWrapper, Response
from gunicorn.util import http_date, is_hoppish

from .requests import PlainRequest

# A larger block follows the head in a write of its own: copying it would cost more.
SMALL = 65_536


# Names of the app's headers that gunicorn has accepted and that mean nothing to it.
plain_names: set[str] = set()
MOST_NAMES = 256

is_value = HEADER_VALUE_RE.fullmatch


def remember(name: str) -> None:
    if len(plain_names) < MOST_NAMES and not is_hoppish(name) and name.lower() != "content-length":
        plain_names.add(name)


class DateLine:
    """The Date header's line, made once a second."""

    made = 0
    line = ""

    @classmethod
    def now(cls) -> str:
        second = int(time.time())
        if second != cls.made:
            cls.line = f"Date: {http_date(second)}\r\n"
            cls.made = second
        return cls.line


class PlainResponse(Response):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's response; what it would write in several pieces is held until it can be sent."""

    headers_sent: bool

    def __init__(self, request: PlainRequest, cfg: Any) -> None:
        super().__init__(request, request.connection.socket, cfg)
        self.held = b""
        self.begun = False
        """Whether the client has got any of it."""

    def send(self, blocks: Iterable[bytes]) -> None:
        """Write everything the app returned."""
        if isinstance(blocks, FileWrapper):
            self.write_file(blocks)
        elif type(blocks) is list and len(blocks) == 1:
            # Nothing follows, so the end of a chunked body can go with it.
            super().write(blocks[0])
        else:
            for block in blocks:
                self.write(block)
        self.close()

    def process_headers(self, headers: Iterable[tuple[str, str]]) -> None:
        for name, value in headers:
            if name in plain_names and type(value) is str and is_value(value):
                self.headers.append((name, value.strip(" \t")))
            else:
                super().process_headers([(name, value)])
                remember(name)

    def write(self, block: bytes) -> None:
        super().write(block)
        self.flush()

    def send_headers(self) -> None:
        if not self.headers_sent:
            lines = [f"{name}: {value}\r\n" for name, value in self.headers]
            self.held = "".join([*self.default_headers(), *lines, "\r\n"]).encode("latin-1")
            self.headers_sent = True

    def default_headers(self) -> list[str]:
        major, minor = self.req.version
        connection = "upgrade" if self.upgrade else "close" if self.should_close() else "keep-alive"
        return [
            f"HTTP/{major}.{minor} {self.status}\r\nServer: {self.version}\r\n",
            f"{DateLine.now()}Connection: {connection}\r\n",
            "Transfer-Encoding: chunked\r\n" if self.chunked else "",
        ]

    def _emit_body(self, data: bytes) -> None:
        if self.chunked:
            data = b"%X\r\n%b\r\n" % (len(data), data)
        if len(data) > SMALL:
            self.flush()
            self.begun = True
            self.sock.sendall(data)
        else:
            self.held += data

    def write_file(self, respiter: FileWrapper) -> None:
        # gunicorn sends the file past this object, right behind the head.
        self.send_headers()
        self.flush()
        super().write_file(respiter)

    def close(self) -> None:
        self.send_headers()
        if self.chunked:
            self.held += b"0\r\n\r\n"
        self.flush()

    def flush(self) -> None:
        if self.held:
            held, self.held = self.held, b""
            self.begun = True
            self.sock.sendall(held)
