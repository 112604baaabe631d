"""Programs that a benchmark starts, waits for and ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.processes import Process, spawn, stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).parents[1]

START_WITHIN = 60.0
STOP_WITHIN = 40.0
"""Seconds; longer than gunicorn lets its workers finish what they have begun."""


def with_bytecode() -> dict[str, str]:
    """Return the environment for a Python program whose modules are kept compiled.

    Where they are not, a start measures how fast Python compiles what is not installed.
    """
    return {n: text for n, text in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE"}


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Keep this thread, and whatever it starts in the block, on one core; None for all of them."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before if core is None else {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    core: int | None = None,
    log: Path | None = None,
) -> Process:
    """Start a program in the project's folder; it dies with the thread that called this.

    :param env: added to the environment of this process.
    :param core: the only one that it and its children run on.
    :param log: where it writes to; nowhere without one.
    """
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    with on_core(core), (log or Path(os.devnull)).open("wb") as output:
        file = output.fileno()
        return spawn(command, stdout=file, stderr=file, env=environ, cwd=ROOT)


@contextlib.contextmanager
def running(command: Sequence[str], **options: Any) -> Iterator[Process]:
    """:func:`start` a program for the length of the block."""
    process = start(command, **options)
    try:
        yield process
    finally:
        stop([process], (signal.SIGTERM, STOP_WITHIN))


def wait_until(condition: Callable[[], bool], what: str, process: Process | None = None) -> None:
    """Ask until it is so; ``TimeoutError``, which names ``what``, if it does not become so.

    :param process: the program that is waited for; when it ends, so does the waiting.
    """
    deadline = time.monotonic() + START_WITHIN
    while not condition():
        if process and process.poll() is not None:
            raise TimeoutError(f"{what}: the program ended with exit code {process.returncode}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {START_WITHIN:g} s")
        time.sleep(0.01)


def answer_of(module: str, *arguments: str, timeout: float | None = None) -> Any:
    """Return what a module printed as JSON, run in a process of its own."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, timeout=timeout
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command[2:])} failed:\n{done.stderr}")
    return json.loads(done.stdout)
