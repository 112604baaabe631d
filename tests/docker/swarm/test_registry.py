"""Images that the hosts fetch from a registry, by their digest."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.docker.swarm.counter_site import PORT, Site, Visitors
from tests.docker.swarm.registry import logged_in, registry, why_not

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.docker.swarm.hosts import Host, Hosts

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def published(
    hosts: Hosts, counter_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A site whose image is in a registry, deployed by someone who has logged in there."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("registry")
    with registry(folder, hosts.gateway) as place, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_CONFIG", logged_in(folder / "user", place))
        (folder / "site").mkdir()
        site = Site(
            folder / "site", hosts, counter_image, name="published", port=PORT + 3, registry=place
        )
        site.build_something_else()
        site.twofold("up", "--detach")
        yield site
        site.twofold("down", "--volumes")


@pytest.fixture
def shut_out(published: Site) -> Iterator[Host]:
    """A host that cannot reach this machine, where the registry and the visitors are."""
    host = published.hosts[3]
    route = ("unreachable", f"{published.hosts.gateway}/32")
    inside = ("ip", "-n", host.namespace, "route")
    subprocess.run((*inside, "add", *route), check=True)
    yield host
    subprocess.run((*inside, "del", *route), check=True)


def images(site: Site) -> set[str]:
    return {node["image"] for node in site.status()["nodes"]}


def assert_every_host_has(site: Site, image: str) -> None:
    """Whichever hosts the nodes are on just then."""
    for host in site.hosts:
        host.docker("image", "inspect", image)


def test_hosts_fetch_each_version_by_its_digest(published: Site) -> None:
    [first] = images(published)
    place = f"{published.registry}/{published.name}@sha256:"
    assert first.startswith(place)
    assert_every_host_has(published, first)
    published.build_something_else()
    with Visitors(published.hosts, "POST", port=published.port) as visitors:
        visitors.go_on()
        published.twofold("roll")
        [second] = images(published)
        assert_every_host_has(published, second)
        visitors.go_on()
        published.twofold("rollback")
        visitors.go_on()
    assert second.startswith(place)
    assert second != first
    assert images(published) == {first}
    assert visitors.failures == []


def test_host_that_cannot_fetch_the_image_is_named(published: Site, shut_out: Host) -> None:
    before = images(published)
    others = [published.hosts[1], published.hosts[2]]
    published.build_something_else()
    with Visitors(others, "POST", port=published.port) as visitors:
        visitors.go_on()
        answer = published.run("roll")
        visitors.go_on()
    assert answer.returncode == 1
    assert f"{shut_out.name} could not fetch {published.registry}/{published.name}" in answer.stderr
    assert "insecure-registries" in answer.stderr
    assert "serves on" in answer.stderr
    assert images(published) == before
    assert visitors.failures == []


def test_who_has_not_logged_in_is_told_so(published: Site, tmp_path: Path) -> None:
    before = images(published)
    published.build_something_else()
    answer = published.run("roll", DOCKER_CONFIG=str(tmp_path))
    assert answer.returncode == 1
    assert "docker login" in answer.stderr
    assert "serves on" in answer.stderr
    assert images(published) == before
