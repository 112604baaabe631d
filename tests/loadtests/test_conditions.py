"""The conditions a report states."""

from dataclasses import replace
from pathlib import Path

import pytest

from deploy import binaries
from deploy.deployment import Deployment
from deploy.errors import StartError
from deploy.profiles import profile
from loadtests import conditions
from loadtests.conditions import cpu_budget, describe, resource_under_test, version
from loadtests.design import ScalingPlan
from loadtests.repetition import Repetition
from tests.loadtests.simulated import measurement

PLAN = ScalingPlan(
    over="nodes",
    sizes=(1, 2),
    repetition=Repetition(rounds=1, precision=0.03, max_time=None),
    seed=1,
    suite=Path("journey.py"),
    duration=10.0,
    warm_up=3.0,
    max_warm_up=30.0,
    users_per_slot=1.5,
    load_generators=1,
)


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return Deployment(
        name="shop",
        app="shop:app",
        directory=tmp_path,
        nodes=2,
        workers=2,
        profile=profile("threads"),
        redis_url="redis://:secret@127.0.0.1:6379/0",
        env={"SECRET_KEY": "hidden"},
    )


@pytest.mark.parametrize(
    ("used", "machine", "budget", "resource"),
    [
        (0.2, 8, None, "waiting-bound"),
        (1.9, 8, None, "CPU-bound"),
        (0.9, 8, None, "waiting-bound"),
        (0.9, 1, None, "CPU-bound"),
        (0.2, 8, 0.25, "CPU-bound"),
        (0.1, 8, 0.25, "waiting-bound"),
    ],
)
def test_the_resource_under_test_is_what_the_nodes_used_of_what_they_had(
    used: float,
    machine: int,
    budget: float | None,
    resource: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conditions, "cores", lambda: machine)
    measurements = [
        measurement(
            size,
            cpu={"nodes": size * used},
            node_budget={f"node{n + 1}": budget for n in range(size)} if budget else {},
        )
        for size in (1, 2)
    ]
    assert resource_under_test(measurements) == resource


def test_a_run_without_a_measurement_tested_nothing(deployment: Deployment) -> None:
    assert resource_under_test([]) == "unknown"
    assert resource_under_test([measurement(throughput=0.0)]) == "unknown"
    assert resource_under_test([measurement(slot_requests={})]) == "unknown"
    assert describe(PLAN, replace(deployment, cpus=0.5), [])["CPU budget"] == "0.5 CPUs a node"


def test_a_budget_is_told_with_what_held_the_nodes_to_it(deployment: Deployment) -> None:
    assert cpu_budget(deployment, [measurement()]) == "none: the nodes share the machine"
    half = replace(deployment, cpus=0.5)
    quota = measurement(node_budget={"node1": 0.5}, budget_by="cgroup v2 quota")
    assert cpu_budget(half, [quota, quota]) == "0.5 CPUs a node, by cgroup v2 quota"
    pinned = measurement(node_budget={"node1": 1.0}, budget_by="affinity")
    assert cpu_budget(half, [pinned]) == "1 CPU a node, by affinity (0.5 CPUs a node asked)"
    free = measurement(budget_by="none: no control group may be made")
    assert cpu_budget(half, [free]) == (
        "none: no control group may be made (0.5 CPUs a node asked)"
    )


def test_conditions_name_what_ran_and_no_secret(deployment: Deployment) -> None:
    stated = describe(PLAN, deployment, [measurement(1)])
    assert stated["app"] == "shop:app"
    assert stated["suite"] == "journey"
    assert stated["workers per node"] == "2"
    assert stated["profile"] == "threads, 4 requests at once per worker"
    alone = replace(deployment, profile=profile("processes"))
    assert describe(PLAN, alone, [])["profile"] == "processes, 1 request at once per worker"
    assert stated["balancer"].startswith("HAProxy ")
    assert "store" not in stated
    assert not any("secret" in value or "hidden" in value for value in stated.values())


def test_versions_are_read_from_the_programs() -> None:
    assert version(binaries.haproxy, "-v").startswith("HAProxy ")
    assert version(binaries.store, "--version").split()[0] in ("Valkey", "Redis")


def test_a_program_that_is_missing_or_says_nothing_has_no_version() -> None:
    def missing() -> Path:
        raise StartError("not installed")

    assert version(missing, "-v") == "unknown"
    assert version(lambda: Path("/bin/true"), "-v") == "unknown"
    assert version(lambda: Path("/no/such/program"), "-v") == "unknown"
