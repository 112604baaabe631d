"""What processes print, on its way to log files.

A pipe and not the file itself: whoever prints never meets a full disk, files can be exchanged while
it prints, and every line gets the time. A thread reads each pipe, so that one that is busy holds up
no other.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable
from threading import Thread

from .stamps import stamp

CAPACITY = 1 << 20
READ_SIZE = 65_536
LONGEST_LINE = 65_536

# Under load one read takes what some hundred requests have printed, instead of a read for each.
COLLECT = 0.01

FINISH_TIMEOUT = 1.0

Sink = Callable[[bytes], object]


class LogPipe:
    """A pipe whose whole lines are handed to a sink, until every process that has it has ended.

    As a context manager it closes this process's own writing end at the end of the block, in which
    the process that is to write there is started.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._reading_end, self.writing_end = os.pipe()
        # One that may not be so large has the size that pipes have.
        with contextlib.suppress(OSError):
            fcntl.fcntl(self.writing_end, fcntl.F_SETPIPE_SZ, CAPACITY)
        self._thread = Thread(target=self._read, name="log pipe", daemon=True)
        self._thread.start()

    def __enter__(self) -> int:
        return self.writing_end

    def __exit__(self, *exception: object) -> None:
        os.close(self.writing_end)

    def finish(self) -> None:
        """Wait until what an ended process has printed is where it belongs.

        Not for ever: a process that it has started may still have the pipe.
        """
        self._thread.join(FINISH_TIMEOUT)

    def _read(self) -> None:
        rest = b""
        while data := os.read(self._reading_end, READ_SIZE):
            lines, end, rest = (rest + data).rpartition(b"\n")
            if len(rest) > LONGEST_LINE:
                lines, end, rest = lines + end + rest, b"\n", b""
            if end:
                self._sink(lines + end)
            if len(data) < READ_SIZE:
                time.sleep(COLLECT)
        if rest:
            self._sink(rest + b"\n")
        os.close(self._reading_end)


def with_time(sink: Sink) -> Sink:
    """A sink that puts the time before each line."""

    def add(lines: bytes) -> None:
        now = stamp().encode() + b" "
        sink(now + lines[:-1].replace(b"\n", b"\n" + now) + b"\n")

    return add
