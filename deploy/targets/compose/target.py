"""The compose target: nodes, balancer, store and database as containers of one Docker engine.

There is no supervisor: Docker starts again what dies, and what is known about a deployment lies in
the engine. A command does its work itself and holds a lock meanwhile. One that is killed leaves
what runs as it is, and the next change puts it in order.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Self

from ...balancer import Counters
from ...deployment import Deployment
from ...docker.api import EngineApi
from ...docker.balancer import ContainerBalancer
from ...docker.engine import Engine
from ...docker.lock import locked
from ...dry_run import RollPlan
from ...errors import BalancerError, NotRunning
from ...logs.reading import Entry, Query
from ...status import DeploymentStatus
from ..base import Report, StoppedAfterBlock, silent
from . import changes, logs, observe, starting
from .nodes import ComposeNodes
from .project import Project
from .records import Record, Records, deployments


class ComposeTarget(StoppedAfterBlock):
    """A running deployment. As a context manager it ends with the block."""

    left_alone = (
        "The {command} was cut off. Every node that serves goes on; `twofold status` tells whether "
        "two versions do, and `twofold roll` or `twofold rollback` then leaves one."
    )

    def __init__(self, name: str, url: str, engine: Engine) -> None:
        """Use `up` or `find`."""
        self.name = name
        self.url = url
        self._engine = engine
        self._api = EngineApi(engine)
        self._project = Project(name, engine, self._api)
        self._records = Records(engine, self._api, name)
        self._client: ContainerBalancer | None = None

    @classmethod
    def up(cls, deployment: Deployment, *, owned: bool, report: Report = silent) -> Self:
        """Build the image, and start a deployment; returns when every node is in rotation.

        Its containers outlive this process in any case: `owned` ones are stopped when it ends in
        order. On an error nothing is left but volumes that were there before.
        """
        engine = Engine()
        engine.check_compose()
        target = cls(deployment.name, deployment.balancer.url, engine)
        target.url = starting.start(target._project, target._records, deployment, report)
        return target

    @classmethod
    def find(cls, name: str | None = None) -> Self:
        """The deployment of that name on the engine, or the only one there is."""
        engine = Engine()
        with EngineApi(engine) as api:
            names = deployments(api)
        if name is None and len(names) == 1:
            name = names[0]
        if name is None or name not in names:
            raise NotRunning(_not_found(name, names))
        target = cls(name, "", engine)
        target.url = target._newest().deployment.balancer.url
        return target

    @property
    def urls(self) -> tuple[str, ...]:
        return (self.url,)

    @property
    def ended(self) -> bool:
        """Its containers are Docker's: that they have gone is seen in the status."""
        return False

    def exit_code(self) -> int:
        return 0

    def status(self) -> DeploymentStatus:
        """The state and the counters of this moment."""
        records = self._all_records()
        counters = self._counters()
        return observe.observe(self._project, records, counters, moment=time.time())

    def scale(self, nodes: int, report: Report = silent) -> DeploymentStatus:
        """Add nodes until there are so many, or drain and stop the last ones."""
        with self._change("scale") as running:
            changes.scale(self._project, self._records, running, nodes, report)
        return self.status()

    def roll(
        self,
        *,
        version: str | None = None,
        place: Path | None = None,
        given: Mapping[str, object] = MappingProxyType({}),
        report: Report = silent,
    ) -> DeploymentStatus:
        """Build the image, and replace every node by one of it, one at a time.

        :raises RolloutError: the version did not get into service, and the old one serves.
        """
        with self._change("roll") as running:
            label, wanted = version, changes.Wanted.of(place, given)
            changes.roll(self._project, self._records, running, label, wanted, report)
        return self.status()

    def plan_roll(
        self,
        *,
        version: str | None = None,
        place: Path | None = None,
        given: Mapping[str, object] = MappingProxyType({}),
        report: Report = silent,
    ) -> RollPlan:
        """What `roll` would do with the same arguments; nothing is built, and nothing changed."""
        wanted = changes.Wanted.of(place, given)
        return changes.plan(self._project, self._all_records(), version, wanted)

    def rollback(self, report: Report = silent) -> DeploymentStatus:
        """Replace every node by one of the version before, of the image that it had."""
        with self._change("rollback") as running:
            changes.rollback(self._project, self._records, running, report)
        return self.status()

    def logs(self, query: Query, *, follow: bool = False) -> Iterator[Entry]:
        """What the engine keeps of its containers' lines; those of a removed one have gone."""
        return logs.read(self._project, self._engine, query, follow=follow)

    def down(self, report: Report = silent, *, volumes: bool = False) -> None:
        """Stop and remove the containers; `volumes`: with sessions, database and secrets."""
        if not self._records.all() and not self._project.containers():
            return
        with locked(self._engine, self.name, "down", self._image_for_lock()):
            starting.stop(self._project, self._records, report, volumes=volumes)

    @contextmanager
    def _change(self, command: str) -> "Iterator[Callable[[], ComposeNodes]]":
        """Hold the lock, and give what makes the nodes as they are now."""
        self._engine.check_compose()
        with locked(self._engine, self.name, command, self._image_for_lock()):
            self._forget_unserved()

            def nodes() -> ComposeNodes:
                records = self._all_records()
                return ComposeNodes(
                    self._project,
                    self._balancer(),
                    lambda container: observe.deployment_of(container, records),
                    lambda version: observe.image_of(version, records),
                )

            yield nodes

    def _forget_unserved(self) -> None:
        """Versions that a change was cut off before: no node is of them."""
        records = self._all_records()
        found = [observe.record_of(each, records) for each in self._project.containers("web")]
        served = {record.number for record in found if record}
        while len(records) > 1 and served and records[-1].number not in served:
            self._records.remove(records.pop())

    def _image_for_lock(self) -> str:
        containers = self._project.containers("web", "balancer")
        return containers[-1].image if containers else self._newest().image

    def _balancer(self) -> ContainerBalancer:
        found = self._project.balancer()
        if found is None:
            raise BalancerError(
                f"the balancer of {self.name} does not run; `docker compose --project-name "
                f"{self.name} ps --all` and `twofold logs --node balancer` tell more"
            )
        if self._client is None or self._client.container != found.id:
            self._client = ContainerBalancer(self._engine, found.id)
        return self._client

    def _counters(self) -> Counters | None:
        try:
            return self._balancer().counters()
        except BalancerError:
            return None

    def _all_records(self) -> list[Record]:
        records = self._records.all()
        if not records:
            raise NotRunning(_not_found(self.name, []))
        return records

    def _newest(self) -> Record:
        return self._all_records()[-1]


def _not_found(name: str | None, running: list[str]) -> str:
    if not running:
        what = "no deployment" if name is None else f"no deployment named {name!r}"
        return (
            f"{what} runs in containers of this engine; start one with `twofold up --target "
            "compose`"
        )
    names = ", ".join(running)
    if name is None:
        return f"several deployments are running; choose one with --name: {names}"
    return f"no deployment named {name!r} runs in containers of this engine; there is {names}"
