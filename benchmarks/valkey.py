"""A Valkey of our own on a free port, which may be paused, killed and started again."""

from __future__ import annotations

import signal
import socket
import tempfile
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import redis

from deploy import binaries

from .processes import free_port, start, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

LAST = "ECHO that was all"


class Valkey(AbstractContextManager["Valkey"]):
    """One server process; a durable one has lost nothing when it was killed."""

    def __init__(self, *, durable: bool = False) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = tempfile.TemporaryDirectory()
        self._command = [
            *(str(binaries.store()), "--port", str(self.port), "--bind", "127.0.0.1"),
            *("--dir", self._folder.name, "--save", ""),
            *("--appendonly", "yes" if durable else "no", "--appendfsync", "always"),
        ]
        self.client: Any = redis.Redis(port=self.port)
        self.start()
        self.client.ping()

    def start(self) -> None:
        self._process = start(self._command)
        wait_until(self._answers, "Valkey answers", self._process)

    def _answers(self) -> bool:
        # One connection a question: a client would repeat it with pauses of its own.
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64) == b"+PONG\r\n"
        except OSError:
            return False

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def count_commands(self, action: Callable[[], Any]) -> int:
        """Return how many commands ``action`` made clients send, those inside scripts left out."""
        count = 0
        with redis.Redis(port=self.port) as watcher, watcher.monitor() as monitor:
            action()
            self.client.echo("that was all")
            for command in monitor.listen():
                if command["command"] == LAST:
                    break
                count += command["client_type"] != "lua"
        return count

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.kill()
        self._folder.cleanup()
