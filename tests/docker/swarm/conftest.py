"""A Swarm of three hosts with the counting app on it, or the reason why there is none."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docker.swarm.counter_site import Site, eventually
from tests.docker.swarm.hosts import Hosts, why_not

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
BASE_IMAGES = ("haproxy:3.0", "redis:8")


@pytest.fixture(scope="session")
def hosts(engine: None) -> Iterator[Hosts]:
    """Three of them, joined to a Swarm that host1 manages, with nothing on them."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with Hosts(3) as made:
        made.swarm()
        # Where the volumes are, so never a host that the tests take away.
        made[1].docker("node", "update", "--label-add", "twofold.data=true", "host1")
        yield made


@pytest.fixture(scope="session")
def counter_image(
    hosts: Hosts, shop_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The counting app and the ledger on the layers of the example's image, on every host."""
    name = f"twofold-test-counter-{secrets.token_hex(4)}"
    folder = tmp_path_factory.mktemp("image")
    shutil.copy(HERE / "counter.py", folder)
    shutil.copytree(
        HERE / "ledger", folder / "ledger", ignore=shutil.ignore_patterns("__pycache__")
    )
    (folder / "Dockerfile").write_text(
        f"FROM {shop_image}\nCOPY counter.py /app/\nCOPY ledger /app/ledger/\n"
    )
    build = ("docker", "build", "--quiet", "--tag", name, str(folder))
    subprocess.run(build, check=True, capture_output=True, timeout=300)
    hosts.load(name, *BASE_IMAGES)
    yield name
    subprocess.run(("docker", "image", "rm", name), check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="session")
def running_site(
    hosts: Hosts, counter_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"), hosts, counter_image)
    site.twofold("up", "--detach")
    yield site
    site.twofold("down", "--volumes")
    assert left_in_swarm(hosts) == ""


@pytest.fixture
def site(running_site: Site) -> Site:
    """It is as every test finds it: three nodes, three hosts."""
    if len(running_site.status()["nodes"]) != 3:
        running_site.twofold("scale", "3")
    eventually(running_site.ready, what="three nodes on hosts that answer")
    return running_site


def left_in_swarm(hosts: Hosts) -> str:
    """Everything but the network that each Swarm has."""
    manager = hosts[1]
    networks = manager.docker(
        "network", "ls", "--filter", "driver=overlay", "--format", "{{.Name}}"
    )
    return (
        manager.docker("service", "ls", "--quiet")
        + manager.docker("config", "ls", "--quiet")
        + manager.docker("secret", "ls", "--quiet")
        + networks.replace("ingress\n", "")
    )
