"""A run of Locust, in one process or under a master with workers, read second by second."""

from __future__ import annotations

import json
import os
import selectors
import signal
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from loadtests.errors import LoadTestError, LocustFailed
from loadtests.locust_process import LocustProcess
from loadtests.records import Line, Merger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtests.records import Record

SUITES = Path(__file__).with_name("suites")
NOT_SUITES = ("__init__", "__main__", "arrivals", "entrance", "recorder", "silence")
PATIENCE = 30.0
"""Seconds without a record after which Locust counts as hung; it writes one a second."""
TAIL_LINES = 15
TAIL_BYTES = 8192
MASTER = "The Locust master"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Load:
    """What Locust is to do: `users` of a suite, all started at once, against one URL."""

    suite: Path
    url: str
    users: int
    run_time: float
    """Seconds after which Locust ends by itself, whatever else happens."""
    processes: int = 1
    """Locust processes that make the traffic; several of them run under a master of their own."""
    rate: float | None = None
    """Arrivals per second, by schedule, instead of users who wait for answers."""
    urls: tuple[str, ...] = ()
    """Entrances to the same service, if it has several: each process takes another, in turn."""


class LocustRun:
    """A running Locust: a context manager to iterate over, one `Record` a second.

    Leaving the context stops Locust; nothing is left behind. When this process is killed the
    kernel kills Locust too, which holds on Linux and for the thread that entered the context.

    A worker that is lost does not end the run: records count fewer `processes` from then on.
    """

    def __init__(self, load: Load) -> None:
        self.load = load
        self.processes: list[LocustProcess] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._output = stack.enter_context(tempfile.TemporaryFile())
            stack.callback(self._stop)
            if self.load.processes == 1:
                self._start("Locust", alone(self.load))
            else:
                self._start_distributed()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __iter__(self) -> Iterator[Record]:
        """Yield each record as it comes; return when Locust ends well, raise when it does not."""
        merger = Merger([process.name for process in self.processes])
        with selectors.DefaultSelector() as selector:
            for process in self.processes:
                selector.register(process, selectors.EVENT_READ, process)
            deadline = time.monotonic() + PATIENCE
            while selector.get_map():
                for key, _ in selector.select(max(0.0, deadline - time.monotonic())):
                    self._read(key.data, merger, selector)
                for record in merger.complete():
                    yield record
                    deadline = time.monotonic() + PATIENCE
                if time.monotonic() >= deadline:
                    raise self._failed(f"Locust said nothing for {PATIENCE:g} s")

    def _read(
        self, process: LocustProcess, merger: Merger, selector: selectors.BaseSelector
    ) -> None:
        lines = process.read_lines()
        if lines is not None:
            for line in lines:
                merger.add(process.name, Line.parse(line))
            return
        selector.unregister(process)
        others = any(key.data.name != MASTER for key in selector.get_map().values())
        self._check_end(process, spared=others and merger.has_begun and process.name != MASTER)
        merger.end(process.name)

    def _check_end(self, process: LocustProcess, *, spared: bool) -> None:
        """Raise if a process ended badly, unless the run goes on without it."""
        code = process.wait()
        if code is None:
            raise self._failed(f"{process.name} stopped recording but does not end")
        if code != 0 and not spared:
            raise self._failed(f"{process.name} {ended(code)}")

    def _start_distributed(self) -> None:
        """Start a master on a free port, and workers that connect to it."""
        master = self._start(MASTER, as_master(self.load))
        port = self._port_of(master)
        for number in range(1, self.load.processes + 1):
            entrances = self.load.urls or (self.load.url,)
            host = entrances[number % len(entrances)]
            self._start(f"Locust worker {number}", as_worker(self.load, port), host)

    def _port_of(self, master: LocustProcess) -> int:
        """Wait for the master's first line, which names its port."""
        with selectors.DefaultSelector() as selector:
            selector.register(master, selectors.EVENT_READ)
            if not selector.select(PATIENCE):
                raise self._failed(f"{MASTER} said nothing for {PATIENCE:g} s")
        lines = master.read_lines()
        if not lines:
            self._check_end(master, spared=False)
            raise self._failed(f"{MASTER} ended before it began")
        return int(json.loads(lines[0])["port"])

    def _start(self, name: str, arguments: list[str], host: str = "") -> LocustProcess:
        process = LocustProcess(name, arguments, self._output, host)
        self.processes.append(process)
        return process

    def _stop(self) -> None:
        """Ask all processes to end, and then insist on each."""
        for process in self.processes:
            process.terminate()
        with ExitStack() as stack:
            for process in self.processes:
                stack.callback(process.close)

    def _failed(self, what: str) -> LocustFailed:
        said = self._tail()
        return LocustFailed(
            f"{what} while running {self.load.suite}. It said last:\n{said}"
            if said
            else f"{what} while running {self.load.suite}, without a word."
        )

    def _tail(self) -> str:
        """The last lines Locust wrote, indented."""
        end = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, end - TAIL_BYTES))
        lines = self._output.read().decode(errors="replace").strip().splitlines()
        return "\n".join(f"  {line}" for line in lines[-TAIL_LINES:])


def ended(code: int) -> str:
    """How a process with such an exit code ended."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def alone(load: Load) -> list[str]:
    """Locust's arguments for traffic from one process."""
    # Of scheduled arrivals a user is no visitor but a source, of which a process has one.
    users = load.users if load.rate is None else load.processes
    return [
        *common(load),
        *("--users", str(users)),
        *("--spawn-rate", str(users)),
        *("--run-time", f"{round(load.run_time)}s"),
    ]


def as_master(load: Load) -> list[str]:
    """The arguments of a master, which makes no traffic itself but tells its workers to."""
    return [
        *alone(load),
        "--master",
        *("--master-bind-host", LOOPBACK),
        *("--master-bind-port", "0"),
        *("--expect-workers", str(load.processes)),
    ]


def as_worker(load: Load, port: int) -> list[str]:
    return [*common(load), "--worker", "--master-host", LOOPBACK, "--master-port", str(port)]


def common(load: Load) -> list[str]:
    rate = [] if load.rate is None else ["--arrival-rate", repr(load.rate)]
    return [
        *rate,
        *("--headless", "--only-summary"),
        *("--locustfile", str(load.suite)),
        *("--host", load.url),
        *("--exit-code-on-error", "0"),  # failed requests are figures here, not a broken run
        *("--loglevel", "WARNING"),
    ]


def find_suite(name: str, directory: Path) -> Path:
    """Return the locustfile: a suite of ours by its name, or a file relative to `directory`."""
    path = directory / name
    if path.is_file():
        return path.resolve()
    names = suite_names()
    if name in names:
        return SUITES / f"{name}.py"
    raise LoadTestError(
        f"There is no suite {name!r}: it is neither a file ({path}) nor one of "
        f"{', '.join(names)}. Copy one from {SUITES} to write your own."
    )


def suite_names() -> list[str]:
    return sorted(path.stem for path in SUITES.glob("*.py") if path.stem not in NOT_SUITES)
