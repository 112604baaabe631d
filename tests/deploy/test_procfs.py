import os
import subprocess
import sys

import pytest

from deploy import procfs
from deploy.procfs import CpuMeter

BURN = "sum(i * i for i in range(3_000_000))"


def test_children_are_found() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in procfs.children(os.getpid())


def test_a_process_that_ends_while_it_is_read_has_no_children(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(path: object) -> list[str]:
        raise ProcessLookupError(path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "listdir", gone)
        assert procfs.children(os.getpid()) == []


def test_a_process_that_only_waits_to_be_read_does_not_run() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert procfs.runs(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not procfs.runs(child.pid)
    child.communicate()
    assert not procfs.runs(child.pid)


def test_cpu_time_counts_children_that_are_gone() -> None:
    before = procfs.cpu_seconds(os.getpid())
    subprocess.run([sys.executable, "-c", BURN], check=True)
    assert procfs.cpu_seconds(os.getpid()) > before


def test_a_process_that_does_not_exist_has_used_nothing() -> None:
    assert procfs.cpu_seconds(2**22 + 1) == 0.0


def test_the_meter_goes_on_when_the_process_behind_a_name_is_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used = {1: 5.0, 2: 1.0}
    monkeypatch.setattr(procfs, "cpu_seconds", lambda pid: used[pid])
    meter = CpuMeter()
    assert meter.read("node1", 1) == 5.0
    assert meter.read("node1", None) == 5.0
    assert meter.read("node1", 2) == 6.0
    used[2] = 0.5
    assert meter.read("node1", 2) == 6.0
    assert meter.read("node2", None) == 0.0
