"""A container's counters, as the kernel has them in files of either version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.docker.usage import Usage, _from_files

if TYPE_CHECKING:
    from pathlib import Path

ID = "235decb2895bb149"
VERSION_1 = {
    f"cpuacct/docker/{ID}/cpuacct.usage": "1500000000\n",
    f"cpu/docker/{ID}/cpu.stat": "nr_periods 3\nnr_throttled 1\nthrottled_time 250000000\n",
    f"memory/docker/{ID}/memory.usage_in_bytes": "5000\n",
    f"memory/docker/{ID}/memory.stat": "cache 3000\ntotal_inactive_file 2000\n",
}
VERSION_2 = {
    f"system.slice/docker-{ID}.scope/cpu.stat": "usage_usec 1500000\nthrottled_usec 250000\n",
    f"system.slice/docker-{ID}.scope/memory.current": "5000\n",
    f"system.slice/docker-{ID}.scope/memory.stat": "anon 1\ninactive_file 2000\n",
}


@pytest.mark.parametrize(
    ("files", "groups"),
    [
        (VERSION_1, f"4:memory:/docker/{ID}\n2:cpu,cpuacct:/docker/{ID}\n0::/docker/{ID}\n"),
        (VERSION_2, f"0::/system.slice/docker-{ID}.scope\n"),
    ],
)
def test_the_counters_are_read(tmp_path: Path, files: dict[str, str], groups: str) -> None:
    for name, text in files.items():
        file = tmp_path / "cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "proc" / "7").mkdir(parents=True)
    (tmp_path / "proc" / "7" / "cgroup").write_text(groups)
    found = _from_files(ID, 7, tmp_path / "cgroup", tmp_path / "proc")
    assert found == Usage(cpu_seconds=1.5, throttled_seconds=0.25, memory=3000)


def test_a_process_of_another_machine_is_not_taken_for_it(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cgroup").write_text("0::/user.slice/session-1.scope\n")
    assert _from_files(ID, 7, tmp_path, tmp_path) is None
    assert _from_files(ID, 8, tmp_path, tmp_path) is None
