"""What a target is: where nodes run, and what can be done with a deployment there.

`Target` is what the commands use. `Nodes` is what `rollout` needs of a target that replaces nodes
itself, so that they can come and go under load.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from ..deployment import Deployment

if TYPE_CHECKING:
    from ..dry_run import RollPlan
    from ..logs.reading import Entry, Query
    from ..status import DeploymentStatus

Report = Callable[[str], None]


def silent(text: str) -> None:
    """A Report that nobody reads."""


class Target(Protocol):
    """A running deployment. As a context manager it ends with the block."""

    name: str
    url: str
    """Where visitors come in."""
    left_alone: str
    """What becomes of a `{command}` whose caller goes away with Ctrl-C."""

    @property
    def urls(self) -> tuple[str, ...]:
        """Those of all balancers."""
        ...

    @classmethod
    def up(cls, deployment: Deployment, *, owned: bool, report: Report = silent) -> Self:
        """Start a deployment; returns when every node is ready and in rotation.

        `owned`: it belongs to this process. On an error nothing is left that was not there before.

        :raises StartError: it does not start.
        """
        ...

    @classmethod
    def find(cls, name: str | None = None) -> Self:
        """The running deployment of that name, or the only one there is.

        :raises NotRunning: there is none, or there are several.
        """
        ...

    @property
    def ended(self) -> bool:
        """Whether an owned deployment has ended by itself, or by someone else's command."""
        ...

    def exit_code(self) -> int:
        """Of an owned deployment that has ended: 0 if it was stopped in order."""
        ...

    def status(self) -> "DeploymentStatus":
        """The state and the counters of this moment.

        :raises NotRunning: it has ended.
        """
        ...

    def scale(self, nodes: int, report: Report = silent) -> "DeploymentStatus":
        """Add nodes until there are so many, or drain and stop some."""
        ...

    def roll(
        self,
        *,
        version: str | None = None,
        place: Path | None = None,
        given: Mapping[str, object] = MappingProxyType({}),
        report: Report = silent,
    ) -> "DeploymentStatus":
        """Replace every node by a new one of the code and the settings of now.

        `version` is its label; `place` another folder, `given` settings by their paths, as for
        `load_deployment`. Without them it is the folder and the command line of the last version.

        :raises RolloutError: the version did not get into service, and the old one serves.
        """
        ...

    def plan_roll(
        self,
        *,
        version: str | None = None,
        place: Path | None = None,
        given: Mapping[str, object] = MappingProxyType({}),
        report: Report = silent,
    ) -> "RollPlan":
        """What `roll` would do with the same arguments; nothing is changed.

        :raises RolloutError: the version would not start.
        """
        ...

    def rollback(self, report: Report = silent) -> "DeploymentStatus":
        """Replace every node by one of the version before."""
        ...

    def logs(self, query: "Query", *, follow: bool = False) -> Iterator["Entry"]:
        """The wanted lines in the order of time, or of their coming; `follow`: go on with new ones.

        :raises DeployError: the target cannot choose lines so, or has no such part.
        """
        ...

    def down(self, report: Report = silent, *, volumes: bool = False) -> None:
        """Stop the deployment in order. Does nothing if it has gone.

        `volumes`: delete what its database and its store have kept, too.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class StoppedAfterBlock(ABC):
    """What every target does as a context manager."""

    @abstractmethod
    def down(self, report: Report = silent, *, volumes: bool = False) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.down()


class RunningNode(Protocol):
    """A node of a target, started from a deployment's description of that moment."""

    @property
    def name(self) -> str: ...

    @property
    def deployment(self) -> Deployment: ...


N = TypeVar("N", bound=RunningNode)


class Nodes(Protocol[N]):
    """The nodes of a running deployment; `rollout` puts these verbs together."""

    @property
    def running(self) -> Sequence[N]:
        """All of them, new and leaving ones included."""
        ...

    def start(self, deployment: Deployment, /) -> N:
        """Begin to start a node. Visitors do not get there."""
        ...

    def wait_ready(self, node: N, /) -> None:
        """Wait until each worker answers its readiness check.

        :raises StartError: it will not; with the last lines of its log and its last answer.
        """
        ...

    def warm_up(self, node: N, /) -> None:
        """Send each worker the requests that make the first visitor's one quick.

        :raises StartError: an answer was a failure.
        """
        ...

    def into_rotation(self, node: N, /) -> None:
        """Let visitors in, and wait until the balancer has seen for itself that it serves."""
        ...

    def drain(self, node: N, /) -> None:
        """Send no more visitors there. What is in flight goes on."""
        ...

    def wait_idle(self, nodes: Sequence[N], /) -> bool:
        """Wait until nothing is in flight; False if it is not after the longest request."""
        ...

    def stop(self, nodes: Sequence[N], /) -> None:
        """Take them out of rotation for good, end them, and forget them."""
        ...

    def settle(self, deployment: Deployment, /) -> None:
        """Have the balancer follow the settings of the version that all nodes now are of."""
        ...
