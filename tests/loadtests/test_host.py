"""What the machine is and how busy it was."""

from pathlib import Path

import pytest

from loadtests.host import HostTimes, cpu_model, describe_host, memory, version


def test_idle_share_counts_disk_waits_as_idle_and_stolen_time_as_busy() -> None:
    before = HostTimes.parse("cpu  100 0 100 700 50 0 0 50 10 0")
    after = HostTimes.parse("cpu  200 0 200 1200 150 0 0 250 90 0")
    assert after.total - before.total == 1000
    assert after.idle_share_since(before) == pytest.approx(0.6)
    assert after.steal_share_since(before) == pytest.approx(0.2)


def test_no_time_between_two_readings_gives_no_share() -> None:
    times = HostTimes.parse("cpu 1 2 3 4 5 6 7 8")
    assert times.idle_share_since(times) is None
    assert times.steal_share_since(times) is None


def test_a_system_without_proc_gives_no_reading(tmp_path: Path) -> None:
    assert HostTimes.read(tmp_path) is None
    assert memory(tmp_path) == "memory unknown"
    assert cpu_model(tmp_path)


def test_the_machine_is_read_from_proc(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Little Engine @ 2 GHz\n")
    (tmp_path / "meminfo").write_text("MemTotal:        4194304 kB\nMemFree: 1 kB\n")
    (tmp_path / "stat").write_text("cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4\n")
    assert cpu_model(tmp_path) == "Little Engine @ 2 GHz"
    assert memory(tmp_path) == "4.0 GiB memory"
    assert HostTimes.read(tmp_path) == HostTimes(idle=9, total=36, steal=8)


def test_versions_that_a_figure_depends_on_are_named() -> None:
    assert describe_host()["gunicorn"][0].isdigit()
    assert version("no-such-package-here") == "not installed"
