import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from deploy.gunicorn.health import USAGE, main, problem


@contextmanager
def worker(status: int) -> Iterator[int]:
    """The port of a server that answers everything with this status."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 500)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("status", [200, 404])
def test_a_worker_that_answers_is_healthy(status: int) -> None:
    with worker(status) as port:
        assert problem("/readyz", [port]) is None


def test_one_worker_that_is_not_ready_is_named() -> None:
    with worker(200) as good, worker(503) as bad:
        assert problem("/readyz", [good, bad]) == f"port {bad}: /readyz answered 503"


def test_a_port_where_nobody_listens_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert f"port {port}: " in str(problem("/readyz", [port]))


def test_an_answer_that_is_none_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closing = threading.Thread(target=lambda: server.accept()[0].close())
        closing.start()
        port = server.getsockname()[1]
        assert f"port {port}: " in str(problem("/readyz", [port]))
        closing.join()


@pytest.mark.parametrize("arguments", [[], ["/readyz"], ["/readyz", "eight"]])
def test_wrong_usage_is_told(arguments: list[str]) -> None:
    assert main(arguments) == USAGE


def test_as_a_program_it_tells_by_its_exit_code() -> None:
    command = (sys.executable, "-m", "deploy.gunicorn.health", "/readyz")
    with worker(200) as good, worker(503) as bad:
        assert subprocess.run([*command, str(good)], check=False).returncode == 0
        told = subprocess.run([*command, str(bad)], check=False, capture_output=True, text=True)
    assert told.returncode == 1
    assert "answered 503" in told.stderr
