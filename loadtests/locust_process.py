"""One Locust as a child process: how it is started, read, and stopped with its parent.

Locust replaces the standard library's sockets and threads when it is imported, so it never runs in
this process. `python -m loadtests.suites` runs it with a recorder that writes lines on a pipe.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from deploy import launch
from loadtests.errors import LocustFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

STOP_TIMEOUT = 5.0


class LocustProcess:
    """A Locust whose recorder can be read; it dies with the thread that started it, on Linux."""

    def __init__(
        self, name: str, arguments: Sequence[str], output: IO[bytes], host: str = ""
    ) -> None:
        """`host` is where this one comes in, whatever its master says; empty: as that says."""
        self.name = name
        self._rest = b""
        self._reader, writer = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603  our own arguments, no shell
                [
                    *(sys.executable, "-I", "-S", launch.__file__, str(os.getpid())),
                    *(sys.executable, "-P", "-m", "loadtests.suites", *arguments),
                ],
                env={
                    **os.environ,
                    "TWOFOLD_RECORDER_FD": str(writer),
                    "TWOFOLD_HOST": host,
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(writer,),
                start_new_session=True,  # Ctrl-C reaches us alone, and we stop Locust in order
            )
        except OSError as error:
            os.close(self._reader)
            raise LocustFailed(f"Locust cannot be started: {error}") from error
        finally:
            os.close(writer)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Negative for the signal that killed it; None while it runs."""
        return self._process.returncode

    def fileno(self) -> int:
        """What becomes readable when there are lines, or when there will be no more."""
        return self._reader

    def read_lines(self) -> list[bytes] | None:
        """Read what is there and return the lines it completes; None when there will be no more."""
        data = os.read(self._reader, 65536)
        if not data:
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        return lines

    def wait(self) -> int | None:
        """Return the exit code, or None if the process does not end in time."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(STOP_TIMEOUT)
        return None

    def terminate(self) -> None:
        self._process.terminate()

    def close(self) -> None:
        """Wait for the end, insist on it, and close the pipe."""
        try:
            if self.wait() is None:
                self._process.kill()
                self._process.wait()
        finally:
            os.close(self._reader)
