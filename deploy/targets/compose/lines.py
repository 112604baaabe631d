"""The balancer's lines of servers, which DNS fills with the addresses of nodes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...balancer import SlotCounters
from ...deployment import Deployment
from ...docker.balancer import ContainerBalancer
from ...errors import StartError
from ...render.containers import slot_ports
from ...status import State
from ...wording import counted
from .project import Container


@dataclass(slots=True)
class ContainerNode:
    """A container of `web`, and the version that it was started of."""

    container: Container
    host: str
    """Its address in the balancer's network; empty while it has none."""
    deployment: Deployment
    phase: State = "in rotation"

    @property
    def name(self) -> str:
        return f"node{self.container.number}"

    def addresses(self, slots: int) -> set[str]:
        """Of its slots, of which the balancer knows only the first so many."""
        return {f"{self.host}:{port}" for port in slot_ports(self.deployment)[:slots]}


class Lines:
    """Which of them let visitors in, while nodes come and go.

    The balancer finds a new container in DNS and lets visitors in at once. So the lines that have
    no address yet are held while a node is started: the one that gets its address checks it, and
    lets nobody in before it is told to.
    """

    def __init__(self, balancer: ContainerBalancer) -> None:
        self._balancer = balancer
        self._expected: list[ContainerNode] = []
        """Started, and not open yet."""
        self._held: set[str] = set()
        """Lines without an address that are drained for these."""
        self._left: dict[str, str] = {}
        """Lines of nodes that have been stopped, with the address that each had."""

    def open_all(self) -> None:
        """Those that nobody has told to do otherwise now; and forget what was told before."""
        self._balancer.set_state(self._balancer.lines(), "ready")
        self._held.clear()
        self._left.clear()

    def hold_free(self) -> None:
        """Before a node is started.

        :raises StartError: there is no line for it.
        """
        self.reopen_left()
        lines = self._balancer.lines()
        free = [name for name, line in lines.items() if _is_free(line)]
        slots = _slots(lines)
        if len(free) < (len(self._expected) + 1) * slots:
            raise StartError(
                f"the balancer looks for {counted(len(lines) // slots, 'nodes')} at most, and a "
                "roll needs one in addition; raise containers.replicas in twofold.toml, which "
                "takes effect with `twofold down` and `twofold up`"
            )
        self._balancer.set_state(free, "drain")
        self._held.update(free)

    def expect(self, node: ContainerNode) -> None:
        """When it has been started."""
        self._expected.append(node)

    def found(self, node: ContainerNode) -> bool:
        """Whether its addresses have come. When all have that are expected, the rest is let go."""
        lines = self._balancer.lines()
        slots = _slots(lines)
        there = {line.address for line in lines.values()}
        if all(each.addresses(slots) <= there for each in self._expected):
            self.release_held()
        return node.addresses(slots) <= there

    def release_held(self) -> None:
        """Open the lines that no expected node has come to."""
        if not self._held:
            return
        lines = self._balancer.lines()
        slots = _slots(lines)
        expected = {address for node in self._expected for address in node.addresses(slots)}
        held = [name for name in self._held if name in lines]
        self._balancer.set_state(
            [name for name in held if lines[name].address not in expected], "ready"
        )
        self._held.clear()

    def open(self, node: ContainerNode) -> None:
        """Let visitors in."""
        lines = self.of(node)
        self._balancer.set_state(lines, "ready")
        self.forget([node])
        for name in lines:
            # The address of a node that left may be given to the next at once.
            self._left.pop(name, None)

    def serves(self, node: ContainerNode) -> bool:
        """Whether visitors get to all of its workers that the balancer knows of."""
        lines = self._balancer.lines()
        up = {line.address for line in lines.values() if line.state == "in rotation"}
        return bool(node.host) and node.addresses(_slots(lines)) <= up

    def drain(self, node: ContainerNode) -> None:
        self._balancer.set_state(self.of(node), "drain")

    def idle(self, nodes: Iterable[ContainerNode]) -> bool:
        """Whether nothing is in flight or waits on any of them."""
        lines = self.of(*nodes)
        # A balancer that was started again in between has forgotten who is leaving.
        forgotten = [name for name, line in lines.items() if line.state == "in rotation"]
        self._balancer.set_state(forgotten, "drain")
        return not forgotten and all(
            line.in_flight == 0 and line.queue == 0 for line in lines.values()
        )

    def close(self, nodes: Iterable[ContainerNode]) -> None:
        """Before they are stopped. A line keeps its state when its address goes."""
        lines = self.of(*nodes)
        self._left |= {name: line.address for name, line in lines.items()}
        self._balancer.set_state(lines, "maint")

    def forget(self, nodes: Iterable[ContainerNode]) -> None:
        """Expect them no more."""
        gone = list(nodes)
        self._expected = [node for node in self._expected if node not in gone]

    def reopen_left(self) -> int:
        """Open lines that have lost the address of a node that left; how many have yet to."""
        if not self._left:
            return 0
        lines = self._balancer.lines()
        still = {
            name: address
            for name, address in self._left.items()
            if name in lines and lines[name].address == address
        }
        gone = (self._left.keys() - still.keys()) & lines.keys()
        self._balancer.set_state([name for name in gone if _is_free(lines[name])], "ready")
        self._left = still
        return len(still)

    def of(self, *nodes: ContainerNode) -> dict[str, SlotCounters]:
        lines = self._balancer.lines()
        slots = _slots(lines)
        addresses: set[str] = set().union(*(node.addresses(slots) for node in nodes if node.host))
        return {name: line for name, line in lines.items() if line.address in addresses}


def _slots(lines: Mapping[str, SlotCounters]) -> int:
    """How many workers of a node the balancer knows of."""
    return max(1, len({name.partition("-")[0] for name in lines}))


def _is_free(line: SlotCounters) -> bool:
    return not line.address or line.address.startswith(("0.0.0.0:", ":"))
