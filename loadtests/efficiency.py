"""The efficiency of each size of a scaling run, and how sure it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from loadtests.intervals import Interval, RoundEffects
from loadtests.measurement import valid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtests.measurement import Measurement

UNKNOWN = Interval(0.0, math.inf)
"""What one figure alone tells of how far the next one will be from it."""


@dataclass(frozen=True, slots=True)
class Efficiency:
    """How much of linear growth a size reached: T(N) / (N/N₁ · T(N₁)), N₁ the smallest size.

    Both throughputs come from the same round, because a machine changes over time. The median is
    that of the rounds' ratios.
    """

    size: int
    median: float
    interval: Interval | None
    """The 95 % interval; None for the smallest size, and where one round tells no spread."""
    rounds: int
    """Rounds in which both this size and the smallest were valid."""

    @property
    def bounds(self) -> Interval:
        """The interval, which without one reaches as far as an efficiency may."""
        return self.interval or UNKNOWN

    @property
    def reach(self) -> float | None:
        """How far the farther end of the interval is from the median: 0.02 for ± 2 %."""
        if self.interval is None:
            return None
        return max(self.interval.high - self.median, self.median - self.interval.low)


def efficiency(measurements: Sequence[Measurement]) -> tuple[Efficiency, ...]:
    """The efficiency of every size that has a valid pair, in ascending order of size."""
    smallest = min((measurement.size for measurement in measurements), default=0)
    usable = valid(measurements)
    base = {m.repeat: m.throughput for m in usable if m.size == smallest and m.throughput}
    ratios: dict[int, list[float]] = {}
    for m in usable:
        if m.repeat in base:
            linear = m.size / smallest * base[m.repeat]
            ratios.setdefault(m.size, []).append(m.throughput / linear)
    effects = round_effects(usable, smallest)
    efficiencies = []
    for size, values in sorted(ratios.items()):
        middle, growth = median(values), size / smallest
        ratio = effects.ratio(size, smallest) if effects and size > smallest else None
        # The median of three rounds or more need not be in the middle of the interval.
        interval = ratio and Interval(ratio.low / growth, ratio.high / growth).around(middle)
        efficiencies.append(Efficiency(size, middle, interval, len(values)))
    return tuple(efficiencies)


def round_effects(usable: Sequence[Measurement], smallest: int) -> RoundEffects | None:
    """Of the rounds that hold the smallest size, and the sizes that did some work in each."""
    paired = {m.repeat for m in usable if m.size == smallest and m.throughput}
    idle = {m.size for m in usable if not m.throughput and m.repeat in paired}
    throughputs = {
        (m.size, m.repeat): m.throughput
        for m in usable
        if m.repeat in paired and m.size not in idle
    }
    # Sorted, since the order of the points must not change even the last digit.
    return RoundEffects(dict(sorted(throughputs.items()))) if throughputs else None
