"""Responses: what goes to the client, and in how many writes."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Any

import pytest
from gunicorn.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.gunicorn.workers.responses import PlainResponse

pytest.importorskip("gunicorn_h1c")


class CountedSocket(socket.socket):
    """A real socket that counts what it is asked to send."""

    writes = 0

    def sendall(self, data: Any, *flags: int) -> None:
        self.writes += 1
        super().sendall(data, *flags)


@pytest.fixture
def ends() -> Iterator[tuple[CountedSocket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with CountedSocket(fileno=ours.detach()) as counted, theirs:
        theirs.settimeout(30)
        yield counted, theirs


@pytest.fixture
def response(ends: tuple[CountedSocket, socket.socket]) -> PlainResponse:
    from deploy.gunicorn.workers.connections import Connection, listener_environ
    from deploy.gunicorn.workers.requests import RequestReader
    from deploy.gunicorn.workers.responses import PlainResponse

    cfg = Config()
    environ = listener_environ(cfg, ("127.0.0.1", 1), False)
    connection = Connection(ends[0], ("127.0.0.1", 2), None, environ, trusted=False)
    read = RequestReader(cfg).read(b"GET / HTTP/1.1\r\n\r\n", connection)
    assert read
    return PlainResponse(read[0], cfg)


def received(ends: tuple[CountedSocket, socket.socket]) -> bytes:
    ends[0].shutdown(socket.SHUT_WR)
    said = b""
    while data := ends[1].recv(65536):
        said += data
    return re.sub(rb"Date: [^\r]*", b"Date: -", said)


HEAD = b"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: -\r\nConnection: keep-alive\r\n"


def test_head_and_a_small_body_are_one_write(response: PlainResponse, ends: Any) -> None:
    response.start_response("200 OK", [("Content-Length", "5")])
    response.send([b"hello"])
    assert ends[0].writes == 1
    assert received(ends) == HEAD + b"Content-Length: 5\r\n\r\nhello"


def test_a_small_body_without_length_is_one_write_too(response: PlainResponse, ends: Any) -> None:
    response.start_response("200 OK", [])
    response.send([b"hello"])
    assert ends[0].writes == 1
    assert received(ends) == HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


def test_a_stream_is_written_block_by_block(response: PlainResponse, ends: Any) -> None:
    response.start_response("200 OK", [])
    writes = []

    def blocks() -> Iterator[bytes]:
        for block in (b"", b"one", b"two"):
            yield block
            writes.append(ends[0].writes)

    response.send(blocks())
    assert writes == [1, 2, 3]
    assert received(ends).endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")


def test_a_large_block_is_not_copied_behind_the_head(response: PlainResponse, ends: Any) -> None:
    response.start_response("200 OK", [("Content-Length", "70000")])
    response.send([b"x" * 70_000])
    assert ends[0].writes == 2
    assert len(received(ends).partition(b"\r\n\r\n")[2]) == 70_000


@pytest.mark.parametrize(
    ("name", "value"),
    [("X-A", "b\r\nX-B: c"), ("X A", "b"), ("X-A\n", "b"), ("", "b"), ("X-A", "b\x00")],
)
def test_a_header_that_could_split_the_answer_is_refused_every_time(
    response: PlainResponse, name: str, value: str
) -> None:
    from gunicorn.http.errors import InvalidResponseHeader, InvalidResponseHeaderName

    response.process_headers([("X-A", "plain")])
    for _ in range(2):
        with pytest.raises((InvalidResponseHeader, InvalidResponseHeaderName)):
            response.process_headers([(name, value)])


def test_headers_are_gunicorns(response: PlainResponse) -> None:
    from gunicorn.http.wsgi import Response

    headers = [
        *(("Content-Type", " text/plain\t"), ("CONTENT-LENGTH", "7"), ("Connection", "close")),
        *(("Keep-Alive", "5"), ("Transfer-Encoding", "chunked"), ("Upgrade", "websocket")),
        *(
            ("Set-Cookie", "a=b"),
            ("Set-Cookie", "c=d"),
            ("Date", "today"),
            ("X-\xe4".strip("\xe4"), ""),
        ),
    ]
    for _ in range(2):
        own = Response(response.req, response.sock, Config())
        own.process_headers(headers)
        response.headers.clear()
        response.process_headers(headers)
        assert (response.headers, response.response_length) == (own.headers, own.response_length)
