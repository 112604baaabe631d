"""Control groups of nodes: as files in a folder of the test's own, and the machine's if allowed."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy import processes, quota_groups
from deploy.cgroups import CGROUPS, OWN_CGROUPS, own_groups, read
from deploy.quota_groups import PREFIX, QuotaGroup, make_group, places, sweep

FIND = "from deploy.resources import find_resources; print(find_resources().cpus)"
BURN = "import time\nend = time.monotonic() + 0.5\nwhile time.monotonic() < end: pass"


def version_2(root: Path, path: str, *, cpu_max: str = "", divided: bool = False) -> None:
    """A group's directory with the files that the kernel makes there."""
    directory = root / path
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "cgroup.procs").write_text("")
    (directory / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    (directory / "cgroup.subtree_control").write_text("cpu memory\n" if divided else "memory\n")
    if cpu_max:
        (directory / "cpu.max").write_text(f"{cpu_max}\n")
        (directory / "memory.max").write_text("max\n")


def version_1(root: Path, path: str) -> None:
    directory = root / "cpu" / path
    directory.mkdir(parents=True)
    (directory / "cgroup.procs").write_text("")


def test_version_2_goes_up_from_the_own_group_to_the_root(tmp_path: Path) -> None:
    for path in ("", "user.slice", "user.slice/session"):
        version_2(tmp_path, path, cpu_max="max 100000" if path else "")
    found = list(places(tmp_path, {"": "/user.slice/session"}))
    assert found == [
        (tmp_path / "user.slice/session", 2),
        (tmp_path / "user.slice", 2),
        (tmp_path, 2),
    ]


@pytest.mark.parametrize("limit", ["cpu.max", "memory.max"])
def test_version_2_stays_below_a_limit(tmp_path: Path, limit: str) -> None:
    for path in ("", "pod", "pod/app"):
        version_2(tmp_path, path, cpu_max="max 100000")
    (tmp_path / "pod" / limit).write_text("150000 100000\n")
    found = [path for path, _ in places(tmp_path, {"": "/pod/app"})]
    assert found == [tmp_path / "pod/app", tmp_path / "pod"]


def test_version_1_is_used_where_it_has_the_cpu_controller(tmp_path: Path) -> None:
    version_1(tmp_path, "app")
    version_2(tmp_path, "unified")
    assert list(places(tmp_path, {"cpu": "/app", "": "/"})) == [(tmp_path / "cpu/app", 1)]


def test_a_group_without_the_cpu_controller_is_none(tmp_path: Path) -> None:
    version_2(tmp_path, "")
    (tmp_path / "cgroup.controllers").write_text("memory pids\n")
    own = tmp_path / "own"
    own.write_text("0::/\n")
    with pytest.raises(OSError, match="none has a CPU quota"):
        make_group("shop", tmp_path, own)


def test_a_quota_is_written_as_version_2_reads_it(tmp_path: Path) -> None:
    version_2(tmp_path, "")
    own = tmp_path / "own"
    own.write_text("0::/\n")
    group = quota_groups._make(tmp_path, 2, "shop")
    try:
        assert read(tmp_path / "cgroup.subtree_control") == "+cpu"
        assert group.path.name == f"{PREFIX}shop.{os.getpid()}"
        assert read(group.path / "cgroup.subtree_control") == "+cpu"
        assert group.add("node1", 0.5) == group.path / "node1/cgroup.procs"
        assert read(group.path / "node1/cpu.max") == "10000 20000"
        group.add("node1", 2.5)
        assert read(group.path / "node1/cpu.max") == "50000 20000"
        group.add("node2", 0.01)
        assert read(group.path / "node2/cpu.max") == "1000 100000"
    finally:
        os.close(group._lock)


def test_groups_that_are_divided_already_are_left_as_they_are(tmp_path: Path) -> None:
    version_2(tmp_path, "", divided=True)
    group = quota_groups._make(tmp_path, 2, "shop")
    os.close(group._lock)
    assert read(tmp_path / "cgroup.subtree_control") == "cpu memory"


@pytest.mark.parametrize(
    ("version", "stat"),
    [
        (1, "nr_periods 30\nnr_throttled 20\nthrottled_time 1250000000\n"),
        (2, "usage_usec 5\nnr_periods 30\nnr_throttled 20\nthrottled_usec 1250000\n"),
    ],
)
def test_throttled_time_is_read_in_seconds(tmp_path: Path, version: int, stat: str) -> None:
    (tmp_path / "node1").mkdir()
    (tmp_path / "node1/cpu.stat").write_text(stat)
    group = QuotaGroup(tmp_path, version, -1)
    assert group.throttled_seconds("node1") == 1.25
    assert group.throttled_seconds("node2") == 0.0


def test_only_groups_that_nobody_has_locked_are_swept(tmp_path: Path) -> None:
    for name in ("stale", "alive"):
        (tmp_path / f"{PREFIX}{name}.1" / "node1").mkdir(parents=True)
    (tmp_path / "system.slice").mkdir()
    lock = os.open(tmp_path / f"{PREFIX}alive.1", os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sweep(tmp_path)
    finally:
        os.close(lock)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["system.slice", f"{PREFIX}alive.1"]


@pytest.fixture
def group() -> Iterator[QuotaGroup]:
    """A group of this machine, which the test may use as it likes."""
    try:
        made = make_group("test")
    except OSError as error:
        pytest.skip(f"this machine lets nobody here make a control group: {error}")
    yield made
    made.close()
    assert not made.path.exists()


def run_in(procs: Path, code: str) -> subprocess.CompletedProcess[str]:
    launcher = [*processes._launcher(), f"join={procs}"]
    return subprocess.run(
        [*launcher, sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )


@pytest.mark.integration
def test_a_process_that_joined_sees_its_quota_as_what_it_has(group: QuotaGroup) -> None:
    for cpus in (0.25, 1.5, 0.1):
        said = run_in(group.add("node1", cpus), FIND).stdout
        least = min(cpus, len(os.sched_getaffinity(0)))
        assert f"amount={least:g}" in said


@pytest.mark.integration
def test_a_process_that_wants_more_than_its_quota_is_held_back(
    group: QuotaGroup, eventually: Callable[..., None]
) -> None:
    procs = group.add("node1", 0.1)
    assert group.throttled_seconds("node1") == 0.0

    def held_back() -> bool:
        run_in(procs, BURN)
        return group.throttled_seconds("node1") > 0.1

    eventually(held_back)


@pytest.mark.integration
def test_a_group_outlives_its_last_process_for_a_moment_only(group: QuotaGroup) -> None:
    procs = group.add("node1", 0.5)
    launcher = [*processes._launcher(), f"join={procs}"]
    with subprocess.Popen([*launcher, "/bin/sleep", "60"]) as sleeper:
        while read(procs) != str(sleeper.pid):
            time.sleep(0.01)
        sleeper.kill()
        sleeper.wait()
    group.remove("node1")
    assert not (group.path / "node1").exists()


@pytest.mark.integration
def test_what_a_killed_maker_left_is_swept(group: QuotaGroup) -> None:
    code = (
        "import os, signal; from deploy.quota_groups import make_group; "
        "group = make_group('killed'); group.add('node1', 0.5); print(group.path, flush=True); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    left = Path(killed.stdout.strip())
    assert (left / "node1").is_dir()
    quota_groups.sweep_all()
    assert not left.exists()
    assert group.path.exists()


def test_the_files_of_this_machine_are_where_they_are_looked_for() -> None:
    groups = own_groups(read(OWN_CGROUPS))
    for parent, version in places(CGROUPS, groups):
        assert (parent / "cgroup.procs").exists()
        assert version in (1, 2)
