"""Volumes that something else holds, on one engine."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from deploy.docker.engine import Engine
from deploy.errors import DeployError
from deploy.targets.swarm import changes
from deploy.targets.swarm.cluster import Cluster
from deploy.targets.swarm.running import RunningStack
from tests.docker.project import docker

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300), pytest.mark.usefixtures("engine")]


@pytest.fixture
def held() -> Iterator[tuple[str, str, str]]:
    """The name of a stack, of its volume, and of the container that holds it."""
    name = f"twofold-test-{secrets.token_hex(4)}"
    volume, container = f"{name}_postgres", f"{name}-other"
    docker("volume", "create", "--label", f"com.docker.stack.namespace={name}", volume)
    try:
        docker("create", "--name", container, "--volume", f"{volume}:/data", "redis:8")
        yield name, volume, container
    finally:
        docker("rm", "--force", container)
        docker("volume", "rm", "--force", volume)


def test_volume_that_something_else_holds_is_named(
    held: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, volume, container = held
    stack = RunningStack(Cluster(Engine()), name)
    monkeypatch.setattr(changes, "END_TIMEOUT", 1)
    with pytest.raises(DeployError, match=f"still there after 1 s: {volume};"):
        changes.remove_volumes(stack, {}, print)
    docker("rm", container)
    changes.remove_volumes(stack, {}, print)
    assert docker("volume", "ls", "--quiet", "--filter", f"name={volume}") == ""
