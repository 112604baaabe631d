"""The commands that change a running deployment: scale, roll, rollback."""

import copy
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from .. import rollout
from ..deployment import Deployment
from ..dry_run import plan_roll
from ..errors import DeployError, RolloutError, StartError
from ..metrics.page import Tally
from ..versions import History, next_version
from .control import Command, Message
from .fleet import Fleet
from .migration import planned

logger = logging.getLogger(__name__)

DRY_RUN = "roll --dry-run"

Verb = Callable[[Message, rollout.Report], Message | None]


class Changes:
    """One at a time; only the supervisor's main thread may use it."""

    def __init__(
        self,
        deployment: Deployment,
        fleet: Fleet,
        check_app: Callable[[Deployment], None],
        migrate: Callable[[Deployment, rollout.Report], None],
        tally: Tally,
    ) -> None:
        self.history = History(deployment)
        self._fleet = fleet
        self._check_app = check_app
        self._migrate = migrate
        self._tally = tally

    def execute(self, command: Command) -> Message | None:
        """Do it; the answer, or None if that is the status of the deployment."""
        verbs: dict[str, Verb] = {
            "scale": self._scale,
            "roll": self._roll,
            DRY_RUN: self._plan_roll,
            "rollback": self._rollback,
        }
        if command.name not in verbs:
            raise DeployError(f"the supervisor knows no command {command.name!r}")

        def report(text: str) -> None:
            logger.info("%s", text)
            command.report(text)

        try:
            if command.name != DRY_RUN:
                self._take_out_leftovers(report)
            answer = verbs[command.name](command.arguments, report)
        except DeployError:
            self._tally.changes[command.name, "failed"] += 1
            raise
        self._tally.changes[command.name, "done"] += 1
        return answer

    def _take_out_leftovers(self, report: rollout.Report) -> None:
        """Nodes of a change that failed while the balancer did not answer."""
        left = [running for running in self._fleet.running if running.phase != "in rotation"]
        if left:
            rollout.take_out(self._fleet, left, report)

    def _scale(self, arguments: Message, report: rollout.Report) -> None:
        nodes = arguments["nodes"]
        if nodes < 1:
            raise DeployError(f"nodes = {nodes}: must be at least 1; `twofold down` stops all")
        more = nodes - len(self._fleet.running)
        if more > 0:
            rollout.bring_in(self._fleet, self.history.current, more, report)
        elif more < 0:
            rollout.take_out(self._fleet, self._fleet.running[more:], report)

    def _roll(self, arguments: Message, report: rollout.Report) -> None:
        label = self.history.new_label(arguments["version"])
        version, ignored = self._next_version(arguments, label)
        if ignored:
            report(
                f"{' and '.join(ignored)} changed, but a roll keeps what visitors and nodes are "
                "connected to: that takes effect with the next `twofold up`"
            )
        with _not_started(label, self.history.current):
            self._migrate(version, report)
        with self._noted(version, lambda: self.history.rolled_to(version)):
            rollout.roll(self._fleet, version, report)

    def _plan_roll(self, arguments: Message, report: rollout.Report) -> Message:
        # A copy: a label that is only looked at is not used up.
        label = copy.copy(self.history).new_label(arguments["version"])
        version, ignored = self._next_version(arguments, label)
        numbers = [running.node.number for running in self._fleet.running]
        plan = plan_roll(self.history.current, numbers, version, ignored)
        first = planned(version)
        return replace(plan, steps=(*first, *plan.steps)).to_json()

    def _next_version(self, arguments: Message, label: str) -> tuple[Deployment, list[str]]:
        """The version as it would be started now, checked; and the settings it cannot change."""
        running = self.history.current
        place = Path(arguments["place"]) if arguments["place"] else None
        version, ignored = next_version(running, label, place, arguments["given"])
        with _not_started(label, running):
            self._check_app(version)
        return version, ignored

    def _rollback(self, arguments: Message, report: rollout.Report) -> None:
        # Without `migrate`: the older code knows nothing of the newer steps.
        current, previous = self.history.current, self.history.previous
        if previous.directory == current.directory:
            report(
                f"versions {previous.version} and {current.version} share the folder "
                f"{current.directory}: settings go back, and the code is what lies there now"
            )
        with self._noted(previous, self.history.rolled_back):
            rollout.roll(self._fleet, previous, report)

    @contextmanager
    def _noted(self, version: Deployment, note: Callable[[], None]) -> Iterator[None]:
        """Note the version as the one in service, also if only the balancer's settings failed."""
        try:
            yield
        finally:
            if all(running.deployment is version for running in self._fleet.running):
                note()


@contextmanager
def _not_started(label: str, running: Deployment) -> Iterator[None]:
    """Say of what goes wrong before the first new node that the version in service serves on."""
    try:
        yield
    except StartError as error:
        raise RolloutError(
            f"version {label} was not started: {error}\nVersion {running.version} serves on."
        ) from None
