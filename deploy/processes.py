"""The only place that starts and ends processes."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn, cast

from . import launch
from .errors import StartError

Process = subprocess.Popen[bytes]

IN_A_HURRY = 1.0

# -P: a folder of the user's called deploy must not be taken for this package.
PYTHON = (sys.executable, "-P")


def python_module(module: str, *arguments: str) -> list[str]:
    return [*PYTHON, "-m", module, *arguments]


def spawn(
    argv: Sequence[str],
    *,
    stdout: int,
    stderr: int,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    sockets: Sequence[int] = (),
    confined: Sequence[str] = (),
) -> Process:
    """Start a program that dies with the thread that called this.

    `stdout` and `stderr` are file descriptors, and so are `sockets`, which it inherits under the
    same numbers. `confined` is what the launcher does about its CPU budget.
    """
    try:
        return subprocess.Popen(  # noqa: S603
            [*_launcher(), *confined, *argv],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=env,
            cwd=cwd,
            pass_fds=sockets,
        )
    except OSError as error:
        raise StartError(f"{argv[0]} could not be started: {error}") from None


def _launcher() -> list[str]:
    return [sys.executable, "-I", "-S", launch.__file__, str(os.getpid())]


@dataclass(frozen=True, slots=True)
class Session:
    """A program in a session of its own, with pipes to its stdin and stdout."""

    process: Process
    requests: IO[bytes]
    answers: IO[bytes]

    def let_go(self) -> None:
        """Close both pipes."""
        for channel in (self.requests, self.answers):
            with contextlib.suppress(OSError):
                channel.close()

    def wait(self, seconds: float) -> None:
        """Wait for a program that is about to end; it is killed if it does not."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def abandon(self) -> None:
        """Let it run on, without a warning that nobody waits for it."""
        self.let_go()
        self.process.returncode = 0


def spawn_session(argv: Sequence[str]) -> Session:
    process = subprocess.Popen(  # noqa: S603
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        cwd="/",
    )
    return Session(process, cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout))


def spawn_inheriting(argv: Sequence[str]) -> Process:
    """Start a program that shares stdin, stdout and stderr with this one."""
    return subprocess.Popen(argv)  # noqa: S603


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    timeout: float,
    pause: Callable[[float], object] = time.sleep,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; `timeout` is in seconds.

    `pause` is called while it runs, and ends it by raising.
    """
    deadline = time.monotonic() + timeout
    with subprocess.Popen(  # noqa: S603
        [*_launcher(), *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=env,
        cwd=cwd,
    ) as process:
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    output, errors = process.communicate(timeout=0.05)
                    return subprocess.CompletedProcess(argv, process.returncode, output, errors)
                if time.monotonic() > deadline:
                    raise subprocess.TimeoutExpired(argv, timeout)
                pause(0)
        finally:
            process.kill()


def output_of(argv: Sequence[str], *, timeout: float) -> str:
    """What a short-lived program prints on both channels; `timeout` is in seconds."""
    result = subprocess.run(  # noqa: S603
        argv, capture_output=True, text=True, errors="replace", timeout=timeout, check=False
    )
    return result.stdout + result.stderr


def capture(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    given: str = "",
    timeout: float,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, out of reach of the terminal's Ctrl-C.

    `given` is its standard input, `timeout` is in seconds.
    """
    return subprocess.run(  # noqa: S603
        argv,
        input=given,
        capture_output=True,
        text=True,
        errors="replace",
        env=env,
        timeout=timeout,
        check=False,
        start_new_session=True,
    )


def spawn_talking(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Process:
    """Start a program whose output, errors among it, is read line by line; it is given nothing."""
    return subprocess.Popen(  # noqa: S603
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=env,
        start_new_session=True,
    )


def spawn_held(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> Process:
    """Start a program that is to end when its standard input does, as when this process dies."""
    return subprocess.Popen(  # noqa: S603
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        start_new_session=True,
    )


def spawn_on_socket(
    argv: Sequence[str], connection: socket.socket, *, env: Mapping[str, str] | None = None
) -> Process:
    """Start a program that reads from a socket and writes to it; what it complains of is lost."""
    return subprocess.Popen(  # noqa: S603
        argv,
        stdin=connection.fileno(),
        stdout=connection.fileno(),
        stderr=subprocess.DEVNULL,
        env=env,
        start_new_session=True,
    )


def replace_this_process(argv: list[str], *, env: Mapping[str, str], cwd: Path) -> NoReturn:
    os.chdir(cwd)
    os.execve(argv[0], argv, env)  # noqa: S606


def stop(
    processes: Sequence[Process],
    *escalation: tuple[signal.Signals, float],
    hurry: Callable[[], bool] = lambda: False,
    pause: Callable[[float], object] = time.sleep,
) -> None:
    """Send signals one after the other, each with the seconds it has to work; last a kill.

    The seconds are for all the processes together. In a `hurry` they are not more than one.
    `pause` waits some seconds, and may end the waiting by raising.
    """
    for sig, seconds in escalation:
        for process in processes:
            if process.poll() is None:
                process.send_signal(sig)
        start = time.monotonic()
        while _any_runs(processes):
            if time.monotonic() - start > (min(seconds, IN_A_HURRY) if hurry() else seconds):
                break
            pause(0.02)
    for process in processes:
        process.kill()
        process.wait()


def _any_runs(processes: Sequence[Process]) -> bool:
    # A list, for poll() also collects the exit code of each.
    return any([process.poll() is None for process in processes])
