"""The nodes of a Compose project, each a container of the service `web`."""

import contextlib
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from ...balancer import wait_until
from ...deployment import Deployment
from ...docker.api import MissingError
from ...docker.balancer import ContainerBalancer
from ...errors import BalancerError, EngineError, StartError
from ...probes import ProbeAnswer
from ...render.containers import grace_period, slot_ports
from ...render.haproxy_dns import render_haproxy_dns
from .lines import ContainerNode, Lines
from .project import Container, Project

PROBE_TIMEOUT = 5.0
# The balancer asks the name server every second, and looks at a node twice a second. An engine
# that starts containers on a busy machine is slow to answer either.
BALANCER_TIMEOUT = 60.0
# In memory, the only place in the balancer's container that can be written to.
STATE_FILE = "/dev/shm/servers"  # noqa: S108


class ComposeNodes:
    """What `rollout` asks for (`targets.base.Nodes`), for the time of one change.

    As a context manager this leaves every line of the balancer's ready for what comes, whatever
    happened.
    """

    def __init__(
        self,
        project: Project,
        balancer: ContainerBalancer,
        deployment_of: Callable[[Container], Deployment],
        image_of: Callable[[Deployment], str],
    ) -> None:
        """`deployment_of` tells of which version a container is, `image_of` a version's image."""
        self._project = project
        self._image_of = image_of
        self._selected: str | None = None
        self._balancer = balancer
        self._lines = Lines(balancer)
        self._nodes = [
            ContainerNode(each, self._host(each), deployment_of(each))
            for each in project.containers("web")
        ]

    @property
    def running(self) -> Sequence[ContainerNode]:
        return tuple(sorted(self._nodes, key=lambda node: node.container.number))

    def start(self, deployment: Deployment) -> ContainerNode:
        self._lines.hold_free()
        if deployment.version != self._selected:
            self._project.select(deployment, self._image_of(deployment))
            self._selected = deployment.version
        try:
            container = self._project.add_node(deployment)
        except EngineError as error:
            raise StartError(str(error)) from None
        node = ContainerNode(container, self._host(container), deployment, "adding")
        self._nodes.append(node)
        self._lines.expect(node)
        return node

    def wait_ready(self, node: ContainerNode) -> None:
        path, longest = node.deployment.readiness_path, node.deployment.boot_timeout
        deadline = time.monotonic() + longest
        answer = ProbeAnswer(None, "none was asked for")
        while True:
            problem = self._why_ended(node)
            if problem:
                raise StartError(self._not_started(node, problem, answer))
            node.host = self._host(node.container) or node.host
            answers = self._probe(node, [path], timeout=PROBE_TIMEOUT)
            failed = [answer for answer in answers if not answer.ready]
            if not failed:
                break
            answer = failed[0]
            if time.monotonic() > deadline:
                problem = f"was not ready after {longest:g} s (boot_timeout)"
                raise StartError(self._not_started(node, problem, answer))
            time.sleep(0.2)

    def _why_ended(self, node: ContainerNode) -> str | None:
        """Why a container that is being started will not be ready any more, or None."""
        try:
            found = self._project.api.container(node.container.id)
        except MissingError:
            return "was removed by someone else"
        state = found["State"]
        if state["OOMKilled"]:
            return "was killed because it took more than its memory (containers.memory)"
        if found["RestartCount"] or state["Status"] in ("exited", "dead", "restarting"):
            return f"ended with code {state['ExitCode']}"
        return None

    def warm_up(self, node: ContainerNode) -> None:
        deployment = node.deployment
        paths = deployment.warm_up.paths or (deployment.readiness_path,)
        times = deployment.warm_up.requests
        each = deployment.balancer.request_timeout
        longest = each * times * len(paths) * deployment.workers
        answers = self._probe(node, paths, times=times, timeout=longest)
        for number, answer in enumerate(answers):
            if not answer.ready:
                path = paths[number % len(paths)]
                raise StartError(
                    f"{node.name} is ready, but fails when it is warmed up.\n"
                    f"The answer to GET {path}: {answer.text}\n"
                    f"The last lines of its log:\n{self._last_lines(node)}"
                )

    def _probe(
        self, node: ContainerNode, paths: Sequence[str], *, times: int = 1, timeout: float
    ) -> list[ProbeAnswer]:
        if not node.host:
            return [ProbeAnswer(None, "no answer: the container does not run")]
        ports = slot_ports(node.deployment)
        return self._balancer.probe(node.host, ports, paths, times=times, timeout=timeout)

    def into_rotation(self, node: ContainerNode) -> None:
        node.phase = "in rotation"
        if not wait_until(lambda: self._lines.found(node), seconds=BALANCER_TIMEOUT):
            raise StartError(
                f"{node.name} answers, but its address {node.host} did not get to the balancer "
                f"within {BALANCER_TIMEOUT:g} s"
            )
        self._lines.open(node)
        if not wait_until(lambda: self._lines.serves(node), seconds=BALANCER_TIMEOUT):
            checks = ", ".join(
                f"{name}: {line.last_check or 'no check yet'}"
                for name, line in self._lines.of(node).items()
            )
            raise StartError(f"{node.name} answers, but not to the balancer: {checks}")

    def serving(self) -> list[ContainerNode]:
        """Those that visitors get to."""
        return [node for node in self._nodes if self._lines.serves(node)]

    def drain(self, node: ContainerNode) -> None:
        node.phase = "draining"
        # One that was restarted in between has another address.
        node.host = self._host(node.container) or node.host
        self._lines.drain(node)

    def wait_idle(self, nodes: Sequence[ContainerNode]) -> bool:
        longest = max(node.deployment.balancer.request_timeout for node in nodes)
        return wait_until(lambda: self._lines.idle(nodes), seconds=longest)

    def stop(self, nodes: Sequence[ContainerNode]) -> None:
        self._lines.close(nodes)
        longest = max(grace_period(node.deployment) for node in nodes)
        self._project.stop([node.container.id for node in nodes], seconds=longest)
        self._nodes = [node for node in self._nodes if node not in nodes]
        self._lines.forget(nodes)

    def settle(self, deployment: Deployment) -> None:
        """Have HAProxy read its file again, if this version's is another one."""
        files, text = self._project.files, render_haproxy_dns(deployment)
        if files.balancer == text:
            return
        before = files.balancer
        self.finish()
        files.write_balancer(render_haproxy_dns(deployment, state_file=STATE_FILE))
        try:
            self._balancer.reload(STATE_FILE)
        except BalancerError:
            files.write_balancer(before)
            raise
        files.write_balancer(text)
        # An address may have come to another line than before, one that a node had left.
        self._lines.open_all()
        if not wait_until(
            lambda: all(self._lines.serves(node) for node in self._nodes), seconds=BALANCER_TIMEOUT
        ):
            raise BalancerError("the balancer has read its new file and does not find every worker")

    def finish(self) -> None:
        """Leave every line that nobody uses ready for the next node that DNS gives it."""
        self._lines.release_held()
        wait_until(lambda: self._lines.reopen_left() == 0, seconds=BALANCER_TIMEOUT)

    def _host(self, container: Container) -> str:
        """Its address of this moment."""
        try:
            found = self._project.api.container(container.id)
        except MissingError:
            return ""
        networks = found["NetworkSettings"]["Networks"]
        return str(networks.get(self._project.front, {}).get("IPAddress", ""))

    def _not_started(self, node: ContainerNode, problem: str, answer: ProbeAnswer) -> str:
        return (
            f"{node.name} did not start: its container {problem}.\n"
            f"The last lines of its log:\n{self._last_lines(node)}\n"
            f"The last answer to GET {node.deployment.readiness_path}: {answer.text}"
        )

    def _last_lines(self, node: ContainerNode) -> str:
        return self._project.last_lines(node.container.id)

    def __enter__(self) -> Self:
        # A change that was cut off may have left lines drained.
        self._lines.open_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc is None:
            self.finish()
        else:
            # What went wrong is the news, not that the balancer does not answer either.
            with contextlib.suppress(BalancerError):
                self.finish()
