"""CPU per request: the best batch, on one core that is shared with the server."""

from __future__ import annotations

import os
import socket
import time
from io import BytesIO
from typing import TYPE_CHECKING, Any

import hiredis

from ..valkey import Valkey
from .peers import OURS, TIMEOUT, make_app, make_bare_app
from .visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH = 0.01
"""CPU seconds a batch takes."""

SECONDS = 1.2
"""Seconds of batches, as the clock on the wall sees them."""

COUNTED = 50
"""Requests whose commands are counted."""

BARE_SOCKET = "bare socket and hiredis"
TRANSPORT = "our transport"

PAGES = {"untouched": "/plain/word", "read": "/read/word", "write": "/write/word"}
"""What is asked in each scenario."""


def share_a_core() -> None:
    """Keep this process and its children on one core: the cost of a wake-up is then the same."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def measure(peer: str) -> dict[str, dict[str, float]]:
    """Return µs of CPU and commands per request for each page of a peer with sessions."""
    share_a_core()
    with Valkey() as server:
        visitor = Visitor(make_app(peer, server.url))
        visitor.get("/start/ada")
        check(visitor)
        stranger = Visitor(visitor.app, {name: forged(v) for name, v in visitor.cookies.items()})
        found = {
            name: {
                "us": best(_requests(visitor, page)) * 1e6,
                "commands": _commands(server, visitor, page),
            }
            for name, page in PAGES.items()
        }
        found["forged"] = {"commands": _commands(server, stranger, PAGES["read"])}
        return found


def forged(cookie: str) -> str:
    """Return a cookie that looks like the other and was never handed out."""
    return cookie[:-1] + ("A" if cookie[-1] != "A" else "B")


def measure_bare(framework: str) -> float:
    """Return the µs of CPU for a page of a framework without sessions."""
    share_a_core()
    visitor = Visitor(make_bare_app(framework), {"session": "A" * 57})
    return best(_requests(visitor, PAGES["untouched"])) * 1e6


def measure_floor() -> dict[str, float]:
    """Return the µs of CPU to fetch one record: by hand on a socket, and by our store."""
    share_a_core()
    with Valkey() as server:
        app = make_app(OURS, server.url)
        visitor = Visitor(app)
        visitor.get("/start/ada")
        session_id = app.session_interface.ids.verify(visitor.cookies["session"])
        store, key = app.session_interface.store, session_id.key
        packed = b"*2\r\n$7\r\nHGETALL\r\n$%d\r\n%b\r\n" % (len(key), key)
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            found = {
                "send and recv": best(_repeat(lambda: _send(connection, packed))),
                BARE_SOCKET: best(_fetch_by_hand(connection, packed)),
            }
            # Python polls before each call then.
            connection.settimeout(TIMEOUT)
            found["the same with a time limit"] = best(_fetch_by_hand(connection, packed))
        found[TRANSPORT] = best(_repeat(lambda: store.transport.execute(b"HGETALL", key)))
        found["our store"] = best(_repeat(lambda: store.load(session_id)))
        return {name: seconds * 1e6 for name, seconds in found.items()}


def check(visitor: Visitor) -> None:
    """Make sure that what is measured works."""
    for page in ("/read/word", "/write/word", "/read/word"):
        answer = visitor.get(page)
        if (answer.status, answer.text) != (200, "ada"):
            raise SystemExit(f"wrong answer to {page}: {answer}")


def best(run: Callable[[int], float]) -> float:
    """Return the CPU seconds of one round in the best batch."""
    count = 10
    while (seconds := run(count)) < BATCH:
        count = max(count + 1, int(count * BATCH / max(seconds, 1e-6)))
    end = time.perf_counter() + SECONDS
    fastest = run(count)
    while time.perf_counter() < end:
        fastest = min(fastest, run(count))
    return fastest / count


def _requests(visitor: Visitor, page: str) -> Callable[[int], float]:
    app, environ = visitor.app, visitor.environ(page)

    def start_response(status: str, headers: list[Any], exc_info: Any = None) -> None:
        pass

    def run(count: int) -> float:
        start = time.process_time()
        for _ in range(count):
            own = environ.copy()
            own["wsgi.input"] = BytesIO()
            chunks = app(own, start_response)
            for _chunk in chunks:
                pass
            if hasattr(chunks, "close"):
                chunks.close()
        return time.process_time() - start

    return run


def _repeat(action: Callable[[], Any]) -> Callable[[int], float]:
    def run(count: int) -> float:
        start = time.process_time()
        for _ in range(count):
            action()
        return time.process_time() - start

    return run


def _send(connection: socket.socket, packed: bytes) -> bytes:
    connection.sendall(packed)
    return connection.recv(65536)


def _fetch_by_hand(connection: socket.socket, packed: bytes) -> Callable[[int], float]:
    reader = hiredis.Reader()

    def fetch() -> Any:
        connection.sendall(packed)
        reader.feed(connection.recv(65536))
        return reader.gets()

    return _repeat(fetch)


def _commands(server: Valkey, visitor: Visitor, page: str) -> float:
    def ask() -> None:
        for _ in range(COUNTED):
            visitor.ask(page)

    return server.count_commands(ask) / COUNTED
