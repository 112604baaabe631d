"""Programs that the benchmarks start are waited for, and do not outlive them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks.processes import answer_of, on_core, running, wait_until, with_bytecode
from deploy import procfs

if TYPE_CHECKING:
    from pathlib import Path

PRINT = "import os, sys; print(os.environ['WORD'], sorted(os.sched_getaffinity(0)))"


def test_program_writes_to_its_log_and_has_its_core_and_environment(tmp_path: Path) -> None:
    core = max(os.sched_getaffinity(0))
    log = tmp_path / "log"
    before = os.sched_getaffinity(0)
    command = [sys.executable, "-c", PRINT]
    with running(command, env={"WORD": "hello"}, core=core, log=log) as process:
        process.wait(30)
    assert log.read_text() == f"hello [{core}]\n"
    assert os.sched_getaffinity(0) == before


def test_program_has_ended_after_the_block() -> None:
    with running([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        assert procfs.runs(process.pid)
    assert not procfs.runs(process.pid)


def test_core_is_given_back_after_an_error() -> None:
    before = os.sched_getaffinity(0)
    with pytest.raises(ZeroDivisionError), on_core(min(before)):
        1 / len(os.sched_getaffinity(0) - {min(before)})
    assert os.sched_getaffinity(0) == before


def test_waiting_ends_when_the_program_does() -> None:
    said = "it answers: the program ended with exit code 3"
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    with running(command) as process, pytest.raises(TimeoutError, match=said):
        wait_until(lambda: False, "it answers", process)


def test_answer_of_a_module_that_fails_is_its_message() -> None:
    with pytest.raises(SystemExit, match="unrecognized arguments: --no-such-option"):
        answer_of("benchmarks.core.measure", "bare", "hello", "--no-such-option")


def test_program_keeps_what_it_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    (tmp_path / "compiled_once.py").touch()
    command = [sys.executable, "-c", "import compiled_once"]
    subprocess.run(command, check=True, cwd=tmp_path, env=with_bytecode())
    assert list(tmp_path.rglob("*.pyc"))
