"""How sure a percentile of latencies is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from loadtests.intervals import TAIL, Interval

if TYPE_CHECKING:
    from loadtests.measurement import Histogram


def p99_interval(latencies: Histogram, dropped: int = 0) -> Interval:
    """The 95 % interval of the p99 latency in seconds; endless if there are too few requests.

    `dropped` arrivals were never answered, so they waited longer than all whose latency is known.

    The number of latencies below the true p99 is binomial, whatever the distribution of latencies
    is (H. A. David and H. N. Nagaraja, *Order Statistics*, 3rd edition, 2003, section 7.1). It
    takes requests for independent, so it is the least that the uncertainty can be.
    """
    from scipy.stats import binom

    count = latencies.count + dropped
    low = int(binom.ppf(TAIL, count, 0.99))
    high = int(binom.ppf(1 - TAIL, count, 0.99)) + 1
    return Interval(
        latency_of_rank(latencies, low) if low else 0.0, latency_of_rank(latencies, high)
    )


def latency_of_rank(latencies: Histogram, rank: int) -> float:
    """The so-manieth shortest latency, from 1 up; endless beyond the last one."""
    if rank > latencies.count:
        return math.inf
    # Half a rank less, so that no rounding takes the next one.
    return latencies.percentile(100 * (rank - 0.5) / latencies.count)
