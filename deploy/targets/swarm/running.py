"""A deployment in a Swarm as it is at this moment, and the lock for who changes it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...balancer import wait_until
from ...deployment import Deployment
from ...docker.lock import holder, locked
from ...errors import BalancerError, DeployError, NotRunning, StartError
from ...render.containers import slot_ports
from . import stack, update
from .cluster import Cluster, Host
from .counters import AllCounters, ask_balancers
from .records import Record, Records, record_of

# Until every balancer has found a node.
BALANCER_TIMEOUT = 60.0
PULL_TIMEOUT = 300.0

UNDER_WAY = {"updating": "roll", "rollback_started": "rollback"}


class RunningStack:
    """What Swarm and the balancers tell about one deployment."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.name = name
        self.cluster = cluster
        self.engine = cluster.engine
        self.records = Records(cluster, name)

    @property
    def web(self) -> str:
        """The nodes' service."""
        return f"{self.name}_web"

    def service(self) -> dict[str, Any] | None:
        """The nodes' service as it is; None: there is no such deployment."""
        return self.cluster.service(self.web)

    def record(self) -> Record:
        """:raises NotRunning: it has gone."""
        service = self.service()
        if service is None:
            raise NotRunning(
                f"{self.name} does not run in this Swarm; `twofold up --target swarm` starts it"
            )
        return self.records.load(record_of(service))

    def nodes(self) -> int:
        """How many there are to be."""
        return update.replicas(self.cluster, self.web)

    def balancer_hosts(self) -> list[Host]:
        """Those that answer, by name."""
        tasks = self.cluster.tasks(f"{self.name}_balancer")
        there = {task.host for task in tasks if task.runs}
        return [host for host in self.cluster.hosts() if host.id in there and host.ready]

    def counters(self) -> AllCounters:
        """Of the balancers on hosts that answer.

        :raises BalancerError: nobody could be asked.
        """
        image = stack.balancer_image(self.engine)
        return ask_balancers(self.engine, self.name, image, self._balancers())

    def _balancers(self) -> list[str]:
        hosts = {host.id for host in self.cluster.hosts() if host.ready}
        tasks = self.cluster.tasks(f"{self.name}_balancer")
        running = [task for task in tasks if task.runs and task.host in hosts]
        return [task.addresses.get(f"{self.name}_front", "") for task in running]

    def wait_seen(self, deployment: Deployment) -> None:
        """Until the balancers that answer have every node in rotation.

        :raises StartError: they do not find one.
        """
        if not wait_until(lambda: self._all_seen(deployment), seconds=BALANCER_TIMEOUT):
            raise StartError(
                f"the nodes run, but not every balancer found them within {BALANCER_TIMEOUT:g} s; "
                "do the hosts reach each other on UDP port 4789 and on port 7946?"
            )

    def _all_seen(self, deployment: Deployment) -> bool:
        front = f"{self.name}_front"
        running = [task for task in self.cluster.tasks(self.web) if task.runs]
        try:
            counters = self.counters()
        except BalancerError:
            # A busy engine may take the helper's container a moment later.
            return False
        wanted = [
            f"{task.addresses.get(front)}:{port}"
            for task in running
            for port in slot_ports(deployment)
        ]
        return counters.answered > 0 and all(
            counters.seen.get(address, 0) >= counters.answered for address in wanted
        )

    def under_way(self) -> str | None:
        """The command that changes it, or what Swarm goes on with after one that was left."""
        return holder(self.engine, self.name) or UNDER_WAY.get(self._update_state())

    def _update_state(self) -> str:
        found = (self.service() or {}).get("UpdateStatus") or {}
        return str(found.get("State", ""))

    @contextmanager
    def changing(self, command: str) -> Iterator[None]:
        """One change at a time: by a lock on this manager, and by what Swarm itself is doing.

        :raises DeployError: someone else changes it.
        """
        image = stack.balancer_image(self.engine)
        if self.engine.ask("image", "inspect", "--format", "{{.Id}}", image).returncode:
            self.engine.run("pull", "--quiet", image, timeout=PULL_TIMEOUT)
        with locked(self.engine, self.name, command, image):
            stack.remove_jobs(self.cluster, self.name)
            if command != "down" and self._update_state() in UNDER_WAY:
                raise DeployError(
                    f"Swarm is still changing {self.name}; wait until it is done, and then say "
                    f"`twofold {command}` again. `twofold status --watch` shows how far it is"
                )
            yield
