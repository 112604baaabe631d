"""Where the nodes of a run are: on which target and hosts, from which images."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from deploy.observability import NO_METRICS
from deploy.render.containers import image_name
from deploy.targets import DEFAULT_TARGET, load_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.deployment import Deployment
    from deploy.status import DeploymentStatus
    from deploy.targets.base import Report, Target

WORDS = {
    "compose": "compose: containers of one Docker engine",
    "swarm": "swarm: containers on the hosts of a Docker Swarm",
}
SHORT_ID = 12


@dataclass(frozen=True, slots=True)
class Place:
    """What was seen of a deployment while it was measured."""

    target: str
    hosts: frozenset[str] = frozenset()
    """Empty: there is one host only."""
    images: frozenset[str] = frozenset()
    """Ids; empty: the nodes are no containers."""

    def seen(self, status: DeploymentStatus) -> Self:
        """The same, and what this status shows besides."""
        return replace(
            self,
            hosts=self.hosts | {node.host for node in status.nodes if node.host},
            images=self.images | {node.image for node in status.nodes if node.image},
        )

    @property
    def is_here(self) -> bool:
        """Whether the nodes are processes of this machine, with its Python and its gunicorn."""
        return self.target == DEFAULT_TARGET

    def words(self) -> dict[str, str]:
        """For the report; nothing where all that is to be said is about this machine."""
        if self.is_here:
            return {}
        rows = {"target": WORDS.get(self.target, self.target)}
        if self.hosts:
            rows["hosts of the nodes"] = ", ".join(sorted(self.hosts))
        if self.images:
            short = sorted(image.partition(":")[2][:SHORT_ID] or image for image in self.images)
            rows["image"] = ", ".join(short)
        return rows


def apart(deployment: Deployment) -> Deployment:
    """The same for a load test: in nobody's way, and reached without TLS and proxies in front.

    It has an address of its own: on the loopback, or on a free port where other hosts must be
    reached as well. What is built for it in Compose does not replace the image of what runs.
    """
    if deployment.target == "swarm":
        direct = deployment.balancer.plain(f"0.0.0.0:{_free_port()}")
        return replace(deployment, balancer=direct, metrics=NO_METRICS)
    if deployment.target == "compose":
        containers = replace(deployment.containers, image=f"{image_name(deployment)}-verify")
        deployment = replace(deployment, containers=containers)
    return deployment.on_loopback()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("0.0.0.0", 0))  # noqa: S104  where the balancers will listen
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def brought_up(deployment: Deployment, report: Report) -> Iterator[Target]:
    """Run it on its target for the length of the block; nothing that it kept is left."""
    with load_target(deployment.target).up(deployment, owned=True, report=report) as target:
        try:
            yield target
        finally:
            if deployment.target != DEFAULT_TARGET:
                target.down(volumes=True)
