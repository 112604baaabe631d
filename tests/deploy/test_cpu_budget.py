"""Nodes held to CPU budgets: by a quota where this machine allows it, else by affinity."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy import cpu_budget, processes
from deploy.cgroups import CGROUPS, OWN_CGROUPS, own_groups, read
from deploy.cpu_budget import CpuBudgets
from deploy.procfs import children
from deploy.quota_groups import PREFIX, places
from deploy.rundir import RunDirectory
from deploy.status import CpuBudget
from deploy.targets.local import LocalTarget


@pytest.fixture
def no_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise OSError("read-only")

    monkeypatch.setattr(cpu_budget, "make_group", refuse)


def test_a_node_without_a_budget_is_held_by_nothing() -> None:
    budgets = CpuBudgets("shop")
    assert budgets.hold("node1", None) == ()
    assert budgets.status("node1") is None


@pytest.mark.usefixtures("no_groups")
def test_without_groups_each_node_gets_cpus_of_its_own() -> None:
    budgets = CpuBudgets("shop", frozenset({0, 2, 3, 5}))
    assert budgets.hold("node1", 1.0) == ("pin=0",)
    assert budgets.hold("node2", 1.5) == ("pin=2,3",)
    assert budgets.status("node2") == CpuBudget(2.0, "affinity")
    budgets.release("node1")
    assert budgets.hold("node3", 2.0) == ("pin=0,5",)


@pytest.mark.usefixtures("no_groups")
def test_where_cpus_run_out_no_node_is_said_to_have_a_budget() -> None:
    budgets = CpuBudgets("shop", frozenset({0, 1}))
    budgets.hold("node1", 1.0)
    budgets.hold("node2", 0.5)
    assert budgets.hold("node3", 0.5) == ()
    found = budgets.status("node3")
    assert found == CpuBudget(
        None,
        "none: no control group may be made (read-only), and affinity, which gives 1, "
        "finds 0 free CPUs",
    )


@pytest.mark.integration
def test_a_pinned_program_and_its_children_run_on_their_cpus_only() -> None:
    cpu = max(os.sched_getaffinity(0))
    ask = "import os; print(os.sched_getaffinity(0))"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {ask!r}])"
    said = subprocess.run(
        [*processes._launcher(), f"pin={cpu}", sys.executable, "-c", parent],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == f"{{{cpu}}}\n"


def groups_here() -> list[Path]:
    """Deployments' control groups on this machine."""
    found = places(CGROUPS, own_groups(read(OWN_CGROUPS)))
    return [group for parent, _ in found for group in parent.glob(f"{PREFIX}*")]


def affinity(pid: int) -> set[int]:
    return os.sched_getaffinity(pid)


@pytest.mark.integration
def test_every_worker_of_a_node_is_held_to_its_budget(
    start: Callable[..., LocalTarget], eventually: Callable[..., None]
) -> None:
    target = start(cpus=0.5, nodes=2, workers=2)
    for node in target.status().nodes:
        assert node.budget is not None
        assert node.pid is not None
        assert len(node.workers) == 2
        held = [Path(f"/proc/{pid}/cgroup").read_text() for pid in (node.pid, *node.workers)]
        if "quota" in node.budget.mechanism:
            assert node.budget.cpus == 0.5
            assert all(f"{PREFIX}{target.name}" in text and node.name in text for text in held)
        elif node.budget.cpus is not None:
            assert all(len(affinity(pid)) == 1 for pid in node.workers)
    own = f"{PREFIX}{target.name}."
    target.down()
    eventually(lambda: not any(group.name.startswith(own) for group in groups_here()))


@pytest.mark.integration
def test_nothing_is_left_of_the_budgets_of_a_killed_supervisor(
    start: Callable[..., LocalTarget], eventually: Callable[..., None]
) -> None:
    target = start(cpus=0.5, nodes=1, name="killed")
    guard = target._guard
    assert guard is not None
    [supervisor] = children(guard.process.pid)
    own = f"{PREFIX}killed.{supervisor}"
    os.kill(supervisor, signal.SIGKILL)
    eventually(lambda: target.ended)
    assert own not in [group.name for group in groups_here()]
    assert not RunDirectory("killed").path.exists()


@pytest.mark.integration
def test_a_node_added_later_gets_the_budget_too_and_one_that_left_gives_it_back(
    start: Callable[..., LocalTarget],
) -> None:
    target = start(cpus=0.5, nodes=1, workers=1)
    grown = target.scale(2)
    assert [node.budget is not None for node in grown.nodes] == [True, True]
    groups = [group for group in groups_here() if f"{PREFIX}{target.name}." in group.name]
    assert len(groups) <= 1
    target.scale(1)
    for group in groups:
        assert [each.name for each in group.iterdir() if each.is_dir()] == ["node1"]
