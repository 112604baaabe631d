"""The local target: nodes, balancer and store as processes of this machine.

A LocalTarget is a client; a supervisor process does the work, so that a deployment can outlive
the command that started it, and never outlives an owner that was killed.
"""

import contextlib
import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Self

from .. import processes, procfs, rundir
from ..deployment import Deployment
from ..dry_run import RollPlan
from ..errors import DeployError, NotRunning, StartError
from ..logs.reading import Entry, Query
from ..logs.reading import follow as follow_logs
from ..logs.reading import read as read_logs
from ..processes import Session
from ..rundir import RunDirectory
from ..status import DeploymentStatus
from ..supervisor.control import ask, read_answer
from .base import Report, StoppedAfterBlock, silent

STATUS_TIMEOUT = 15.0
END_TIMEOUT = 30.0


class LocalTarget(StoppedAfterBlock):
    """A running deployment. As a context manager it ends with the block."""

    left_alone = (
        "The {command} goes on without you: half done it would be worse. `twofold status --watch` "
        "shows it."
    )

    def __init__(self, name: str, url: str, guard: Session | None = None) -> None:
        """Use `up` or `find`; `guard` stands above the processes of an owned deployment."""
        self.name = name
        self.url = url
        self._guard = guard
        self._rundir = RunDirectory(name)

    @classmethod
    def up(cls, deployment: Deployment, *, owned: bool, report: Report = silent) -> Self:
        """Start a deployment; returns when every node is ready and in rotation.

        `owned`: it ends with this process, however that ends. On an error nothing is left.
        """
        if sys.platform != "linux":
            raise StartError(
                "the local target needs Linux: it gives each node a loopback address of its own. "
                "Elsewhere, run it in a container or a virtual machine."
            )
        guard = processes.spawn_session(
            processes.python_module("deploy.supervisor.guard", deployment.name)
        )
        try:
            status = _started(guard, deployment, report)
        except BaseException:
            _end(guard)
            raise
        if owned:
            return cls(deployment.name, status.url, guard)
        guard.requests.write(b"release\n")
        guard.requests.flush()
        guard.abandon()
        return cls(deployment.name, status.url)

    @classmethod
    def find(cls, name: str | None = None) -> Self:
        """The running deployment of that name, or the only one there is."""
        running = rundir.running()
        names = [directory.name for directory in running]
        if name is None and len(names) == 1:
            name = names[0]
        if name is None or name not in names:
            raise NotRunning(_not_found(name, names))
        target = cls(name, "")
        target.url = target._first_status().url
        return target

    @property
    def urls(self) -> tuple[str, ...]:
        return (self.url,)

    @property
    def ended(self) -> bool:
        """Whether an owned deployment has ended by itself, or by someone else's command."""
        return self._guard is not None and self._guard.process.poll() is not None

    def exit_code(self) -> int:
        """Of an owned deployment that has ended: 0 if it was stopped in order."""
        if self._guard is None:
            return 0
        _end(self._guard)
        self._rundir.sweep()
        return 0 if self._guard.process.returncode == 0 else DeployError.exit_code

    def status(self) -> DeploymentStatus:
        """The state and the counters of this moment."""
        request = {"command": "status"}
        socket = self._rundir.control_socket
        return DeploymentStatus.from_json(ask(socket, request, silent, timeout=STATUS_TIMEOUT))

    def _first_status(self) -> DeploymentStatus:
        """Also of one that has locked its run directory a moment ago, and listens in the next."""
        deadline = time.monotonic() + STATUS_TIMEOUT
        while True:
            try:
                return self.status()
            except NotRunning:
                if not self._rundir.in_use or time.monotonic() > deadline:
                    raise
            time.sleep(0.02)

    def scale(self, nodes: int, report: Report = silent) -> DeploymentStatus:
        """Add nodes until there are so many, or drain and stop the last ones."""
        request = {"command": "scale", "nodes": nodes}
        return DeploymentStatus.from_json(ask(self._rundir.control_socket, request, report))

    def roll(
        self,
        *,
        version: str | None = None,
        place: Path | None = None,
        given: Mapping[str, object] = MappingProxyType({}),
        report: Report = silent,
    ) -> DeploymentStatus:
        """Replace every node, one at a time, by a new one of the code and the settings of now.

        `version` is its label; `place` another folder, `given` settings by their paths, as for
        `load_deployment`. Without them it is the folder and the command line of the last version.

        :raises RolloutError: the version did not get into service, and the old one serves.
        """
        request = {"command": "roll", **_next_version(version, place, given)}
        return DeploymentStatus.from_json(ask(self._rundir.control_socket, request, report))

    def plan_roll(
        self,
        *,
        version: str | None = None,
        place: Path | None = None,
        given: Mapping[str, object] = MappingProxyType({}),
        report: Report = silent,
    ) -> RollPlan:
        """What `roll` would do with the same arguments; the app is imported, nothing is changed.

        :raises RolloutError: the version would not start.
        """
        request = {"command": "roll --dry-run", **_next_version(version, place, given)}
        return RollPlan.from_json(ask(self._rundir.control_socket, request, report))

    def rollback(self, report: Report = silent) -> DeploymentStatus:
        """Replace every node by one of the version before."""
        request = {"command": "rollback"}
        return DeploymentStatus.from_json(ask(self._rundir.control_socket, request, report))

    def logs(self, query: Query, *, follow: bool = False) -> Iterator[Entry]:
        """The wanted lines of all parts, in the order of time; `follow`: until it ends."""
        return follow_logs(self._rundir, query) if follow else read_logs(self._rundir, query)

    def down(self, report: Report = silent, *, volumes: bool = False) -> None:
        """Stop the deployment in order; nothing is left of it. Does nothing if it has gone.

        There are no `volumes`: what the store has kept goes in any case.
        """
        try:
            with contextlib.suppress(NotRunning):
                ended = ask(self._rundir.control_socket, {"command": "down"}, report)
                _wait_gone(ended["pids"])
        finally:
            if self._guard:
                _end(self._guard)
            self._rundir.sweep()


def _next_version(
    version: str | None, place: Path | None, given: Mapping[str, object]
) -> dict[str, object]:
    return {
        "version": version,
        "place": None if place is None else str(place.absolute()),
        "given": {path: value for path, value in given.items() if value is not None},
    }


def _started(guard: Session, deployment: Deployment, report: Report) -> DeploymentStatus:
    try:
        guard.requests.write(json.dumps(deployment.to_json()).encode() + b"\n")
        guard.requests.flush()
        return DeploymentStatus.from_json(read_answer(guard.answers, report))
    except (BrokenPipeError, NotRunning):
        raise StartError(
            f"the supervisor of {deployment.name!r} ended before the deployment was ready; its "
            "messages are above"
        ) from None
    except DeployError as error:
        raise StartError(str(error)) from None


def _end(guard: Session) -> None:
    """Let go of an owned deployment, and wait until the guard has seen to the rest."""
    guard.let_go()
    guard.wait(END_TIMEOUT)


def _wait_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + END_TIMEOUT
    while any(map(procfs.runs, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)


def _not_found(name: str | None, running: list[str]) -> str:
    if not running:
        return "no deployment is running; start one with `twofold up`"
    names = ", ".join(running)
    if name is None:
        return f"several deployments are running; choose one with --name: {names}"
    return f"no deployment named {name!r} is running; there is {names}"
