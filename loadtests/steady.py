"""Whether a service had reached its steady state, from what it did second by second.

A figure counts as drifting if it changes in one direction beyond chance, by the Mann-Kendall test
(H. B. Mann, Econometrica 13, 1945; M. G. Kendall, Rank Correlation Methods, 1975), and by an amount
that matters, by Sen's slope (P. K. Sen, JASA 63, 1968). Both look at ranks and medians, so neither
noise of any spread nor a single odd second is taken for a change. Many seconds are put together in
batches first, because neighbouring ones are alike and the test takes its values for independent.
"""

from __future__ import annotations

import math
from statistics import fmean, median
from typing import TYPE_CHECKING

from scipy import stats

from loadtests.wording import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtests.records import Record

LEAST_SECONDS = 5
"""Fewer values can hardly be told from chance: of four, even a perfect order has p = 0.08."""
BATCHES = 10
"""At least so many, of equal length, where there are twice as many seconds."""
MATERIAL = 0.05
"""A smaller change from beginning to end, as a share of the median, is let pass."""
WARM_UP_SIGNIFICANCE = 0.05
"""A false alarm costs a second more of warm-up."""
WINDOW_SIGNIFICANCE = 0.01
"""A false alarm costs the point."""


def unsettled(records: Sequence[Record], significance: float) -> str | None:
    """How the throughput or the latency of these records drifts, in words; None if neither does."""
    throughputs = [record.requests / record.seconds for record in records]
    latencies = [record.latencies.mean for record in records if record.requests]
    for name, values in (("throughput", throughputs), ("latency", latencies)):
        change = drift(values, significance)
        if change is not None:
            verb = "rose" if change > 0 else "fell"
            return f"{name} {verb} by {percent(abs(change))} within {len(values)} s"
    return None


def drift(values: Sequence[float], significance: float) -> float | None:
    """The change from the first to the last value as a share of the median; None if there is none.

    Too few values show none.
    """
    if len(values) < LEAST_SECONDS:
        return None
    values = batch_means(values)
    times = range(len(values))
    chance = float(stats.kendalltau(times, values).pvalue)
    # All values equal have no rank correlation, which is not a number.
    if math.isnan(chance) or chance >= significance:
        return None
    rise = float(stats.theilslopes(values, times).slope) * (len(values) - 1)
    level = median(values)
    change = rise / level if level else math.copysign(math.inf, rise)
    return change if abs(change) > MATERIAL else None


def batch_means(values: Sequence[float]) -> Sequence[float]:
    """The means of equal batches; what is left over at the beginning is left out."""
    size = max(1, len(values) // BATCHES)
    return [fmean(values[end - size : end]) for end in range(len(values), size - 1, -size)][::-1]
