"""Times of all peers in one scenario, taken in short blocks that follow each other.

A share is a difference of two times that are mostly SQLAlchemy's and the driver's, so what the
machine does meanwhile must hit all alike. Peers that are measured one after the other, for a second
each, meet different seconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shlex
import subprocess
import sys
from typing import IO, cast

from .figures import PEERS


def measure(scenario: str, url: str, count: int) -> dict[str, list[float]]:
    """Return the µs per request of ``count`` blocks of each peer, each in a fresh process.

    The peers take turns, in another order each time.
    """
    times: dict[str, list[float]] = {peer: [] for peer in PEERS}
    with contextlib.ExitStack() as stack:
        processes: dict[str, subprocess.Popen[str]] = {}
        for peer in PEERS:
            processes[peer] = stack.enter_context(start(peer, scenario, url))
            # Not counted, and before the next one starts: all of them change the same rows.
            time_of_block(processes[peer])
        for _ in range(count):
            for peer in random.sample(PEERS, len(PEERS)):
                times[peer].append(time_of_block(processes[peer]))
    return times


def start(peer: str, scenario: str, url: str) -> subprocess.Popen[str]:
    """Start a process that waits for its turns; it ends with the block it is entered in."""
    command = [sys.executable, "-m", f"{__package__}.measure", peer, scenario, url]
    return subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def time_of_block(process: subprocess.Popen[str]) -> float:
    """Have a process answer one block; return the µs per request.

    :raises SystemExit: it has ended, and said why.
    """
    questions, answers = cast("IO[str]", process.stdin), cast("IO[str]", process.stdout)
    with contextlib.suppress(BrokenPipeError):
        # Not through a buffer, which would be written once more when it is closed.
        os.write(questions.fileno(), b"\n")
    line = answers.readline()
    if not line:
        raise SystemExit(f"{shlex.join(cast('list[str]', process.args))} ended before its time")
    return float(json.loads(line))
