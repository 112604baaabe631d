"""The Swarm target: `twofold up|status|scale|roll|rollback|logs|down --target swarm`.

Swarm does the work, on its managers: an update that has begun ends or goes back, whether or not the
command that began it lives. What is here tells it what there is to be, waits, and says why not.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from ...deployment import Deployment
from ...docker.engine import Engine
from ...dry_run import RollPlan
from ...errors import BalancerError, DeployError, NotRunning, StartError
from ...render.swarm_services import DEPLOYMENT_LABEL
from ...status import DeploymentStatus
from ..base import Report, StoppedAfterBlock, silent
from . import changes
from .cluster import Cluster
from .plan import next_record, planned
from .running import RunningStack
from .status import read_status

if TYPE_CHECKING:
    from ...logs.reading import Entry, Query


class SwarmTarget(StoppedAfterBlock):
    """A stack of a Swarm. As a context manager it ends with the block."""

    left_alone = (
        "The {command} goes on without you if it has got to the hosts, on the Swarm's managers: "
        "half done it would be worse. `twofold status --watch` shows it."
    )

    def __init__(self, cluster: Cluster, name: str) -> None:
        """Use `up` or `find`."""
        self.name = name
        self.url = ""
        self.urls: tuple[str, ...] = ()
        """Of every balancer: the port is the same on each host."""
        self._cluster = cluster
        self._stack = RunningStack(cluster, name)

    @classmethod
    def up(cls, deployment: Deployment, *, owned: bool, report: Report = silent) -> Self:
        """Build the image, and start a stack; returns when every balancer has every node.

        It outlives this process in any case: an `owned` one is stopped when it ends in order. On an
        error nothing is left but volumes, and the secrets of a database that was begun.
        """
        cluster = Cluster.of_manager(Engine())
        target = cls(cluster, deployment.name)
        with target._stack.changing("up"):
            if cluster.services(f"{DEPLOYMENT_LABEL}={deployment.name}"):
                raise StartError(
                    f"{deployment.name} is in this Swarm already; `twofold roll` brings another "
                    "version, `twofold down` stops it, and --name gives another name"
                )
            known = target._stack.records.known_secrets()
            try:
                changes.start(target._stack, deployment, report)
            except BaseException:
                with suppress(DeployError):
                    # Its volume, on whatever host, opens with the password that it was begun with.
                    begun = cluster.service(f"{deployment.name}_postgres")
                    changes.remove(target._stack, silent, secrets=not known and not begun)
                raise
        target._learn_urls()
        return target

    @classmethod
    def find(cls, name: str | None = None) -> Self:
        """The stack of that name, or the only one there is.

        One that is down is found by the secrets of what its volumes keep, if none runs instead.
        """
        cluster = Cluster.of_manager(Engine())
        services = cluster.services(DEPLOYMENT_LABEL)
        secrets = cluster.labelled("secrets", DEPLOYMENT_LABEL).values()
        running = {each["Spec"]["Labels"][DEPLOYMENT_LABEL] for each in services}
        kept = {labels[DEPLOYMENT_LABEL] for labels in secrets}
        names = sorted(running or kept)
        if name is None and len(names) == 1:
            name = names[0]
        if name is None or name not in running | kept:
            raise NotRunning(_not_found(name, sorted(running)))
        target = cls(cluster, name)
        # What a cut-off `up` has left can be taken down, and has no address yet.
        with suppress(DeployError):
            target._learn_urls()
        return target

    def _learn_urls(self) -> None:
        balancer = self._stack.record().deployment.balancer
        scheme, port = "https" if balancer.tls else "http", balancer.address[1]
        hosts = self._stack.balancer_hosts()
        self.urls = tuple(f"{scheme}://{host.address}:{port}" for host in hosts)
        self.url = self.urls[0] if self.urls else ""

    @property
    def ended(self) -> bool:
        """Its containers are Swarm's: that they have gone is seen in the status."""
        return False

    def exit_code(self) -> int:
        return 0

    def status(self) -> DeploymentStatus:
        """The state and the counters of this moment, those of all balancers together."""
        record = self._stack.record()
        counters = None
        with suppress(BalancerError):
            counters = self._stack.counters()
        now = time.time()
        return read_status(
            self._cluster,
            replace(record.deployment, nodes=self._stack.nodes()),
            url=self.url,
            counted_at=now,
            counters=counters,
            under_way=self._stack.under_way(),
        )

    def scale(self, nodes: int, report: Report = silent) -> DeploymentStatus:
        """Have Swarm add nodes or stop some, each after it has left rotation."""
        with self._stack.changing("scale"):
            changes.scale(self._stack, nodes, report)
        return self.status()

    def roll(
        self,
        *,
        version: str | None = None,
        place: Path | None = None,
        given: Mapping[str, object] = MappingProxyType({}),
        report: Report = silent,
    ) -> DeploymentStatus:
        """Have Swarm replace the nodes, one after the other, each by a new one that is ready.

        :raises RolloutError: the version did not get into service, and the old one serves.
        """
        with self._stack.changing("roll"):
            changes.roll(self._stack, version, place, given, report)
        return self.status()

    def plan_roll(
        self,
        *,
        version: str | None = None,
        place: Path | None = None,
        given: Mapping[str, object] = MappingProxyType({}),
        report: Report = silent,
    ) -> RollPlan:
        """What `roll` would do with the same arguments; nothing is built or changed."""
        running = self._stack.record()
        following = next_record(running, version, place, given)
        return planned(running, following, self._stack.nodes())

    def rollback(self, report: Report = silent) -> DeploymentStatus:
        """Have Swarm replace every node by one of the version before, of the image it had."""
        with self._stack.changing("rollback"):
            changes.rollback(self._stack, report)
        return self.status()

    def logs(self, query: "Query", *, follow: bool = False) -> Iterator["Entry"]:
        """Lines of all containers on all hosts, as the manager gathers them."""
        from .logs import read_logs

        return read_logs(self._cluster, self.name, query, follow=follow)

    def down(self, report: Report = silent, *, volumes: bool = False) -> None:
        """Stop and remove everything but the secrets and the volumes.

        `volumes`: those too, of one that is down as well; but a manager alone cannot reach the
        volumes of another host.
        """
        if not volumes and not self._cluster.services(f"{DEPLOYMENT_LABEL}={self.name}"):
            return
        engines: Mapping[str, str] = {}
        with suppress(DeployError):
            engines = self._stack.record().deployment.swarm.engines
        with self._stack.changing("down"):
            changes.remove(self._stack, report, secrets=volumes)
            if volumes:
                changes.remove_volumes(self._stack, engines, report)


def _not_found(name: str | None, running: list[str]) -> str:
    if not running:
        return "no deployment runs in this Swarm; `twofold up --target swarm` starts one"
    names = ", ".join(running)
    if name is None:
        return f"several deployments run in this Swarm; choose one with --name: {names}"
    return f"no deployment named {name!r} runs in this Swarm; there is {names}"
