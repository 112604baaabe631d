"""Plain requests: what the environ becomes, compared with what gunicorn makes of the same bytes."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING, Any

import pytest
from gunicorn.config import Config
from gunicorn.http import get_parser
from gunicorn.http.wsgi import create

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.gunicorn.workers.connections import Connection
    from deploy.gunicorn.workers.requests import RequestReader

pytest.importorskip("gunicorn_h1c")

PEER = ("127.0.0.1", 4711)
SERVER = ("127.0.0.1", 8001)

NAMES = (
    *(
        b"Accept",
        b"accept",
        b"ACCEPT",
        b"User-Agent",
        b"Cookie",
        b"X-Forwarded-For",
        b"X-A",
        b"x-a",
    ),
    *(b"Content-Type", b"content-type", b"Authorization", b"Range", b"If-None-Match", b"X~!"),
)


@pytest.fixture
def reader() -> RequestReader:
    from deploy.gunicorn.workers.requests import RequestReader

    return RequestReader(Config())


@pytest.fixture
def connection() -> Iterator[Connection]:
    from deploy.gunicorn.workers.connections import Connection, listener_environ

    with socket.socket() as sock:
        yield Connection(sock, PEER, None, listener_environ(Config(), SERVER, False), trusted=True)


def gunicorns_environ(data: bytes, connection: Connection) -> dict[str, Any]:
    parser = get_parser(Config(), iter([data]), PEER)
    return create(next(parser), connection.socket, PEER, SERVER, Config())[1]


def comparable(environ: dict[str, Any]) -> dict[str, Any]:
    body = environ["wsgi.input"].read()
    left_out = ("wsgi.input", "wsgi.errors", "wsgi.early_hints")
    return {**{name: environ[name] for name in environ if name not in left_out}, "body": body}


def test_environ_is_gunicorns(reader: RequestReader, connection: Connection) -> None:
    rng = random.Random(1)
    plain = 0
    for _ in range(2000):
        path = rng.choice((b"/", b"/a/b", b"/%41%20?x=%20", b"//a?b?c", b"/?", b"/a;b=c@d:e"))
        body = rng.choice((b"", b"", b"hello"))
        lines = [b"%s: %d" % (rng.choice(NAMES), rng.randrange(9)) for _ in range(rng.randrange(9))]
        if body:
            lines.append(b"Content-Length: 5")
        rng.shuffle(lines)
        head = b"\r\n".join([rng.choice((b"GET ", b"POST ")) + path + b" HTTP/1.1", *lines])
        data = head + b"\r\n\r\n" + body
        read = reader.read(data, connection)
        if read:
            plain += 1
            assert comparable(read[1]) == comparable(gunicorns_environ(data, connection))
    assert plain > 1000


@pytest.mark.parametrize(
    "name", [b"Expect", b"Transfer-Encoding", b"upgrade", b"X_Y", b"CONTENT_LENGTH", b"SCRIPT_NAME"]
)
def test_a_header_that_needs_more_is_not_plain(
    reader: RequestReader, connection: Connection, name: bytes
) -> None:
    assert reader.read(b"GET / HTTP/1.1\r\n\r\n", connection)
    assert reader.read(b"GET / HTTP/1.1\r\n" + name + b": x\r\n\r\n", connection) is None


@pytest.mark.parametrize("end", range(1, 60))
def test_an_incomplete_request_is_not_plain(
    reader: RequestReader, connection: Connection, end: int
) -> None:
    data = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\nhello"
    whole = reader.read(data, connection)
    if end < len(data):
        assert reader.read(data[:end], connection) is None
    else:
        assert whole
        assert whole[0].rest == b""


def test_what_follows_a_request_is_kept_for_the_next(
    reader: RequestReader, connection: Connection
) -> None:
    read = reader.read(b"GET / HTTP/1.1\r\n\r\nGET /two", connection)
    assert read
    assert read[0].rest == b"GET /two"


def test_names_that_clients_invent_do_not_fill_the_memory(reader: RequestReader) -> None:
    for number in range(10_000):
        name = b"X-%d" % number
        assert reader.keys[name] == f"HTTP_X_{number}"
    assert len(reader.keys) <= reader.keys.most_names
    reader.keys.clear()
    assert reader.keys[b"x" * 100] == "HTTP_" + "X" * 100
    assert not reader.keys


def test_a_request_tells_hooks_and_logs_what_gunicorns_does(
    reader: RequestReader, connection: Connection
) -> None:
    data = b"GET /a%20b?c=d HTTP/1.0\r\nHost: here\r\nX-A: b\r\n\r\n"
    read = reader.read(data, connection)
    assert read
    own = next(get_parser(Config(), iter([data]), PEER))
    names = (
        *("method", "uri", "path", "query", "fragment", "version", "headers", "scheme"),
        *("peer_addr", "remote_addr", "must_close", "proxy_protocol_info", "req_number"),
    )
    assert {name: getattr(read[0], name) for name in names} == {
        name: getattr(own, name) for name in names
    }
    assert read[0].should_close() == own.should_close()
