"""What goes wrong, in one message each, and everything as before."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from tests.docker.swarm.conftest import left_in_swarm
from tests.docker.swarm.counter_site import PORT, Site, eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.docker.swarm.hosts import Hosts

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]


@pytest.fixture
def other(site: Site, tmp_path: Path) -> Site:
    """Another project on the same hosts, on another port, which is not up."""
    return Site(tmp_path, site.hosts, site.image, name="other", port=PORT + 1)


def refused(site: Site, *arguments: str, host: int = 1) -> str:
    before = left_in_swarm(site.hosts)
    answer = site.run(*arguments, host=host)
    assert answer.returncode == 2, answer.stdout + answer.stderr
    assert left_in_swarm(site.hosts) == before
    return answer.stderr


def test_worker_of_a_swarm_names_its_managers(site: Site) -> None:
    said = refused(site, "status", host=2)
    assert "is a worker of a Swarm" in said
    assert site.hosts[1].address in said


def test_host_without_the_image_is_named(other: Site, hosts: Hosts) -> None:
    # Built on the manager, and nowhere else.
    (other.folder / "Dockerfile").write_text(f"FROM {other.image}\nENV OTHER=1\n")
    said = refused(other, "up", "--detach")
    assert "is not on host2, host3" in said
    assert "[swarm.engines]" in said


def test_image_is_copied_to_engines_that_are_named(other: Site, hosts: Hosts) -> None:
    (other.folder / "Dockerfile").write_text(f"FROM {other.image}\nENV OTHER=2\n")
    engines = "".join(f'{host.name} = "{host.engine}"\n' for host in tuple(hosts)[1:])
    with (other.folder / "twofold.toml").open("a") as toml:
        toml.write(f"\n[swarm.engines]\n{engines}")
    other.twofold("up", "--detach")
    try:
        assert other.nodes_by_host().keys() == {"host1", "host2", "host3"}
    finally:
        other.twofold("down", "--volumes")


def test_taken_port_names_the_host(other: Site, hosts: Hosts) -> None:
    # The site's own balancers have it on every host.
    toml = other.folder / "twofold.toml"
    toml.write_text(toml.read_text().replace(str(PORT + 1), str(PORT)))
    said = refused(other, "up", "--detach")
    assert f"no balancer can be started on port {PORT}" in said
    assert "host2" in said


def test_no_host_meets_the_constraints(other: Site) -> None:
    with (other.folder / "twofold.toml").open("a") as toml:
        toml.write('\n[swarm]\nweb = ["node.labels.missing == true"]\n')
    said = refused(other, "up", "--detach")
    assert "swarm.web" in said


def test_same_name_twice(site: Site) -> None:
    assert "is in this Swarm already" in refused(site, "up", "--detach")


def test_more_nodes_than_the_balancers_look_for(site: Site) -> None:
    assert "containers.replicas" in refused(site, "scale", "32")


def test_second_change_at_the_same_time_is_refused(site: Site) -> None:
    first = threading.Thread(target=lambda: site.run("scale", "4"))
    first.start()
    eventually(lambda: site.status()["under_way"] == "scale", what="the first has begun")
    second = site.run("roll")
    first.join()
    assert second.returncode == 2
    assert "`twofold scale` of counter is under way" in second.stderr
    assert len(site.status()["nodes"]) == 4


def test_no_engine(site: Site) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{nobody.getsockname()[1]}"
        answer = site.run("status", "--target", "swarm", DOCKER_HOST=address)
    assert answer.returncode == 2
    assert "no Docker engine answers" in answer.stderr
