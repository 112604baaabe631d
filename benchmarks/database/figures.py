"""What a run has measured, and what follows from it."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from math import comb, inf

OURS, BARE, FLASK = "twofold", "bare", "flask"
PEERS = (BARE, OURS, FLASK)

MOST = 0.2
"""Goal: what we take above bare SQLAlchemy is at most so much of what Flask takes above it."""

CONFIDENCE = 0.95


@dataclass
class Figures:
    """All figures of a run, by peer and scenario."""

    scenarios: list[str]
    times: dict[tuple[str, str], list[list[float]]] = field(default_factory=dict)
    """µs of the processor per request: of each round its blocks, in the order of time."""
    counts: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    """Instructions per request, counted twice; none if they were not counted."""

    def rounds(self, peer: str, scenario: str) -> list[float]:
        """Return the µs of the middle block of each round."""
        return [statistics.median(blocks) for blocks in self.times[peer, scenario]]

    def count(self, peer: str, scenario: str) -> float | None:
        """Return the instructions of a request."""
        found = self.counts.get((peer, scenario))
        return statistics.mean(found) if found else None

    def above(self, peer: str, scenario: str) -> list[float]:
        """Return the µs that a peer takes above bare SQLAlchemy, one figure a round.

        It is the middle one of the differences to the block of bare SQLAlchemy beside it.
        """
        rounds = zip(self.times[peer, scenario], self.times[BARE, scenario], strict=True)
        return [
            statistics.median(taken - bare for taken, bare in zip(*blocks, strict=True))
            for blocks in rounds
        ]

    def time_shares(self, scenario: str) -> list[float]:
        """Return our part above bare SQLAlchemy as a share of Flask's, one figure a round."""
        ours, flask = (self.above(peer, scenario) for peer in (OURS, FLASK))
        return [share(*each) for each in zip(ours, flask, strict=True)]

    def count_share(self, scenario: str) -> float | None:
        """Return our part above bare SQLAlchemy as a share of Flask's, in instructions."""
        ours, bare, flask = (self.count(peer, scenario) for peer in (OURS, BARE, FLASK))
        if ours is None or bare is None or flask is None:
            return None
        return share(ours - bare, flask - bare)


def share(ours: float, flask: float) -> float:
    """Return one part as a share of the other; infinite where Flask takes nothing above bare."""
    return ours / flask if flask > 0 else inf


def interval(values: list[float]) -> tuple[float, float]:
    """Return the bounds between which the median is that ever more rounds would come to.

    They are the k-th lowest and the k-th highest value, which miss it in 2 P(X < k) of all cases,
    where X counts heads in as many tosses of a coin as there are values. Fewer than six values
    bound it nowhere: even the outermost miss it in more than one case of twenty.
    """
    ordered, tosses = sorted(values), len(values)
    missed, k = 2 / 2**tosses, 0
    while missed <= 1 - CONFIDENCE:
        k += 1
        missed += 2 * comb(tosses, k) / 2**tosses
    return (ordered[k - 1], ordered[-k]) if k else (-inf, inf)
