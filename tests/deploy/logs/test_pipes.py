"""From what a process prints to whole lines with the time before them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from deploy.logs import pipes
from deploy.logs.pipes import CAPACITY, LONGEST_LINE, READ_SIZE, LogPipe, with_time
from deploy.logs.stamps import split

if TYPE_CHECKING:
    from collections.abc import Callable


def printed(code: str) -> list[bytes]:
    """What the sink gets from a program."""
    got: list[bytes] = []
    pipe = LogPipe(got.append)
    with pipe as writing_end:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=writing_end)
    process.wait()
    with pytest.MonkeyPatch.context() as patient:
        patient.setattr(pipes, "FINISH_TIMEOUT", 60.0)
        pipe.finish()
    return got


def test_lines_come_whole_however_they_were_written() -> None:
    code = "import os; [os.write(1, part) for part in (b'on', b'e\\ntwo\\nth', b'ree\\nrest')]"
    got = printed(code)
    assert b"".join(got) == b"one\ntwo\nthree\nrest\n"
    assert all(lines.endswith(b"\n") for lines in got)


def test_a_line_without_an_end_does_not_fill_the_memory() -> None:
    size = 4 * CAPACITY
    got = printed(f"import sys; sys.stdout.write('x' * {size})")
    assert b"".join(got).replace(b"\n", b"") == b"x" * size
    assert max(map(len, got)) <= READ_SIZE + LONGEST_LINE + 1


def test_nothing_is_lost_of_a_lot() -> None:
    got = printed("for number in range(200_000): print('line', number)")
    assert b"".join(got) == b"".join(b"line %d\n" % number for number in range(200_000))


def test_whoever_prints_is_not_held_up_by_one_who_holds_the_pipe_open(
    eventually: Callable[..., None],
) -> None:
    got: list[bytes] = []
    pipe = LogPipe(got.append)
    with pipe as writing_end:
        other = os.dup(writing_end)
        os.write(writing_end, b"said\n")
    eventually(lambda: got == [b"said\n"])
    # It gives up waiting, since the pipe has not ended.
    pipe.finish()
    os.close(other)
    pipe.finish()


def test_every_line_gets_the_time() -> None:
    got: list[bytes] = []
    with_time(got.append)(b"one\n\ntwo\n")
    lines = b"".join(got).decode().splitlines()
    assert [split(line)[1] for line in lines] == ["one", "", "two"]
    assert all(split(line)[0] for line in lines)
