"""One measurement of a candidate, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from loadtests.measurement import Histogram
    from loadtests.tune.candidates import Candidate

Problem = Literal["start", "memory", "errors", "p99", "void"]
"""Why a candidate is out of the question:

start   it does not start
memory  a process was killed for want of memory
errors  more requests failed than may
p99     its p99 latency is over the limit
void    it could not be measured, as often as it was tried
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """A candidate measured once, in one round."""

    candidate: Candidate
    round: int
    """From 1 up; what was measured in one round was measured at about the same time."""
    throughput: float
    """Successful requests per second."""
    latencies: Histogram
    memory: int | None
    """Of the whole node under load, in bytes; None where it cannot be read."""

    def to_json(self) -> dict[str, Any]:
        return {
            "setting": self.candidate.to_json(),
            "round": self.round,
            "throughput": self.throughput,
            "requests": self.latencies.count,
            "p99": self.latencies.percentile(99),
            "memory": self.memory,
        }


@dataclass(frozen=True, slots=True)
class Failure:
    """A candidate that cannot be used or measured."""

    candidate: Candidate
    problem: Problem
    reason: str
