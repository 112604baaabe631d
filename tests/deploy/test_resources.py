"""Control groups as files in a folder of the test's own."""

from pathlib import Path

import pytest

from deploy import resources
from deploy.resources import Limit, Resources, cpu_quotas, memory_limits, worker_count

GIB = 2**30


def cgroup(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{text}\n")


def test_quotas_of_version_2_hold_all_the_way_up(tmp_path: Path) -> None:
    cgroup(tmp_path, "pod/app/cpu.max", "150000 100000")
    cgroup(tmp_path, "pod/cpu.max", "max 100000")
    cgroup(tmp_path, "cpu.max", "400000 50000")
    found = cpu_quotas(tmp_path, {"": "/pod/app"})
    assert [limit.amount for limit in found] == [1.5, 8.0]


def test_quotas_of_version_1(tmp_path: Path) -> None:
    cgroup(tmp_path, "cpu/app/cpu.cfs_quota_us", "25000")
    cgroup(tmp_path, "cpu/app/cpu.cfs_period_us", "100000")
    cgroup(tmp_path, "cpu/cpu.cfs_quota_us", "-1")
    cgroup(tmp_path, "cpu/cpu.cfs_period_us", "100000")
    [limit] = cpu_quotas(tmp_path, {"cpu": "/app"})
    assert limit.amount == 0.25
    assert "cfs_quota_us" in limit.source


def test_a_path_of_the_host_that_a_container_cannot_see_leads_to_what_is_mounted(
    tmp_path: Path,
) -> None:
    cgroup(tmp_path, "memory.max", str(GIB))
    found = memory_limits(tmp_path, {"": "/system.slice/docker-abc.scope"})
    assert [limit.amount for limit in found] == [GIB]


def test_memory_limits_of_both_versions(tmp_path: Path) -> None:
    cgroup(tmp_path, "memory.max", "max")
    cgroup(tmp_path, "memory/a/memory.limit_in_bytes", str(GIB))
    cgroup(tmp_path, "memory/memory.limit_in_bytes", "9223372036854771712")
    groups = {"": "/", "memory": "/a"}
    assert min(limit.amount for limit in memory_limits(tmp_path, groups)) == GIB


def test_own_groups_are_read_from_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own"
    own.write_text("4:cpu,cpuacct:/app\n3:memory:/app\n0::/\n")
    cgroup(tmp_path, "cpu/app/cpu.cfs_quota_us", "50000")
    cgroup(tmp_path, "cpu/app/cpu.cfs_period_us", "100000")
    cgroup(tmp_path, "memory/app/memory.limit_in_bytes", str(GIB))
    monkeypatch.setattr(resources, "OWN_CGROUPS", own)
    monkeypatch.setattr(resources, "CGROUPS", tmp_path)
    found = resources.find_resources()
    assert found.cpus == Limit(0.5, "cgroup quota, cpu.cfs_quota_us")
    assert found.memory == Limit(GIB, "cgroup limit, memory.limit_in_bytes")


def test_a_node_s_budget_is_what_it_has_unless_a_quota_is_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "OWN_CGROUPS", tmp_path / "none")
    assert resources.find_resources(0.25).cpus == Limit(0.25, "the node's budget, cpus")
    own = tmp_path / "own"
    own.write_text("0::/\n")
    cgroup(tmp_path, "cpu.max", "10000 100000")
    monkeypatch.setattr(resources, "OWN_CGROUPS", own)
    monkeypatch.setattr(resources, "CGROUPS", tmp_path)
    assert resources.find_resources(0.25).cpus == Limit(0.1, "cgroup quota, cpu.max")


def test_without_control_groups_the_machine_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "OWN_CGROUPS", tmp_path / "none")
    found = resources.find_resources()
    assert found.cpus.amount >= 1
    assert found.cpus.amount == int(found.cpus.amount)
    assert found.memory.amount > 2**26


def workers(cpus: float, memory: float, per_cpu: int = 1) -> resources.WorkerCount:
    return worker_count(
        Resources(Limit(cpus, "quota"), Limit(memory, "limit")),
        per_cpu=per_cpu,
        per_cpu_reason="because",
        worker_memory=GIB // 10,
    )


@pytest.mark.parametrize(("cpus", "per_cpu", "expected"), [(0.25, 1, 1), (1.5, 1, 2), (2, 2, 4)])
def test_part_of_a_cpu_is_worth_a_worker(cpus: float, per_cpu: int, expected: int) -> None:
    found = workers(cpus, 64 * GIB, per_cpu)
    assert found.workers == expected
    assert found.reason == f"because; {cpus:g} CPUs (quota)"


def test_memory_may_be_what_runs_out() -> None:
    found = workers(16, GIB)
    assert found.workers == 8
    assert "would carry 16, but 1024 MiB (limit) have room for 8 of 102 MiB each" in found.reason


def test_there_is_always_one_worker() -> None:
    assert workers(4, GIB // 20).workers == 1
