"""What is known about a process that has ended."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.errors import StartError
from deploy.logs.files import LogFile
from deploy.supervisor.parts import Part

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def log(tmp_path: Path) -> LogFile:
    return LogFile(tmp_path / "node1.log", file_size=10**7, files=2)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was printed is waited for, however slow the machine is."""
    monkeypatch.setattr("deploy.logs.pipes.FINISH_TIMEOUT", 60.0)


def ended(part: Part) -> Part:
    part.start()
    assert part.process is not None
    part.process.wait()
    return part


def test_the_last_words_are_there_as_soon_as_a_process_has_ended(log: LogFile) -> None:
    code = "for number in range(20_000): print('line', number)"
    part = ended(Part("node1", [sys.executable, "-c", code], log))
    assert part.last_log_lines(2) == "  line 19998\n  line 19999"


def test_words_of_the_process_before_are_not_shown(log: LogFile) -> None:
    ended(Part("node1", [sys.executable, "-c", "print('before')"], log)).last_log_lines()
    part = ended(Part("node1", [sys.executable, "-c", "print('after')"], log))
    assert part.last_log_lines() == "  after"


def test_the_last_words_are_known_on_a_full_disk() -> None:
    log = LogFile(Path("/dev/full"), file_size=10**7, files=2)
    part = ended(Part("node1", [sys.executable, "-c", "print('why')"], log))
    assert part.last_log_lines() == "  why"
    assert log.lost == 1


def test_the_last_words_are_known_after_the_clock_was_put_back(
    log: LogFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = Part("node1", [sys.executable, "-c", "input(); print('why')"], log)
    part.start()
    monkeypatch.setattr("deploy.logs.pipes.stamp", lambda: "2000-01-01T00:00:00.000000Z")
    assert part.process is not None
    part.process.wait()
    assert part.last_log_lines(1) == "  EOFError: EOF when reading a line"


def test_a_part_for_which_no_file_descriptor_is_left_is_not_started(log: LogFile) -> None:
    part = Part("node1", [sys.executable, "-c", ""], log)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The lowest that is free is the first that may not be had.
    with open(os.devnull) as lowest:
        free = lowest.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
    try:
        with pytest.raises(StartError, match=r"node1 could not be started: .*Too many open files"):
            part.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_stdout_may_have_a_place_of_its_own(log: LogFile, eventually: Callable[..., None]) -> None:
    got: list[bytes] = []
    code = "import sys; print('request'); print('warning', file=sys.stderr)"
    part = ended(Part("balancer", [sys.executable, "-c", code], log, output=got.append))
    assert part.last_log_lines() == "  warning"
    eventually(lambda: got == [b"request\n"])
