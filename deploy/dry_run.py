"""What a roll would do, found out by a roll of nodes that do not exist."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from . import rollout
from .addresses import free_number
from .deployment import Deployment
from .targets import DEFAULT_TARGET
from .wording import counted, times

# What every version has anew, or what a roll keeps as it is.
NOT_COMPARED = ("given", "origins", "place", "version", "loadtests", "name", "nodes", "redis_url")

# Tables that say nothing to nodes which are processes of this machine.
OF_CONTAINERS = ("containers", "kubernetes", "swarm")


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that the version has otherwise than the one in service."""

    setting: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class RollPlan:
    """What a roll would do, if everything works."""

    version: str
    replaces: str
    """The version in service."""
    changes: tuple[Change, ...]
    ignored: tuple[str, ...]
    """Settings that have changed, and that a roll cannot change."""
    steps: tuple[str, ...]
    imported: bool = True
    """Whether the app was imported, to see that it can be; the image of a container has yet to be
    built."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        return cls(
            version=values["version"],
            replaces=values["replaces"],
            changes=tuple(Change(**change) for change in values["changes"]),
            ignored=tuple(values["ignored"]),
            steps=tuple(values["steps"]),
            imported=values["imported"],
        )


def plan_roll(
    running: Deployment,
    numbers: Sequence[int],
    wanted: Deployment,
    ignored: Sequence[str],
    next_number: Callable[[Iterable[int]], int] = free_number,
) -> RollPlan:
    """What a roll to the version `wanted` would do with the nodes of these numbers.

    `next_number` is how the target numbers a new node beside those there are.

    :raises RolloutError: there is no room for the node that a roll needs in addition.
    """
    nodes = PlannedNodes(running, numbers, next_number)
    rollout.roll(nodes, wanted, lambda text: None)
    return RollPlan(
        version=wanted.version,
        replaces=running.version,
        changes=tuple(changes(running, wanted)),
        ignored=tuple(ignored),
        steps=tuple(nodes.steps),
    )


def changes(before: Deployment, after: Deployment) -> Iterator[Change]:
    """Setting by setting; of the environment the names alone, for it holds secrets."""
    old, new = _flat(before.to_json()), _flat(after.to_json())
    for setting in sorted(old.keys() | new.keys()):
        was, will = old.get(setting, "-"), new.get(setting, "-")
        table = setting.partition(".")[0]
        if was == will or (after.target == DEFAULT_TARGET and table in OF_CONTAINERS):
            continue
        if setting.startswith("env."):
            was, will = ("set" if setting in values else "not set" for values in (old, new))
            will = "another value" if was == will else will
        yield Change(setting, was, will)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in values.items():
        if prefix + name in NOT_COMPARED:
            continue
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple):
            found[prefix + name] = ", ".join(map(str, value)) or "-"
        else:
            found[prefix + name] = "-" if value is None else str(value)
    return found


@dataclass(frozen=True, slots=True)
class PlannedNode:
    number: int
    deployment: Deployment

    @property
    def name(self) -> str:
        return f"node{self.number}"


@dataclass(slots=True)
class PlannedNodes:
    """Nodes as `rollout` knows them, which only write down what is asked of them."""

    current: Deployment
    numbers: Sequence[int]
    next_number: Callable[[Iterable[int]], int] = free_number
    steps: list[str] = field(default_factory=list)
    running: list[PlannedNode] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.running = [PlannedNode(number, self.current) for number in self.numbers]

    def start(self, deployment: Deployment) -> PlannedNode:
        node = PlannedNode(self.next_number(node.number for node in self.running), deployment)
        self.running.append(node)
        self.steps.append(
            f"start {node.name}: {counted(deployment.workers, 'workers')} of {deployment.app} from "
            f"{deployment.directory}"
        )
        return node

    def wait_ready(self, node: PlannedNode) -> None:
        deployment = node.deployment
        self.steps.append(
            f"wait until each worker of {node.name} answers GET {deployment.readiness_path}, "
            f"at most {deployment.boot_timeout:g} s"
        )

    def warm_up(self, node: PlannedNode) -> None:
        warm_up = node.deployment.warm_up
        paths = ", ".join(warm_up.paths or (node.deployment.readiness_path,))
        self.steps.append(
            f"warm {node.name} up: GET {paths} on each worker, {times(warm_up.requests)}"
        )

    def into_rotation(self, node: PlannedNode) -> None:
        self.steps.append(f"let visitors in to {node.name}, when the balancer finds it up")

    def drain(self, node: PlannedNode) -> None:
        self.steps.append(f"drain {node.name}, of version {node.deployment.version}")

    def wait_idle(self, nodes: Sequence[PlannedNode]) -> bool:
        longest = self.current.balancer.request_timeout
        self.steps.append(
            f"wait until {_names(nodes)} has nothing in flight, at most {longest:g} s"
        )
        return True

    def stop(self, nodes: Sequence[PlannedNode]) -> None:
        self.running = [node for node in self.running if node not in nodes]
        self.steps.append(f"stop {_names(nodes)}")

    def settle(self, deployment: Deployment) -> None:
        if deployment.balancer != self.current.balancer:
            self.steps.append("let a second balancer take over, with the new settings")


def _names(nodes: Sequence[PlannedNode]) -> str:
    return ", ".join(node.name for node in nodes)
