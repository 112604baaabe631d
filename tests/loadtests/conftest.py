"""A small site in this process, and a place for the suite that visits it."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: Counter[str]
    gate: threading.Event

    def do_GET(self) -> None:
        time.sleep(0.01)
        self.gate.wait()
        self.seen[self.path] += 1
        self.send_response({"/missing": 404, "/old": 303}.get(self.path, 200))
        self.send_header("Location", "/new")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1000

    def handle_error(self, *_: object) -> None:
        """A visitor who is gone is nobody's fault."""


@pytest.fixture
def seen() -> Counter[str]:
    """How often the site was asked for each path."""
    return Counter()


@pytest.fixture
def gate() -> threading.Event:
    """The site answers while this is set."""
    event = threading.Event()
    event.set()
    return event


@pytest.fixture
def url(seen: Counter[str], gate: threading.Event) -> Iterator[str]:
    handler = type("SiteHandler", (Handler,), {"seen": seen, "gate": gate})
    with Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        gate.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return tmp_path / "suite.py"
