"""The last moments of the balancer: who has been let in is answered, and nobody else is let in."""

import errno
import http.client
import os
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy import addresses, binaries
from deploy.balancer import BalancerClient, wait_until
from deploy.deployment import Deployment, Node
from deploy.render.haproxy import render_haproxy
from deploy.rundir import RunDirectory
from deploy.supervisor import entrance
from deploy.supervisor.entrance import Entrance
from deploy.supervisor.parts import Part
from deploy.supervisor.records import Records

pytestmark = pytest.mark.integration


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def node() -> Iterator[Node]:
    """On the address of a slot, without gunicorn."""
    host = addresses.free_block().balancer
    with ThreadingHTTPServer((host, 8001), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Node(1, host, workers=1, concurrency=4)
        server.shutdown()
        thread.join()


class Watched(BalancerClient):
    """Knocks when the balancer lets nobody in any more, before anything else is done."""

    def __init__(self, runtime_socket: Path, address: tuple[str, int]) -> None:
        super().__init__(runtime_socket)
        self.knocked = threading.Event()
        self.refused = False
        self._address = address

    def accept_no_more(self) -> None:
        super().accept_no_more()
        with socket.socket() as another:
            self.refused = another.connect_ex(self._address) == errno.ECONNREFUSED
        self.knocked.set()


def wait_for(part: Part, ready: Callable[[], bool]) -> None:
    assert wait_until(lambda: ready() or part.exit_code is not None, seconds=60)
    assert part.exit_code is None, part.last_log_lines()


def test_who_is_connected_gets_a_last_answer_and_nobody_waits_for_nobody(
    deployment: Callable[..., Deployment], node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entrance, "LAST_REQUEST_TIMEOUT", 60.0)
    found, doors = addresses.reserve_doors(deployment())
    rundir = RunDirectory(found.name)
    lock = rundir.create()
    client = Watched(rundir.haproxy_socket, found.balancer.address)
    listeners = [door.fileno() for door in doors]
    text = render_haproxy(found, [node], runtime_socket=rundir.haproxy_socket, listeners=listeners)
    rundir.write_secret(rundir.haproxy_config, text)
    opened = Entrance(doors, rundir, client, Records(found, rundir), wait_for)
    visitor = http.client.HTTPConnection(*found.balancer.address, timeout=60)
    try:
        opened.open(binaries.haproxy())
        visitor.request("GET", "/")
        first = visitor.getresponse()
        first.read()
        closing = threading.Thread(target=opened.close, args=(lambda: False,))
        closing.start()
        assert client.knocked.wait(60)
        visitor.request("GET", "/")
        last = visitor.getresponse()
        last.read()
        closing.join()
    finally:
        opened.close(lambda: True)
        visitor.close()
        rundir.remove()
        os.close(lock)
    # One who got into a queue that nobody serves would be cut off with the request sent.
    assert client.refused
    assert (first.status, first.getheader("Connection")) == (200, None)
    assert (last.status, last.getheader("Connection")) == (200, "close")
