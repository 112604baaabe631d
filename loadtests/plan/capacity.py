"""From a demand and a run's figures to nodes: values in, values out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Demand:
    """What is to be served."""

    rps: float
    """Requests per second, at the busiest time."""
    max_p99: float | None = None
    """In seconds."""
    spare: int = 0
    """Nodes that may be away without the demand being missed."""


def fewest_nodes(demand: Demand, capacity: Callable[[int], float], largest: int) -> int | None:
    """The fewest nodes, spare ones included; None if so many as `largest` are too few.

    `capacity` tells what so many nodes serve. It must suffice with every spare node away, with
    some of them, and with none: where nodes wait for each other, more of them may do less.
    """
    enough = [size for size in range(1, largest + 1) if capacity(size) >= demand.rps]
    sizes = set(enough)
    for needed in enough:
        if all(needed + away in sizes for away in range(demand.spare + 1)):
            return needed + demand.spare
    return None
