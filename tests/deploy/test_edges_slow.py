"""Visitors who are slow: none of them keeps the others waiting."""

import contextlib
import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.profiles import PROFILES
from deploy.targets.local import LocalTarget
from tests.deploy.raw_visitors import ECHO_APP, Visitor, ask, connect

pytestmark = pytest.mark.integration

Start = Callable[..., LocalTarget]
Eventually = Callable[..., None]

# More than there are threads, and more than there are threads, slots and nodes together.
CROWD = 40


@pytest.fixture(autouse=True)
def echo_app(project: Path) -> None:
    (project / "site_app.py").write_text(ECHO_APP)


@contextlib.contextmanager
def crowd(url: str, beginning: bytes) -> Iterator[list[socket.socket]]:
    """Visitors who have sent the beginning of something."""
    with contextlib.ExitStack() as open_connections:
        visitors = [open_connections.enter_context(connect(url)) for _ in range(CROWD)]
        for visitor in visitors:
            visitor.sendall(beginning)
        yield visitors


BEGINNINGS = {
    "headers": b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ",
    "a small body": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\nbegun",
    "a small body in chunks": b"POST / HTTP/1.1\r\nHost: a\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("profile", ["threads", "processes"])
def test_visitors_who_send_slowly_hold_no_worker(
    start: Start, eventually: Eventually, profile: str
) -> None:
    target = start(profile=profile, nodes=1, workers=1)
    for beginning in BEGINNINGS.values():
        with crowd(target.url, beginning) as slow:
            assert ask(target.url).status == 200
            # The one who was answered is counted until the balancer has seen the end of it.
            eventually(lambda: all_idle(target))
            assert all(_has_no_answer(visitor) for visitor in slow)


def all_idle(target: LocalTarget) -> bool:
    return sum(slot.in_flight + slot.queue for slot in target.status().slots) == 0


def test_visitors_who_keep_connections_hold_no_worker(start: Start) -> None:
    target = start(profile="processes", nodes=1, workers=1)
    with crowd(target.url, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") as idle:
        for visitor in idle:
            assert visitor.recv(65_536).startswith(b"HTTP/1.1 200")
        assert ask(target.url).status == 200


def _has_no_answer(visitor: socket.socket) -> bool:
    visitor.setblocking(False)
    try:
        return visitor.recv(1, socket.MSG_PEEK) == b"never"
    except BlockingIOError:
        return True
    finally:
        visitor.settimeout(60)


STREAMING = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + bytes(100_000)


@pytest.mark.timeout(300)
def test_what_does_not_come_in_time_is_given_up(start: Start, eventually: Eventually) -> None:
    """By the balancer; or by a worker, for a body that is larger than the balancer's buffer."""
    # All at once, for the time limits are what this takes.
    targets = [
        start(
            name=f"{profile}-{fast_workers}",
            profile=profile,
            fast_workers=fast_workers,
            threads=2 if profile == "threads" else None,
            greenlets=2 if profile == "greenlets" else None,
            nodes=1,
            workers=1,
            **{
                "balancer.queue_timeout": 100,
                "balancer.request_timeout": 100,
                "balancer.min_upload_rate": "1 MiB",
            },
        )
        for profile, fast_workers in [*((name, True) for name in PROFILES), ("threads", False)]
    ]
    with contextlib.ExitStack() as stack:
        late, streaming = [], []
        for beginning in filter(None, BEGINNINGS.values()):
            late.append(stack.enter_context(Visitor(targets[0].url)))
            late[-1].send(beginning)
        for target in targets:
            places = target.status().slots[0].capacity
            for _ in range(places):
                streaming.append(stack.enter_context(Visitor(target.url)))
                streaming[-1].send(STREAMING)
            eventually(lambda at=target, all=places: at.status().slots[0].in_flight == all)
        # Every place is taken. These wait, and are served when one is given back.
        for target in targets:
            assert ask(target.url).status == 200
        for visitor in late:
            assert visitor.answer().status == 408
            assert visitor.is_closed()
        for visitor in streaming:
            refused = visitor.answer()
            assert (refused.status, refused.text) == (408, "The body came too slowly.\n")
            assert visitor.is_closed()
    assert [target.status().balancer.responses_5xx for target in targets] == [0] * len(targets)


def test_an_upload_that_goes_on_may_take_longer_than_a_request(start: Start) -> None:
    """The time limit is for the app; the sync worker is not taken for dead meanwhile."""
    target = start(profile="processes", nodes=1, workers=1, **{"balancer.request_timeout": 1})
    piece, pieces = bytes(50_000), 14
    pause = threading.Event()
    with Visitor(target.url) as visitor:
        visitor.request("/", f"Content-Length: {len(piece) * pieces}", method="POST")
        for _ in range(pieces):
            visitor.send(piece)
            pause.wait(1)
        assert visitor.answer().said["size"] == len(piece) * pieces


LARGE_APP = """\
def app(environ, start_response):
    size = int(environ["QUERY_STRING"] or 0)
    start_response("200 OK", [("Content-Length", str(size))])
    return (bytes(65536) for _ in range(size // 65536))
"""


def test_what_fits_the_buffers_between_leaves_the_worker_before_a_slow_reader_has_it(
    start: Start, project: Path, eventually: Eventually
) -> None:
    (project / "site_app.py").write_text(LARGE_APP)
    target = start(profile="processes", nodes=1, workers=1)
    connection = http.client.HTTPConnection(target.url.removeprefix("http://"), timeout=60)
    with contextlib.ExitStack() as readers:
        for _ in range(CROWD):
            reader = readers.enter_context(connect(target.url))
            reader.sendall(b"GET /?131072 HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: target.status().slots[0].requests >= CROWD)
        connection.request("GET", "/?0")
        assert connection.getresponse().status == 200
    connection.close()
