"""Load from one core: wrk where it is installed, else a small client of our own."""

from __future__ import annotations

import re
import resource
import selectors
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass

from ..processes import on_core

HEADERS = {
    "Host": "127.0.0.1",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "Accept-Encoding": "gzip, deflate, br",
    "Accept-Language": "en-US,en;q=0.5",
}
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True)
class Load:
    """What clients do: each of them asks again as soon as it is answered."""

    path: str
    connections: int
    seconds: int
    close: bool = False
    """A new connection for each request."""
    cookie: str = ""

    @property
    def headers(self) -> dict[str, str]:
        headers = {**HEADERS, "Connection": "close" if self.close else "keep-alive"}
        return {**headers, "Cookie": self.cookie} if self.cookie else headers


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    requests: int
    seconds: float
    p99: float
    busy: float
    """Part of its core that the client had; near 1 it was the client that set the pace."""
    errors: str = ""


def generator() -> str:
    """Return the name of what puts the load on."""
    return "wrk with one thread" if shutil.which("wrk") else "a client of our own in Python"


def put_load(port: int, load: Load, core: int) -> Outcome:
    """Put load on the server for some seconds, from one core."""
    with on_core(core):
        return _wrk(port, load) if shutil.which("wrk") else _own_client(port, load)


def _wrk(port: int, load: Load) -> Outcome:
    lines = [part for name, value in load.headers.items() for part in ("-H", f"{name}: {value}")]
    size = ("-t1", f"-c{load.connections}", f"-d{load.seconds}s", "--latency")
    before = _cpu_seconds(resource.RUSAGE_CHILDREN)
    done = subprocess.run(  # noqa: S603
        ["wrk", *size, *lines, f"http://127.0.0.1:{port}{load.path}"],  # noqa: S607
        check=True,
        capture_output=True,
        text=True,
    )
    used = _cpu_seconds(resource.RUSAGE_CHILDREN) - before
    count = re.search(r"(\d+) requests in ([\d.]+)(ms|s)", done.stdout)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)
    if count is None or p99 is None:
        raise RuntimeError(f"cannot read what wrk says:\n{done.stdout}")
    seconds = float(count[2]) * UNITS[count[3]]
    wrong = re.search(r"(Non-2xx.*|Socket errors.*)", done.stdout)
    return Outcome(
        int(count[1]),
        seconds,
        float(p99[1]) * UNITS[p99[2]],
        used / seconds,
        wrong[1].strip() if wrong else "",
    )


def _own_client(port: int, load: Load) -> Outcome:
    lines = [f"{name}: {value}\r\n" for name, value in load.headers.items()]
    request = (f"GET {load.path} HTTP/1.1\r\n" + "".join(lines) + "\r\n").encode()
    times: list[float] = []
    with selectors.DefaultSelector() as selector:

        def ask(client: socket.socket) -> None:
            client.sendall(request)
            selector.register(client, selectors.EVENT_READ, (client, time.perf_counter()))

        def connect() -> socket.socket:
            return socket.create_connection(("127.0.0.1", port), timeout=30)

        start, used = time.perf_counter(), _cpu_seconds(resource.RUSAGE_SELF)
        for _ in range(load.connections):
            ask(connect())
        while time.perf_counter() - start < load.seconds:
            for key, _ in selector.select(1.0):
                client, asked = key.data
                selector.unregister(client)
                ended = _read_answer(client) or load.close
                times.append(time.perf_counter() - asked)
                if ended:
                    client.close()
                    client = connect()
                ask(client)
        passed = time.perf_counter() - start
        busy = (_cpu_seconds(resource.RUSAGE_SELF) - used) / passed
        for key in list(selector.get_map().values()):
            key.data[0].close()
    return Outcome(len(times), passed, sorted(times)[int(len(times) * 0.99)], busy)


def _read_answer(client: socket.socket) -> bool:
    """Read one answer that has a length; return whether the server closes the connection."""
    data = client.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    missing = int(length[1]) - len(body) if length else 0
    while missing > 0 and (more := client.recv(65536)):
        missing -= len(more)
    return b"connection: close" in head.lower() or not data


def _cpu_seconds(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime
