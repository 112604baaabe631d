"""Leaving rotation before stopping."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from deploy.gunicorn.rotation import never_ready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

APP = """
class App:
    def __call__(self, environ, start_response):
        start_response("200 OK", [("Content-Length", "3")])
        return [b"ok\\n"]

    def stop_worker(self):
        open("stopped", "w").close()

app = App()
"""


def answer(app: Callable[..., Iterable[bytes]], path: str) -> str:
    lines: list[str] = []
    app({"PATH_INFO": path}, lambda status, headers: lines.append(status))
    return lines[0]


def served(environ: dict[str, object], start_response: Callable[..., object]) -> list[bytes]:
    start_response("200 OK", [])
    return [b""]


def test_only_the_readiness_page_changes() -> None:
    draining = never_ready(served, "/readyz")
    assert answer(draining, "/readyz") == "503 Service Unavailable"
    assert answer(draining, "/") == "200 OK"
    assert answer(draining, "/readyz/more") == "200 OK"


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


@contextmanager
def node(directory: Path, port: int, *, drain: str) -> Iterator[subprocess.Popen[bytes]]:
    (directory / "site_app.py").write_text(APP)
    command = "from deploy.cli import main; main()"
    options = ["--workers", "1", "--bind", f"127.0.0.1:{port}", "--drain", drain]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", command, "serve", "site_app:app", "-C", str(directory), *options],
        env=environ,
    ) as process:
        try:
            wait_for(lambda: status(port, "/readyz") == 200)
            yield process
        finally:
            process.kill()


@pytest.mark.integration
def test_node_fails_readiness_and_serves_until_a_second_signal(tmp_path: Path, port: int) -> None:
    with node(tmp_path, port, drain="3600") as process:
        process.send_signal(signal.SIGTERM)
        wait_for(lambda: status(port, "/readyz") == 503)
        assert status(port, "/") == 200
        assert not (tmp_path / "stopped").exists()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert (tmp_path / "stopped").exists()


@pytest.mark.integration
def test_node_stops_when_its_time_is_over(tmp_path: Path, port: int) -> None:
    with node(tmp_path, port, drain="0.5") as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


def status(port: int, path: str) -> int | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


def wait_for(condition: Callable[[], bool], deadline: float = 60) -> None:
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
