"""The nodes of a deployment on this machine, each a gunicorn on a loopback address of its own."""

import contextlib
import logging
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from .. import processes
from ..addresses import Block, free_number
from ..balancer import BalancerClient, wait_until
from ..cpu_budget import CpuBudgets
from ..deployment import Balancer, Deployment, Slot
from ..errors import BalancerError, DeployError, StartError
from ..logs.files import LogFile
from ..render.haproxy import render_haproxy
from ..rundir import RunDirectory
from . import readiness
from .parts import RunningNode, node_part

logger = logging.getLogger(__name__)

A = TypeVar("A")
T = TypeVar("T")

# A balancer that died is started again within this time, and checks new slots.
BALANCER_TIMEOUT = 20.0
FORGET_TIMEOUT = 10.0
STOP_MARGIN = 5.0


class Fleet:
    """What `rollout` asks for (`targets.base.Nodes`); only the supervisor's main thread may use it.

    The balancer's configuration file always names the nodes that should be in rotation, so that a
    balancer that has to be started again knows them.
    """

    def __init__(
        self,
        deployment: Deployment,
        block: Block,
        rundir: RunDirectory,
        client: BalancerClient,
        *,
        listeners: Sequence[int],
        environment: Callable[[Deployment], Mapping[str, str]],
        reload_balancer: Callable[[Balancer], None],
        budgets: CpuBudgets,
        log: Callable[[str], LogFile],
        pause: Callable[[float], None],
        hurry: Callable[[], bool],
    ) -> None:
        """`listeners` are the file descriptors of the sockets that the balancer inherits.

        `environment` is what a node of a version finds there, `reload_balancer` has the balancer
        read its file again, with the settings it was written for. `log` is where the node of a name
        writes.

        `pause` waits some seconds, during which other parts are looked after. `hurry` tells that
        requests in flight need not be finished any more.
        """
        self._nodes: list[RunningNode] = []
        self._deployment = deployment
        self._block = block
        self._rundir = rundir
        self._client = client
        self._listeners = listeners
        self._environment = environment
        self._reload_balancer = reload_balancer
        self._budgets = budgets
        self._log = log
        self._pause = pause
        self._hurry = hurry

    @property
    def running(self) -> Sequence[RunningNode]:
        return tuple(sorted(self._nodes, key=lambda running: running.node.number))

    def start(self, deployment: Deployment) -> RunningNode:
        taken = [running.node.number for running in self._nodes]
        node = self._block.node(free_number(taken), deployment)
        env = self._environment(deployment)
        held = self._budgets.hold(node.name, deployment.cpus)
        part = node_part(deployment, node, self._block, self._log(node.name), env, held)
        running = RunningNode(node, deployment, part)
        running.part.start()
        self._nodes.append(running)
        return running

    def wait_ready(self, running: RunningNode) -> None:
        readiness.wait_ready(running, self._pause)

    def warm_up(self, running: RunningNode) -> None:
        readiness.warm_up(running, self._pause)

    def into_rotation(self, running: RunningNode) -> None:
        running.phase = "in rotation"
        try:
            self.write_balancer_config()
        except StartError:
            # Nobody has heard of it, so it can be ended as one that never served.
            running.phase = "adding"
            raise
        for slot in running.node.slots:
            self._tell(self._client.add, slot)
        if not wait_until(
            lambda: self._tell(self._serves, running),
            seconds=BALANCER_TIMEOUT,
            pause=self._pause,
        ):
            raise StartError(
                f"{running.name} answers, but not to the balancer: {self._last_checks(running)}"
            )

    def _serves(self, running: RunningNode) -> bool:
        slots = dict(self._client.counters().slots)
        return all(
            slot.name in slots and slots[slot.name].state == "in rotation"
            for slot in running.node.slots
        )

    def _last_checks(self, running: RunningNode) -> str:
        slots = dict(self._client.counters().slots)
        known = [slot.name for slot in running.node.slots if slot.name in slots]
        return ", ".join(f"{name}: {slots[name].last_check or 'no check yet'}" for name in known)

    def note_death(self, name: str) -> None:
        """Have visitors wait for no node that is started again: it listens before it serves."""
        dead = [node for node in self._nodes if node.name == name]
        if not any(node.phase == "in rotation" and node.part.pid for node in self._nodes):
            # Nobody else could serve them.
            return
        # A balancer that does not answer finds out by itself.
        with contextlib.suppress(BalancerError):
            for slot in _slots(dead):
                self._client.mark_down(slot)

    def drain(self, running: RunningNode) -> None:
        running.phase = "draining"
        self._forget_in_config()
        for slot in running.node.slots:
            self._tell(self._client.drain, slot)

    def wait_idle(self, leaving: Sequence[RunningNode]) -> bool:
        slots = _slots(leaving)
        return wait_until(
            lambda: self._tell(self._client.idle, slots),
            seconds=self._deployment.balancer.request_timeout,
            pause=self._pause,
        )

    def stop(self, leaving: Sequence[RunningNode]) -> None:
        # The others are unknown to the balancer.
        known = [running for running in leaving if running.phase != "adding"]
        for running in known:
            running.phase = "draining"
        if known:
            self._forget_in_config()
        for slot in _slots(known):
            self._tell(self._client.out_of_rotation, slot)
        self.end(leaving, pause=self._pause)
        for slot in _slots(known):
            self._forget(slot)

    def _forget(self, slot: Slot) -> None:
        # Connections that the node has closed stay known to the balancer for a moment. A slot
        # that it cannot forget stays out of rotation, and is used again by the next node here.
        wait_until(
            lambda: self._tell(self._client.remove, slot),
            seconds=FORGET_TIMEOUT,
            pause=self._pause,
        )

    def end(
        self, leaving: Sequence[RunningNode], *, pause: Callable[[float], object] = time.sleep
    ) -> None:
        """End the processes of nodes that get no visitors any more; `pause` waits some seconds."""
        longest = self._deployment.balancer.request_timeout + STOP_MARGIN
        never_served = [node for node in leaving if node.phase == "adding"]
        served = [node for node in leaving if node.phase != "adding"]
        _stop(never_served, (signal.SIGQUIT, STOP_MARGIN), hurry=self._hurry, pause=pause)
        _stop(
            served,
            (signal.SIGTERM, longest),
            (signal.SIGQUIT, STOP_MARGIN),
            hurry=self._hurry,
            pause=pause,
        )
        self._nodes = [node for node in self._nodes if node not in leaving]
        for running in leaving:
            self._budgets.release(running.name)

    def settle(self, deployment: Deployment) -> None:
        before, self._deployment = self._deployment, deployment
        if (before.balancer, before.readiness_path) == (
            deployment.balancer,
            deployment.readiness_path,
        ):
            return
        try:
            self.write_balancer_config()
            self._reload_balancer(deployment.balancer)
        except DeployError as error:
            self._deployment = before
            self._forget_in_config()
            raise BalancerError(
                f"all nodes are of version {deployment.version}, but the balancer goes on with the "
                f"settings of before: {error}\n`twofold roll` tries it again."
            ) from None

    def _forget_in_config(self) -> None:
        """Write what is no addition; a balancer that starts with the old file passes over nodes
        that do not answer.
        """
        try:
            self.write_balancer_config()
        except StartError as error:
            logger.error("%s; until the next change it names what has gone", error)

    def write_balancer_config(self) -> None:
        """:raises StartError: the file of before stays."""
        nodes = [running.node for running in self.running if running.phase == "in rotation"]
        text = render_haproxy(
            self._deployment,
            nodes,
            runtime_socket=self._rundir.haproxy_socket,
            source=self._block.balancer,
            listeners=self._listeners,
            certificate=self._rundir.certificate if self._deployment.balancer.tls else None,
        )
        self._rundir.write_secret(self._rundir.haproxy_config, text)

    def _tell(self, command: Callable[[A], T], argument: A) -> T:
        """Say something to the balancer; one that has just died is back in a moment."""
        deadline = time.monotonic() + BALANCER_TIMEOUT
        while True:
            try:
                return command(argument)
            except BalancerError:
                if time.monotonic() > deadline:
                    raise
            self._pause(0.1)


def _slots(nodes: Iterable[RunningNode]) -> list[Slot]:
    return [slot for running in nodes for slot in running.node.slots]


def _stop(
    nodes: Sequence[RunningNode],
    *escalation: tuple[signal.Signals, float],
    hurry: Callable[[], bool],
    pause: Callable[[float], object],
) -> None:
    running = [node.part.process for node in nodes if node.part.process]
    processes.stop(running, *escalation, hurry=hurry, pause=pause)
