"""The throughput of sizes that were not measured, and what it will be at least."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from loadtests.measurement import valid
from loadtests.regression import SEED, resample
from loadtests.usl import PARAMETERS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from loadtests.result import ScalingResult

    Vector = NDArray[np.float64]

RISK = 0.05
"""The share of cases in which throughput is lower than what is called the least."""


class Prediction:
    """The scalability law of a run, with what its coefficients and a new run may differ by.

    The least throughput at a size is the 5 % quantile of a new measurement there: the law with
    resampled coefficients, and on it the spread of one measurement, by residuals as they were
    (A. C. Davison and D. V. Hinkley, *Bootstrap Methods and their Application*, 1997, section
    6.3.3).
    """

    def __init__(self, result: ScalingResult) -> None:
        """Take a run whose fit has intervals."""
        import numpy as np

        if result.fit is None:
            raise ValueError("the run has no fit")
        self.fit = result.fit
        points = [(m.size, m.throughput) for m in valid(result.measurements) if m.throughput]
        sizes = [float(size) for size, _ in points]
        weights = [1 / throughput**2 for _, throughput in points]
        drawn = resample(self.fit, sizes, self.fit.residuals, weights)
        if drawn is None:
            raise ValueError("the run has no fit with intervals")
        self._unit_throughput, self._contention, self._coherency = drawn
        self._spread = self._spread_of_one(sizes, len(drawn[0]), np.random.default_rng(SEED + 1))

    def expected(self, size: int) -> float:
        """In requests per second."""
        return self.fit.throughput(size)

    def least(self, size: int) -> float:
        """What a run at this size reaches in 95 of 100 cases, in requests per second."""
        import numpy as np

        slowdown = 1 + self._contention * (size - 1) + self._coherency * size * (size - 1)
        drawn = self._unit_throughput * size / slowdown * self._spread
        return float(np.quantile(drawn, RISK))

    def _spread_of_one(self, sizes: list[float], count: int, dice: np.random.Generator) -> Vector:
        """Factors by which one measurement differs from the law."""
        import numpy as np
        from scipy.stats import norm, t

        fitted = np.asarray([self.fit.throughput(size) for size in sizes])
        relative = np.asarray(self.fit.residuals) / fitted
        # As in `resample`: residuals are smaller than errors, for the curve was laid through the
        # points, and few of them tell little about how far a rare one goes.
        spare = len(sizes) - PARAMETERS
        relative *= math.sqrt(len(sizes) / spare) * t.isf(RISK, spare) / norm.isf(RISK)
        return np.asarray(1 + dice.choice(relative, count), dtype=np.float64)
