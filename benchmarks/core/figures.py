"""What a run has measured, and what follows from it."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .starts import Start

OURS = "twofold"


@dataclass
class Figures:
    """All figures of a run. What a framework does not have, or was not asked for, is missing."""

    frameworks: list[str]
    scenarios: list[str]
    loop: float = 0.0
    """µs of the loop around every request."""
    times: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    """µs per request by framework and scenario, one figure a round."""
    counts: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    """Instructions per request by framework and scenario, counted twice."""
    starts: dict[str, Start] = field(default_factory=dict)
    growth: dict[str, list[float]] | None = None
    """MB and live blocks before and after many requests."""

    def best(self, framework: str, scenario: str) -> float | None:
        """Return the µs of the best round."""
        times = self.times.get((framework, scenario))
        return min(times) if times else None

    def ratio(self, scenario: str, framework: str, other: str) -> float | None:
        """Return how many times as long ``framework`` takes as ``other``."""
        times = self.best(framework, scenario), self.best(other, scenario)
        return times[0] / times[1] if times[0] and times[1] else None

    def start_ratio(self, measure: str, framework: str, other: str) -> float | None:
        """Return by how much the medians differ of ``seconds`` or ``megabytes`` of a start."""
        if not {framework, other} <= self.starts.keys():
            return None
        values = (getattr(self.starts[name], measure) for name in (framework, other))
        first, second = (float(statistics.median(found)) for found in values)
        return first / second
