"""Where a candidate stands at the end of a search, and which of several equals to take."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from loadtests.tune.trial import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtests.intervals import Interval
    from loadtests.tune.candidates import Candidate

Kind = Literal["win", "kept", "tie", "only", "none"]
"""What became of the search:

win    one setting is faster than the present one and every other finalist
kept   the present setting is faster than every other finalist
tie    several finalists cannot be told apart
only   one setting keeps the limits, so there is none to compare it with
none   no setting was measured that keeps the limits
"""
Place = Literal["best", "tied", "unsure", "slower", "behind"] | Problem
"""What became of a candidate: a problem, or

best    faster than every other finalist
tied    not proven slower than the fastest finalist
unsure  whether its p99 latency keeps the limit cannot be told
slower  proven slower
behind  among the slower half when it was dropped, which is no proof
"""
ORDER: tuple[Place, ...] = ("best", "tied", "unsure", "behind", "slower")
COMPARED: tuple[Place, ...] = ("best", "tied", "behind", "slower")
"""Places of those whose throughput is compared with that of the fastest."""
SAME_MEMORY = 1.05
"""Settings within this factor of the least memory count as equally small."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One candidate and what is known of it."""

    candidate: Candidate
    place: Place
    reason: str = ""
    """In words, where the place does not say it all."""
    rounds: int = 0
    throughput: float | None = None
    """In requests per second, as if measured in every round."""
    gain: float | None = None
    """The ratio of its throughput to that of the present setting."""
    gain_interval: Interval | None = None
    p99: float | None = None
    """In seconds."""
    memory: int | None = None
    """The most the node held, in bytes."""

    def to_json(self) -> dict[str, Any]:
        return {"setting": self.candidate.to_json()} | {
            name: value for name, value in asdict(self).items() if name != "candidate"
        }


def cheapest(ties: Sequence[Standing], present: Candidate) -> Candidate:
    """Of settings that cannot be told apart the one that takes least."""
    small = least_memory(ties)
    chosen = min(
        small,
        key=lambda tie: (
            tie.candidate.workers,
            tie.candidate != present,
            tie.candidate.concurrency,
            tie.candidate.profile,
        ),
    )
    return chosen.candidate


def least_memory(ties: Sequence[Standing]) -> list[Standing]:
    """Those that need the least memory, give or take; all where it is not known of one."""
    known = [tie.memory for tie in ties if tie.memory is not None]
    if len(known) < len(ties):
        return list(ties)
    return [tie for tie in ties if (tie.memory or 0) <= SAME_MEMORY * min(known)]
