"""A worker that stops while a connection arrives."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Server

pytest.importorskip("gunicorn_h1c")
pytestmark = pytest.mark.integration

Start = Callable[..., "Server"]
Eventually = Callable[..., None]

# Holds a thread that has just accepted, as a busy machine may, until the test says `go`.
SLOW_ACCEPT = """
import os, time
from deploy.gunicorn.workers.threads import ThreadWorker

class SlowToAccept(ThreadWorker):
    def connection(self, *arguments):
        if os.path.exists("hold"):
            open("accepted", "w").close()
            while not os.path.exists("go"):
                time.sleep(0.01)
        return super().connection(*arguments)

    def _stop_threads(self):
        open("stopped", "w").close()
        super()._stop_threads()
"""


def test_a_connection_that_a_thread_has_just_accepted_is_served(
    start: Start, eventually: Eventually, tmp_path: Path
) -> None:
    (tmp_path / "slow.py").write_text(SLOW_ACCEPT)
    server = start("slow.SlowToAccept", "--threads", "2")
    (tmp_path / "hold").touch()
    with server.connect() as client:
        eventually((tmp_path / "accepted").exists)
        server.process.send_signal(signal.SIGTERM)
        # Nothing tells that the worker waits for the thread; that it did not, this would.
        with pytest.raises(AssertionError):
            eventually((tmp_path / "stopped").exists, 2)
        (tmp_path / "go").touch()
        client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
