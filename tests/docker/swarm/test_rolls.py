"""Rolls, rollbacks and scaling of a Swarm under traffic."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.docker.swarm.counter_site import Site, Visitors, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1800)]

ROLLS = int(os.environ.get("TWOFOLD_TEST_ROLLS", "1"))


def test_rolls_and_a_rollback_lose_no_post(
    site: Site, record_property: Callable[[str, object], None]
) -> None:
    with Visitors(site.hosts, "POST") as visitors:
        visitors.go_on()
        for _ in range(ROLLS):
            before = site.status()["version"]
            site.twofold("roll")
            visitors.go_on()
        rolled = site.versions()
        site.twofold("rollback")
        visitors.go_on()
    record_property("posts", len(visitors.answered))

    assert visitors.failures == []
    assert len(rolled) == 1
    assert site.versions() == {before} != rolled
    assert site.status()["version"] == before
    counted = site.posts()
    assert {counted[name] for name in visitors.answered} == {1}
    # Nothing is left of what went before.
    labels = ("--filter", "label=twofold.version", "--filter", "label=twofold.deployment=counter")
    assert len(site.hosts[1].docker("config", "ls", "--quiet", *labels).split()) == 1
    again = site.run("rollback")
    assert again.returncode == 2
    assert "there is none before it" in again.stderr


def test_broken_version_goes_back_with_its_last_lines(site: Site) -> None:
    before = site.status()["version"]
    with Visitors(site.hosts, "POST") as visitors:
        visitors.go_on()
        answer = site.run("roll", "--env", "BROKEN=1")
        visitors.go_on()

    assert answer.returncode == 1, answer.stderr
    assert "did not get into service" in answer.stderr
    assert "this version is broken on purpose" in answer.stderr
    assert visitors.failures == []
    assert site.versions() == {before}
    assert site.status()["version"] == before


def test_scaling_up_and_down_loses_no_post(site: Site) -> None:
    with Visitors(site.hosts, "POST") as visitors:
        visitors.go_on()
        site.twofold("scale", "5")
        nodes = site.status()["nodes"]
        visitors.go_on()
        site.twofold("scale", "2")
        visitors.go_on()

    assert [node["name"] for node in nodes] == [f"node{number}" for number in range(1, 6)]
    assert {node["host"] for node in nodes} == {"host1", "host2", "host3"}
    assert len(site.status()["nodes"]) == 2
    assert visitors.failures == []


def test_status_counts_what_all_balancers_served(site: Site) -> None:
    def counted() -> int:
        return sum(slot["requests"] for node in site.status()["nodes"] for slot in node["slots"])

    before, total = counted(), site.status()["balancer"]["requests"]
    with Visitors(site.hosts, "GET") as visitors:
        visitors.go_on()

    sent = len(visitors.answered)
    eventually(lambda: counted() - before == sent, what="as many requests as were sent")
    assert site.status()["balancer"]["requests"] - total == sent
    assert len(visitors.answers) == 3


def test_logs_name_nodes_and_hosts(site: Site) -> None:
    nodes = [node["name"] for node in site.status()["nodes"]]
    # The balancers said something when they began; in between are the requests of other tests.
    lines = site.twofold("logs", "--lines", "100000").splitlines()
    parts = {line.split()[1] for line in lines if line}
    assert {*nodes, "redis"} <= parts
    assert parts & {"balancer@host1", "balancer@host2", "balancer@host3"}
    only = site.twofold("logs", "--node", nodes[0], "--lines", "1").splitlines()
    assert only
    assert all(f" {nodes[0]} " in line for line in only)
