"""How a deployment is doing. Counters are totals since the start of the balancer."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

State = Literal["adding", "in rotation", "draining", "out of rotation"]


@dataclass(frozen=True, slots=True)
class SlotStatus:
    name: str
    address: str
    state: State
    in_flight: int = 0
    queue: int = 0
    requests: int = 0
    errors: int = 0
    """Answers 5xx, and requests that got no answer."""
    throughput: int = 0
    """Requests in the last second."""
    latency: float = 0.0
    """Mean of the last 1,024 answers until their first byte, queue included, in seconds."""
    capacity: int = 0
    """Requests it may serve at once; 0 if the target cannot tell."""


@dataclass(frozen=True, slots=True)
class CpuBudget:
    """What a node may use of the machine's processors, and what holds it to that."""

    cpus: float | None
    """None: whatever is there."""
    mechanism: str
    """A control group's quota, affinity, or none and why."""
    throttled_seconds: float = 0.0
    """How long the kernel held the node back, all its threads together; never goes back."""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    name: str
    address: str
    state: State
    pid: int | None
    cpu_seconds: float
    """Of gunicorn and its workers, dead ones included; never goes back."""
    restarts: int
    version: str
    slots: tuple[SlotStatus, ...]
    workers: tuple[int, ...] = ()
    """Process ids."""
    budget: CpuBudget | None = None
    """None: the node was given none."""
    memory: int | None = None
    """In bytes; None: the target does not tell."""
    image: str | None = None
    """The id of a container's image; None: it is no container."""
    host: str | None = None
    """The host's name; None: there is one host only."""


@dataclass(frozen=True, slots=True)
class BalancerStatus:
    pid: int | None
    requests: int
    queue: int
    cpu_seconds: float
    responses_5xx: int
    """As visitors got them: the nodes' and the balancer's own."""
    throughput: int
    """Requests in the last second."""
    latency: float
    """Mean of the last 1,024 answers until their first byte, in seconds."""
    in_flight: int = 0
    """Requests that wait or are being served."""
    answers: bool = True
    """Whether it did when it was asked for its counters."""
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class StoreStatus:
    url_without_password: str
    pid: int | None
    """None: a store of the user's own."""
    cpu_seconds: float
    latency: float | None = None
    """Of a PING, in seconds; None without an answer."""
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class DeploymentStatus:
    name: str
    url: str
    app: str
    directory: str
    profile: str
    version: str
    under_way: str | None
    """The command that is changing the deployment at this moment."""
    time: float
    """When the counters were read, seconds since the epoch."""
    nodes: tuple[NodeStatus, ...]
    balancer: BalancerStatus
    store: StoreStatus | None
    metrics_url: str | None = None
    """Where Prometheus finds metrics; None: nowhere."""
    lost_log_lines: int = 0
    """That could not be written, as on a full disk."""
    target: str = "local"
    """Where the nodes run: a name of `targets.TARGETS`."""

    @property
    def versions(self) -> tuple[str, ...]:
        """Those that nodes are of; several while one is being replaced, or if that was cut off."""
        return tuple(dict.fromkeys(node.version for node in self.nodes))

    @property
    def slots(self) -> tuple[SlotStatus, ...]:
        return tuple(slot for node in self.nodes for slot in node.slots)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        store = values["store"]
        return cls(
            **{
                **values,
                "nodes": tuple(_node(node) for node in values["nodes"]),
                "balancer": BalancerStatus(**values["balancer"]),
                "store": None if store is None else StoreStatus(**store),
            }
        )


def _node(values: Mapping[str, Any]) -> NodeStatus:
    budget = values["budget"]
    converted = {
        "slots": tuple(SlotStatus(**slot) for slot in values["slots"]),
        "workers": tuple(values["workers"]),
        "budget": None if budget is None else CpuBudget(**budget),
    }
    return NodeStatus(**{**values, **converted})
