"""Which of the balancer's lines let visitors in, while DNS gives and takes addresses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from deploy.balancer import SlotCounters
from deploy.errors import StartError
from deploy.targets.compose.lines import ContainerNode, Lines
from deploy.targets.compose.project import Container

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from deploy.deployment import Deployment
    from deploy.docker.balancer import ContainerBalancer
    from deploy.status import State

NEW = SlotCounters("out of rotation", 0, 0, 0, 0, 0, 0.0, "")
STATES: dict[str, State] = {
    "ready": "in rotation",
    "drain": "draining",
    "maint": "out of rotation",
}


class WrittenBalancer:
    """Lines on paper, two for each of two slots."""

    def __init__(self) -> None:
        self.written = {f"slot{slot}-{place}": NEW for slot in (1, 2) for place in (1, 2)}
        self.told: dict[str, str] = {}

    def lines(self) -> dict[str, SlotCounters]:
        return dict(self.written)

    def set_state(self, lines: Iterable[str], state: str) -> None:
        for name in lines:
            self.told[name] = state
            self.written[name] = replace(self.written[name], state=STATES[state])

    def resolve(self, place: int, host: str) -> None:
        """What the name server does to a place of each slot."""
        for slot in (1, 2):
            name = f"slot{slot}-{place}"
            address = f"{host}:{8000 + slot}" if host else ""
            self.written[name] = replace(self.written[name], address=address)

    def states(self, place: int) -> set[str]:
        return {self.told.get(f"slot{slot}-{place}", "untold") for slot in (1, 2)}


@pytest.fixture
def balancer() -> WrittenBalancer:
    return WrittenBalancer()


@pytest.fixture
def lines(balancer: WrittenBalancer) -> Lines:
    return Lines(cast("ContainerBalancer", balancer))


@pytest.fixture
def node(deployment: Callable[..., Deployment]) -> Callable[[int, str], ContainerNode]:
    def make(number: int, host: str) -> ContainerNode:
        container = Container(f"id{number}", "web", number, "sha256:1", 0, "running", ())
        return ContainerNode(container, host, deployment(workers=2))

    return make


def test_a_new_node_waits_for_its_turn(
    lines: Lines, balancer: WrittenBalancer, node: Callable[[int, str], ContainerNode]
) -> None:
    balancer.resolve(1, "10.0.0.1")
    lines.hold_free()
    assert (balancer.states(1), balancer.states(2)) == ({"untold"}, {"drain"})
    new = node(2, "10.0.0.2")
    lines.expect(new)
    assert not lines.found(new)
    balancer.resolve(2, "10.0.0.2")
    assert lines.found(new)
    assert not lines.serves(new)
    assert balancer.states(2) == {"drain"}
    lines.open(new)
    assert lines.serves(new)


def test_what_was_held_for_nobody_is_let_go(
    lines: Lines, balancer: WrittenBalancer, node: Callable[[int, str], ContainerNode]
) -> None:
    lines.hold_free()
    new = node(1, "10.0.0.1")
    lines.expect(new)
    balancer.resolve(2, "10.0.0.1")
    assert lines.found(new)
    assert (balancer.states(1), balancer.states(2)) == ({"ready"}, {"drain"})


def test_without_a_free_line_no_node_is_started(lines: Lines, balancer: WrittenBalancer) -> None:
    balancer.resolve(1, "10.0.0.1")
    balancer.resolve(2, "10.0.0.2")
    with pytest.raises(StartError, match="looks for 2 nodes at most, and a roll needs one in addi"):
        lines.hold_free()


def test_a_line_is_opened_again_when_its_node_has_gone_from_dns(
    lines: Lines, balancer: WrittenBalancer, node: Callable[[int, str], ContainerNode]
) -> None:
    balancer.resolve(1, "10.0.0.1")
    old = node(1, "10.0.0.1")
    lines.drain(old)
    assert lines.idle([old])
    lines.close([old])
    assert lines.reopen_left() == 2
    assert balancer.states(1) == {"maint"}
    balancer.resolve(1, "")
    assert lines.reopen_left() == 0
    assert balancer.states(1) == {"ready"}


def test_the_next_node_may_have_the_address_of_the_last(
    lines: Lines, balancer: WrittenBalancer, node: Callable[[int, str], ContainerNode]
) -> None:
    balancer.resolve(1, "10.0.0.1")
    lines.close([node(1, "10.0.0.1")])
    lines.open(node(2, "10.0.0.1"))
    assert lines.reopen_left() == 0
    assert balancer.states(1) == {"ready"}


def test_a_balancer_that_forgot_who_leaves_is_told_again(
    lines: Lines, balancer: WrittenBalancer, node: Callable[[int, str], ContainerNode]
) -> None:
    balancer.resolve(1, "10.0.0.1")
    old = node(1, "10.0.0.1")
    lines.drain(old)
    for name in ("slot1-1", "slot2-1"):
        balancer.written[name] = replace(balancer.written[name], state="in rotation")
    assert not lines.idle([old])
    assert lines.idle([old])
