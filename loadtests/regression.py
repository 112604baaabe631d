"""The scalability law fitted to throughputs, with bootstrap intervals of its coefficients."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from loadtests.intervals import TAIL, Interval
from loadtests.usl import PARAMETERS, Fit, Intervals

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

STARTS = ((0.01, 0.0001), (0.0001, 0.01), (0.3, 0.0001), (0.1, 0.1), (0.9, 0.01))
"""Contention and coherency that the search begins at, one after the other."""
NEGLIGIBLE = 1e-7
"""A slowdown of the largest size that no measurement can show; the coefficient is 0 then."""
RESAMPLES = 2000
SEED = 20


def fit(
    sizes: Sequence[float],
    throughputs: Sequence[float],
    weights: Sequence[float] | None = None,
) -> Fit:
    """Fit the law by least squares, with λ > 0, 0 ≤ σ ≤ 1 and κ ≥ 0.

    A size may occur several times. `weights` multiply the squared residuals and are equal by
    default; the intervals take it that with them all observations are equally uncertain. Unlike
    Gunther's regression on a transformed parabola (2007, chapter 5), this one weighs errors of
    throughput itself and does not take the first observation for exact.

    Raises ValueError for observations that cannot be fitted, such as fewer than three distinct
    sizes: three coefficients need as many points.
    """
    weights = [1.0] * len(sizes) if weights is None else weights
    check(sizes, throughputs, weights)
    unit_throughput, contention, coherency = least_squares_fit(sizes, throughputs, weights)
    curve = Fit(
        unit_throughput=unit_throughput,
        contention=contention,
        coherency=coherency,
        residuals=(),
        r_squared=1.0,
        observations=len(sizes),
        degrees_of_freedom=len(set(sizes)) - PARAMETERS,
        largest=max(sizes),
    )
    residuals = [x - curve.throughput(n) for n, x in zip(sizes, throughputs, strict=True)]
    return replace(
        curve,
        residuals=tuple(residuals),
        r_squared=explained(throughputs, residuals, weights),
        intervals=bootstrap(curve, sizes, residuals, weights),
    )


def check(sizes: Sequence[float], throughputs: Sequence[float], weights: Sequence[float]) -> None:
    if not len(sizes) == len(throughputs) == len(weights):
        raise ValueError(
            f"{len(sizes)} sizes, {len(throughputs)} throughputs and {len(weights)} weights: "
            "give one of each for every observation"
        )
    if any(not 1 <= size < math.inf for size in sizes):
        raise ValueError(f"sizes count nodes or workers, so from 1 up: {list(sizes)}")
    if any(not 0 <= x < math.inf for x in throughputs) or not any(throughputs):
        raise ValueError(f"throughputs are finite, from 0 up, not all 0: {list(throughputs)}")
    if any(not 0 < weight < math.inf for weight in weights):
        raise ValueError(f"weights are finite and above 0: {list(weights)}")
    if len(set(sizes)) < PARAMETERS:
        raise ValueError(
            f"the scalability law has {PARAMETERS} coefficients and needs as many distinct sizes, "
            f"not {sorted(set(sizes))}; measure more sizes, such as 1, 2 and 4"
        )


def least_squares_fit(
    sizes: Sequence[float], throughputs: Sequence[float], weights: Sequence[float]
) -> tuple[float, float, float]:
    """λ, σ and κ of the best fit from any of the starts."""
    import numpy as np
    from scipy.optimize import least_squares

    n = np.asarray(sizes, dtype=np.float64)
    unit = max(x / size for size, x in zip(sizes, throughputs, strict=True))
    observed = np.asarray(throughputs, dtype=np.float64) / unit
    root_weights = np.sqrt(np.asarray(weights, dtype=np.float64) / max(weights))

    def slowdown(contention: float, coherency: float) -> Vector:
        return np.asarray(1 + contention * (n - 1) + coherency * n * (n - 1))

    def errors(coefficients: Vector) -> Vector:
        rate, *losses = coefficients
        return np.asarray(root_weights * (rate * n / slowdown(*losses) - observed))

    def slopes(coefficients: Vector) -> Vector:
        rate, *losses = coefficients
        by_rate = n / slowdown(*losses)
        by_contention = -rate * n * (n - 1) / slowdown(*losses) ** 2
        columns = np.column_stack([by_rate, by_contention, by_contention * n])
        return np.asarray(root_weights[:, None] * columns)

    fits = [
        least_squares(
            errors,
            (1.0, *start),
            jac=slopes,
            bounds=([0, 0, 0], [np.inf, 1, np.inf]),
            # The method that can end on a bound exactly, as it must for no coherency at all.
            method="dogbox",
            x_scale="jac",
            ftol=1e-12,
            xtol=1e-12,
            gtol=1e-12,
        )
        for start in STARTS
    ]
    rate, contention, coherency = (float(x) for x in min(fits, key=lambda found: found.cost).x)
    largest = max(sizes)
    contention = contention if contention * largest > NEGLIGIBLE else 0.0
    coherency = coherency if coherency * largest**2 > NEGLIGIBLE else 0.0
    return rate * unit, contention, coherency


def bootstrap(
    curve: Fit, sizes: Sequence[float], residuals: Sequence[float], weights: Sequence[float]
) -> Intervals | None:
    """95 % intervals of the coefficients; None for observations that leave nothing to resample."""
    drawn = resample(curve, sizes, residuals, weights)
    if drawn is None:
        return None
    unit_throughput, contention, coherency = drawn
    return Intervals(
        unit_throughput=percentiles(unit_throughput).around(curve.unit_throughput),
        contention=percentiles(contention).around(curve.contention),
        coherency=percentiles(coherency).around(curve.coherency),
    )


def resample(
    curve: Fit, sizes: Sequence[float], residuals: Sequence[float], weights: Sequence[float]
) -> tuple[Vector, Vector, Vector] | None:
    """λ, σ and κ of `RESAMPLES` fits to resampled residuals, within the bounds of the law.

    Residuals and not observations, because sizes are chosen, and a resample of few observations
    may lack the third size that a fit needs. Residuals are smaller than the errors they stand for;
    each is divided by √(1 - its leverage) (A. C. Davison and D. V. Hinkley, *Bootstrap Methods and
    their Application*, 1997, section 6.2.3). Percentiles are still too narrow for few
    observations, for which T. Hesterberg, *What Teachers Should Know About the Bootstrap*, The
    American Statistician 69, 2015, widens them as Student's t is wider than the normal
    distribution; here the residuals are stretched by that ratio.

    1/X is linear in 1/λ, σ/λ and κ/λ, so one Gauss-Newton step from the fit solves each resample.
    The step leaves the bounds on σ and κ aside, since a bootstrap fails at the edge of what is
    allowed; the coefficients are cut to the bounds afterwards.
    """
    import numpy as np
    from scipy.stats import norm, t

    spare = len(sizes) - PARAMETERS
    if spare < 1:
        return None
    n = np.asarray(sizes, dtype=np.float64)
    fitted = np.asarray([curve.throughput(size) for size in sizes])
    root_weights = np.sqrt(np.asarray(weights, dtype=np.float64) / max(weights))
    reciprocal = np.column_stack([1 / n, (n - 1) / n, n - 1])
    basis, triangle = np.linalg.qr(-(root_weights * fitted**2)[:, None] * reciprocal)
    errors = root_weights * np.asarray(residuals)
    start = np.array([1.0, curve.contention, curve.coherency]) / curve.unit_throughput
    start += np.linalg.solve(triangle, basis.T @ errors)
    errors -= basis @ (basis.T @ errors)

    leverage = (basis**2).sum(axis=1)
    # An observation that alone fixes a coefficient has no residual to resample.
    checked = leverage < 1 - 1e-9
    pool = errors[checked] / np.sqrt(1 - leverage[checked])
    pool = (pool - pool.mean()) * t.isf(TAIL, spare) / norm.isf(TAIL)
    drawn = np.random.default_rng(SEED).choice(pool, (RESAMPLES, len(n)))
    found = start[:, None] + np.linalg.solve(triangle, basis.T @ drawn.T)
    inverse_rate = np.maximum(found[0], start[0] * 1e-3)
    return (
        1 / inverse_rate,
        np.clip(found[1] / inverse_rate, 0, 1),
        np.maximum(found[2] / inverse_rate, 0),
    )


def percentiles(values: Vector) -> Interval:
    import numpy as np

    low, high = np.quantile(values, [TAIL, 1 - TAIL])
    return Interval(float(low), float(high))


def explained(
    throughputs: Sequence[float], residuals: Sequence[float], weights: Sequence[float]
) -> float:
    """R²: 1 - weighted sum of squared residuals / of squared differences from the mean."""
    mean = weighted_sum(throughputs, weights) / sum(weights)
    total = weighted_sum([(x - mean) ** 2 for x in throughputs], weights)
    missed = weighted_sum([residual**2 for residual in residuals], weights)
    # Equal throughputs leave nothing to explain, though their sums may differ in the last digit.
    return 1 - missed / total if total > mean**2 * sum(weights) * 1e-20 else 1.0


def weighted_sum(values: Sequence[float], weights: Sequence[float]) -> float:
    return math.fsum(value * weight for value, weight in zip(values, weights, strict=True))
