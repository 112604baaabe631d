"""95 % intervals, and how they come about for two sizes measured in the same rounds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

TAIL = 0.025
"""The share of cases on either side of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Two ends; 95 of 100 intervals made in the same way hold the true value."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def around(self, value: float) -> Self:
        """The same interval, made as wide as it takes to hold a value."""
        return type(self)(min(self.low, value), max(self.high, value))


class RoundEffects:
    """Throughput as a size's own figure times that of the round, which all its sizes share.

    This is the analysis of variance of a randomized block design, on logarithms: the rounds are
    the blocks, as a machine changes over time. The spread is taken from all sizes together, so two
    rounds of three sizes already give an interval that is of use.
    """

    def __init__(self, throughputs: Mapping[tuple[int, int], float]) -> None:
        """Take throughputs above 0 by size and round. One size must be part of every round."""
        import numpy as np

        sizes = sorted({size for size, _ in throughputs})
        rounds = sorted({repeat for _, repeat in throughputs})
        self.columns = {size: column for column, size in enumerate(sizes)}
        design = np.zeros((len(throughputs), len(sizes) + len(rounds)))
        for row, (size, repeat) in enumerate(throughputs):
            design[row, self.columns[size]] = 1
            design[row, len(sizes) + rounds.index(repeat)] = 1
        # The first round is the one that the others are compared to.
        design = np.delete(design, len(sizes), axis=1)
        observed = np.log(list(throughputs.values()))
        inverse = np.linalg.pinv(design)
        self.effects: Vector = np.asarray(inverse @ observed, dtype=np.float64)
        residuals = observed - design @ self.effects
        self.degrees_of_freedom = design.shape[0] - design.shape[1]
        self.spread = float(residuals @ residuals)
        """Sum of the squared residuals of the logarithms."""
        self.covariance: Vector = np.asarray(inverse @ inverse.T * self.spread, dtype=np.float64)

    def ratio(self, size: int, base: int, tail: float = TAIL) -> Interval | None:
        """Of the throughput at a size to that at another; None if nothing tells the spread.

        Less than the usual `tail` on either side is for whoever looks at several ratios at once.
        """
        from scipy.stats import t

        found = self.log_ratio(size, base)
        if found is None:
            return None
        estimate, error = found
        reach = t.isf(tail, self.degrees_of_freedom) * error
        return Interval(math.exp(estimate - reach), math.exp(estimate + reach))

    def log_ratio(self, size: int, base: int) -> tuple[float, float] | None:
        """The logarithm of that ratio and its standard error."""
        if self.degrees_of_freedom < 1 or not {size, base} <= self.columns.keys():
            return None
        here, there = self.columns[size], self.columns[base]
        variance = (
            self.covariance[here, here]
            + self.covariance[there, there]
            - 2 * self.covariance[here, there]
        ) / self.degrees_of_freedom
        estimate = float(self.effects[here] - self.effects[there])
        return estimate, math.sqrt(max(float(variance), 0.0))
