"""Hosts that die, that are cut off, and that come."""

from __future__ import annotations

import secrets
import threading
import time
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from tests.docker.swarm.conftest import BASE_IMAGES
from tests.docker.swarm.counter_site import Site, Visitors, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.docker.swarm.hosts import Host

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1800)]

VISITORS = 8


@pytest.fixture
def host3(site: Site) -> Iterator[Host]:
    """It has a node, and comes back whatever was done to it."""
    if site.nodes_by_host()["host3"] == 0:
        # New nodes go where there are fewest.
        site.twofold("roll")
    assert site.nodes_by_host()["host3"] > 0
    host = site.hosts[3]
    yield host
    host.mend()
    if host.dockerd and host.dockerd.poll() is not None:
        host.start()
    host.wait()
    eventually(site.ready, what="host3 takes part again")


def test_killed_host_costs_no_get(
    site: Site, host3: Host, record_property: Callable[[str, object], None]
) -> None:
    others = [site.hosts[1], site.hosts[2]]
    with Visitors(others, "GET", count=VISITORS) as visitors:
        visitors.go_on()
        killed = time.time()
        host3.kill()
        visitors.go_on(2000)
        eventually(lambda: host_is_down(site, "host3"), what="Swarm misses host3")
        eventually(lambda: site.nodes_by_host()["host3"] == 0, what="its nodes run elsewhere")
        visitors.go_on()

    record_property("seconds until the last balancer knew", went_down(site) - killed)
    assert visitors.failures == []


def test_killed_host_costs_the_posts_in_flight_and_none_runs_twice(site: Site, host3: Host) -> None:
    others = [site.hosts[1], site.hosts[2]]
    with Visitors(others, "POST", count=VISITORS) as visitors:
        visitors.go_on()
        host3.kill()
        visitors.go_on(2000)

    # Each visitor has one on its way at most.
    assert len(visitors.failures) <= VISITORS, visitors.failures
    counted = site.posts()
    assert {counted[name] for name in visitors.answered} == {1}
    assert all(counted[name] <= 1 for name, _ in visitors.failures)


def test_host_cut_off_during_a_roll_leaves_one_version(site: Site, host3: Host) -> None:
    before = site.status()["version"]
    # One that no earlier try has left.
    label = f"cut-{secrets.token_hex(4)}"
    answers = []
    roll = threading.Thread(target=lambda: answers.append(site.run("roll", "--version", label)))
    roll.start()
    eventually(lambda: site.versions() != {before}, what="the roll has begun")
    host3.cut()
    roll.join()
    [answer] = answers

    expected = label if answer.returncode == 0 else before
    assert answer.returncode in (0, 1), answer.stderr
    assert site.versions() == {expected}
    host3.mend()
    eventually(site.ready, what="host3 takes part again")
    assert site.versions() == {expected}
    with Visitors(site.hosts, "GET") as visitors:
        visitors.go_on()
    # Nor does the host that was away still serve the other one.
    assert {body.split()[1] for body in visitors.answers} == {expected}


def test_added_host_is_used(site: Site) -> None:
    host = site.hosts.add()
    try:
        site.hosts.load(site.image, *BASE_IMAGES, into=[host])
        site.hosts.join(host)
        eventually(lambda: f"{host.name} Ready" in listed(site), what=f"{host.name} takes part")
        # Another host may be without nodes too, after the test before.
        site.twofold("scale", "5")
        assert site.nodes_by_host()[host.name] >= 1
        with Visitors([host], "GET") as visitors:
            visitors.go_on()
        assert visitors.failures == []
        assert len(visitors.answers) == 5
    finally:
        site.twofold("scale", "3")
        host.docker("swarm", "leave")
        eventually(lambda: host_is_down(site, host.name), what=f"{host.name} has left")
        site.hosts[1].docker("node", "rm", "--force", host.name)
        site.hosts.remove(host)


def went_down(site: Site) -> float:
    """When a balancer last took a server out of rotation, in seconds since the epoch."""
    lines = site.hosts[1].logs("counter_balancer")
    times = [line.split()[0] for line in lines if " is DOWN" in line]
    return datetime.fromisoformat(max(times)[:26] + "+00:00").timestamp() if times else 0.0


def host_is_down(site: Site, name: str) -> bool:
    return f"{name} Down" in listed(site)


def listed(site: Site) -> list[str]:
    """Each host with its state, as the manager sees it."""
    return site.hosts[1].docker("node", "ls", "--format", "{{.Hostname}} {{.Status}}").splitlines()
