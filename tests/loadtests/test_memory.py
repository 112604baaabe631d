"""The memory that processes hold, from /proc."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from loadtests.memory import out_of_memory_kills, process_memory

MIB = 2**20
HOLD = """
import os, sys
held = b"x" * (64 * 2**20)
if os.fork() == 0:
    more = b"y" * (32 * 2**20)
    print("ready", flush=True)
sys.stdin.read()
"""


def test_a_process_and_its_children_count_and_what_they_share_counts_once() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        held = process_memory(process.pid)
        assert process.stdin
        process.stdin.close()
    assert held is not None
    assert 96 * MIB <= held < 96 * MIB + 40 * MIB


def test_a_process_that_has_gone_holds_nothing_that_could_be_told() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert process_memory(process.pid) is None


def test_kills_for_want_of_memory_are_counted_by_the_kernel(tmp_path: Path) -> None:
    (tmp_path / "vmstat").write_text("pgfault 7\noom_kill 3\nother 1\n")
    assert out_of_memory_kills(tmp_path) == 3
    (tmp_path / "vmstat").write_text("pgfault 7\n")
    assert out_of_memory_kills(tmp_path) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_this_process_has_memory() -> None:
    assert (process_memory(os.getpid()) or 0) > MIB
