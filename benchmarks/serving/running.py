"""A server that runs: what it answers, and what it takes of processor and memory."""

from __future__ import annotations

import contextlib
import http.client
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from deploy import procfs

from ..processes import ROOT, free_port, running, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .servers import Server

WARM_UP = 200
"""Requests before any is measured."""


class Answer(NamedTuple):
    """What has to be the same from all servers."""

    status: int
    content_type: str | None
    body: bytes


@dataclass
class Running:
    """A server with an app, on a port of loopback."""

    name: str
    port: int
    pid: int
    """Of the process that was started: the master, where there is one."""
    cookie: str = ""
    """Sent with every request."""

    def ask(self, path: str, form: Mapping[str, str] | None = None) -> Answer:
        """Send one request on a connection of its own, and keep the cookie that comes back."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Cookie": self.cookie} if self.cookie else {}
        with contextlib.closing(connection):
            if form is None:
                connection.request("GET", path, headers=headers)
            else:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
                connection.request("POST", path, urlencode(form), headers)
            response = connection.getresponse()
            if cookie := response.getheader("Set-Cookie"):
                self.cookie = cookie.partition(";")[0]
            return Answer(response.status, response.getheader("Content-Type"), response.read())

    def answers(self, path: str) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.ask(path).status == 200
        return False

    def warm_up(self, paths: Iterable[str]) -> None:
        """Have it fill its caches."""
        for path in paths:
            for _ in range(WARM_UP):
                self.ask(path)

    def cpu_seconds(self) -> float:
        """Processor time of all its processes, user and system, since they started."""
        return procfs.cpu_seconds(self.pid)

    def workers(self) -> list[int]:
        """The processes that serve: the children, or the only one."""
        return procfs.children(self.pid) or [self.pid]

    def memory(self) -> tuple[float, float]:
        """MiB of a worker in the mean, and of all processes: each with its part of what it shares.

        That is the kernel's proportional set size (PSS): a page that several processes have counts
        in each of them by its part. What the kernel keeps for sockets is not in it.
        """
        shares = [_pss(pid) for pid in self.workers()]
        master = 0.0 if self.pid in self.workers() else _pss(self.pid)
        return sum(shares) / len(shares), sum(shares) + master


def _pss(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


@contextlib.contextmanager
def serve(
    server: Server,
    app: str,
    path: str,
    *,
    name: str = "",
    core: int,
    redis_url: str = "",
) -> Iterator[Running]:
    """Run a server until the end of the block; it answers ``path`` before the block begins.

    :param core: where all its processes run.
    """
    port = free_port()
    env = {
        "PYTHONPATH": f"{ROOT}:{ROOT / 'examples' / 'shop'}",
        "SECRET_KEY": "only for the benchmark, and long enough",
        "SESSION_COOKIE_SECURE": "false",
        "REDIS_URL": redis_url,
    }
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        with running(server.command(app, port), env=env, core=core, log=log) as process:
            found = Running(name or server.name, port, process.pid)
            try:
                wait_until(lambda: found.answers(path), f"{found.name} answers {path}", process)
            except TimeoutError as error:
                raise SystemExit(f"{error}. It wrote:\n{log.read_text()[-2000:]}") from None
            yield found
