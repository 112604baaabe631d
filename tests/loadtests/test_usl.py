"""The fit against published data with coefficients in print, and against simulated systems."""

import json
import math
import random
from dataclasses import replace

import numpy as np
import pytest

from loadtests.intervals import Interval
from loadtests.regression import fit
from loadtests.usl import Fit, Intervals, Peak
from tests.loadtests.simulated import law

# The Cisco benchmark in B. Schwartz, "Practical Scalability Analysis with the Universal Scalability
# Law", 2015, throughput at 1 to 32; there σ = 0.02671591, κ = 7.690945e-4, λ = 995.6486.
CISCO = [
    955.16, 1878.91, 2688.01, 3548.68, 4315.54, 5130.43, 5931.37, 6531.08,
    7219.8, 7867.61, 8278.71, 8646.7, 9047.84, 9426.55, 9645.37, 9897.24,
    10097.6, 10240.5, 10532.39, 10798.52, 11151.43, 11518.63, 11806, 12089.37,
    12075.41, 12177.29, 12211.41, 12158.93, 12155.27, 12118.04, 12140.4, 12074.39,
]  # fmt: skip
# SPEC SDM91 of a Sun SPARCcenter 2000, October 1994: users and scripts per hour, as published by
# SPEC; the coefficients are those the R package usl 3.0 prints for it.
SPEC_SDM91 = {1: 64.9, 18: 995.9, 36: 1652.4, 72: 1853.2, 108: 1828.9, 144: 1775.0, 216: 1702.2}
# Ray tracing on an SGI Origin 2000 in N. J. Gunther, "Guerrilla Capacity Planning", 2007; the
# coefficients are those the R package usl 3.0 prints for it.
PROCESSORS = (1, 4, 8, 12, 16, 20, 24, 28, 32, 48, 64)
INTERSECTIONS = (20, 78, 130, 170, 190, 200, 210, 230, 260, 280, 310)


def test_cisco_benchmark_has_the_coefficients_in_print() -> None:
    found = fit(range(1, 33), CISCO)
    assert found.unit_throughput == pytest.approx(995.6486, rel=1e-5)
    assert found.contention == pytest.approx(0.02671591, rel=1e-5)
    assert found.coherency == pytest.approx(7.690945e-4, rel=1e-5)
    assert math.floor(found.peak_concurrency) == 35
    assert found.peak_throughput == pytest.approx(12341, abs=2)


def test_spec_sdm91_has_the_coefficients_in_print() -> None:
    found = fit(list(SPEC_SDM91), list(SPEC_SDM91.values()))
    assert found.unit_throughput == pytest.approx(89.995233, rel=1e-6)
    assert found.contention == pytest.approx(0.0277285, abs=5e-8)
    assert found.coherency == pytest.approx(0.0001044, abs=5e-8)
    assert found.r_squared == pytest.approx(0.9896, abs=5e-5)
    assert min(found.residuals) == pytest.approx(-81.66, abs=0.005)
    assert max(found.residuals) == pytest.approx(111.09, abs=0.005)
    assert found.degrees_of_freedom == 4
    assert found.stated_peak == Peak(found.peak_concurrency, found.peak_throughput)
    assert found.peak_concurrency == pytest.approx(96.52, abs=0.005)


def test_spec_sdm91_has_intervals_like_those_of_the_errors_in_print() -> None:
    found = fit(list(SPEC_SDM91), list(SPEC_SDM91.values())).intervals
    assert found
    # Standard errors as usl 3.0 prints them, with Student's t for 4 degrees of freedom. They hold
    # for a curve that is straight nearby, and residuals are less than errors: so ours are wider.
    errors = {"unit_throughput": 14.2134894, "contention": 0.0091217, "coherency": 0.0000199}
    for name, error in errors.items():
        interval = getattr(found, name)
        assert 1 < (interval.high - interval.low) / (2 * 2.776445 * error) < 2, name


def test_ray_tracer_is_contended_without_coherency() -> None:
    found = fit(PROCESSORS, INTERSECTIONS)
    assert found.unit_throughput == pytest.approx(21.848843, rel=1e-6)
    assert found.contention == pytest.approx(0.057771, abs=5e-7)
    assert found.coherency == 0.0
    assert found.peak_concurrency == math.inf
    assert found.peak_throughput == pytest.approx(21.848843 / 0.057771, rel=1e-4)
    assert (found.stated_peak, found.peak_is_sure) == (None, False)


@pytest.mark.parametrize("unit", [0.003, 1e6])
@pytest.mark.parametrize("contention", [0.0, 0.0001, 0.02, 0.3, 1.0])
@pytest.mark.parametrize("coherency", [0.0, 0.00001, 0.003, 2.0])
@pytest.mark.parametrize("sizes", [(1, 2, 4), (2, 4, 8, 16), (1, 2, 3, 4, 6, 8, 12, 16)])
def test_an_exact_system_is_found_exactly(
    unit: float, contention: float, coherency: float, sizes: tuple[int, ...]
) -> None:
    system = law(unit, contention, coherency)
    found = fit(sizes, [system.throughput(size) for size in sizes])
    assert found.unit_throughput == pytest.approx(unit, rel=1e-5)
    assert found.contention == pytest.approx(contention, rel=1e-4, abs=1e-6)
    assert found.coherency == pytest.approx(coherency, rel=1e-4, abs=1e-7)
    assert found.r_squared == pytest.approx(1.0)


@pytest.mark.parametrize("sizes", [(1, 2, 4), (1, 2, 4, 8, 16)])
def test_a_linear_system_has_neither_contention_nor_coherency(sizes: tuple[int, ...]) -> None:
    found = fit(sizes, [150.0 * size for size in sizes])
    assert (found.contention, found.coherency) == (0.0, 0.0)
    assert found.peak_concurrency == found.peak_throughput == math.inf


@pytest.mark.parametrize("seed", range(10))
def test_noise_moves_the_coefficients_little(seed: int) -> None:
    dice = random.Random(seed)
    system = law(150.0, 0.05, 0.002)
    sizes = [1, 2, 4, 8, 12, 16] * 3
    noisy = [system.throughput(size) * dice.gauss(1, 0.01) for size in sizes]
    found = fit(sizes, noisy, [1 / x**2 for x in noisy])
    assert found.unit_throughput == pytest.approx(150, rel=0.03)
    assert found.contention == pytest.approx(0.05, abs=0.02)
    assert found.coherency == pytest.approx(0.002, abs=0.001)


# Sizes with the rounds of each. The first is what a demo runs, the second what one round gives.
PLANS = {"3 x 2": (1, 2, 4) * 2, "6 x 1": (1, 2, 3, 4, 6, 8), "6 x 3": (1, 2, 3, 4, 6, 8) * 3}
SYSTEMS = {
    "linear": law(150.0),
    "contended": law(150.0, 0.05, 0.002),
    "retrograde": law(150.0, 0.1, 0.06),
}


def covered(system: Fit, sizes: tuple[int, ...], noise: np.ndarray, runs: int) -> dict[str, float]:
    """How many of the runs' intervals hold the coefficients of the system, as a share."""
    names = ("unit_throughput", "contention", "coherency")
    curve = np.array([system.throughput(size) for size in sizes])
    hits = dict.fromkeys(names, 0)
    for throughputs in (curve * (1 + noise)).tolist():
        found = fit(sizes, throughputs, [1 / x**2 for x in throughputs]).intervals
        assert found
        for name in names:
            hits[name] += getattr(system, name) in getattr(found, name)
    return {name: count / runs for name, count in hits.items()}


# An interval that covers 95 % is very rarely below 88 % in 200 runs, and the seeds are fixed.
@pytest.mark.parametrize(
    ("system", "plan"),
    [("linear", "3 x 2"), ("contended", "6 x 1"), ("contended", "6 x 3"), ("retrograde", "6 x 1")],
)
def test_the_intervals_cover_the_truth(system: str, plan: str) -> None:
    sizes, runs = PLANS[plan], 200
    noise = np.random.default_rng(7).normal(0, 0.01, (runs, len(sizes)))
    shares = covered(SYSTEMS[system], sizes, noise, runs)
    assert min(shares.values()) >= 0.88, shares


def test_the_intervals_cover_the_truth_among_outliers() -> None:
    sizes, runs = PLANS["6 x 3"], 200
    noise = 0.01 * np.random.default_rng(7).standard_t(3, (runs, len(sizes)))
    shares = covered(SYSTEMS["contended"], sizes, noise, runs)
    assert min(shares.values()) >= 0.88, shares


def test_a_slow_point_now_and_then_leaves_contention_and_coherency_covered() -> None:
    """What always takes throughput away lowers λ, which nothing can tell from a slower system."""
    sizes, runs = PLANS["6 x 3"], 200
    dice = np.random.default_rng(7)
    noise = dice.normal(0, 0.01, (runs, len(sizes)))
    noise -= (dice.random(noise.shape) < 0.1) * dice.uniform(0.05, 0.2, noise.shape)
    shares = covered(SYSTEMS["contended"], sizes, noise, runs)
    assert min(shares["contention"], shares["coherency"]) >= 0.88, shares


def test_more_rounds_make_the_intervals_narrower() -> None:
    noise = {1: 1.01, 2: 0.99, 3: 1.0, 4: 0.98, 6: 1.02, 8: 0.99}
    system, widths = SYSTEMS["contended"], []
    for rounds in (1, 4, 16):
        sizes = PLANS["6 x 1"] * rounds
        found = fit(sizes, [system.throughput(size) * noise[size] for size in sizes])
        assert found.intervals
        widths.append(found.intervals.contention.high - found.intervals.contention.low)
    assert widths[0] > 1.5 * widths[1] > 2 * widths[2]


def test_the_same_observations_have_the_same_intervals() -> None:
    assert fit(range(1, 33), CISCO) == fit(range(1, 33), CISCO)


def test_an_interval_stays_within_the_bounds_and_holds_the_estimate() -> None:
    grown = fit([1, 2, 4, 8] * 2, [100.0, 210.0, 450.0, 980.0, 101.0, 209.0, 452.0, 970.0])
    stuck = fit([1, 2, 4, 8] * 2, [100.0, 101.0, 99.0, 98.0, 99.0, 100.0, 97.0, 103.0])
    for found in (grown, stuck):
        assert found.intervals
        assert found.contention in found.intervals.contention
        assert found.coherency in found.intervals.coherency
        assert found.unit_throughput in found.intervals.unit_throughput
        assert found.intervals.contention.low >= 0
        assert found.intervals.contention.high <= 1
        assert found.intervals.coherency.low >= 0


@pytest.mark.parametrize(
    ("contention", "coherency", "bound"), [(-0.02, 0.01, "contention"), (0.1, -0.003, "coherency")]
)
def test_a_bound_in_the_way_widens_the_intervals_towards_the_fit_without_it(
    contention: float, coherency: float, bound: str
) -> None:
    system, sizes = law(100.0, contention, coherency), (1, 2, 4, 6, 8)
    found = fit(sizes, [system.throughput(size) for size in sizes])
    assert found.intervals
    assert getattr(found, bound) == 0
    for name in ("unit_throughput", "contention", "coherency"):
        interval, estimate = getattr(found.intervals, name), getattr(found, name)
        other = max(0, getattr(system, name))
        ends = sorted([estimate, other])
        assert estimate in interval
        assert [interval.low, interval.high] == pytest.approx(ends, rel=0.02), name


def test_three_observations_have_no_intervals() -> None:
    found = fit([1, 2, 4], [100, 180, 300])
    assert (found.intervals, found.peak_is_sure) == (None, False)


def test_a_size_measured_once_that_fixes_a_coefficient_tells_nothing_of_the_spread() -> None:
    found = fit([1, 2, 4, 1, 2, 1, 2], [100, 180, 300, 101, 178, 99, 182])
    alone = fit([1, 2, 4, 1, 2, 1, 2], [100, 180, 290, 101, 178, 99, 182])
    assert found.residuals[:2] == pytest.approx(alone.residuals[:2], abs=1e-4)
    assert found.intervals
    assert found.intervals.unit_throughput.high < 104


def test_an_exact_system_leaves_the_intervals_no_width() -> None:
    system = law(100.0, 0.1, 0.01)
    found = fit(PLANS["6 x 1"], [system.throughput(size) for size in PLANS["6 x 1"]])
    assert found.intervals
    assert found.intervals.contention.low == pytest.approx(0.1, abs=1e-6)
    assert found.intervals.contention.high == pytest.approx(0.1, abs=1e-6)


@pytest.mark.parametrize(("coherency", "stated"), [(1 / 16**2, True), (0.99 / 16**2, False)])
def test_a_peak_beyond_twice_the_largest_size_is_not_stated(coherency: float, stated: bool) -> None:
    system = law(100.0, 0.0, coherency, largest=8)
    assert (system.stated_peak is not None) == stated
    written = system.to_json()
    assert (written["peak"] is not None, written["known_up_to"]) == (stated, 16)


def test_a_peak_is_sure_when_coherency_surely_is_not_zero() -> None:
    ends = {"unit_throughput": Interval(99, 101), "contention": Interval(0, 0.1)}
    system = law(100.0, 0.05, 0.01)
    sure = Intervals(**ends, coherency=Interval(0.001, 0.02))
    unsure = Intervals(**ends, coherency=Interval(0, 0.02))
    assert replace(system, intervals=sure).peak_is_sure
    assert not replace(system, intervals=unsure).peak_is_sure


def test_more_than_linear_growth_stays_within_the_bounds() -> None:
    found = fit([1, 2, 4, 8], [100.0, 210.0, 450.0, 980.0])
    assert (found.contention, found.coherency) == (0.0, 0.0)
    assert found.throughput(8) == pytest.approx(8 * found.unit_throughput)


def test_a_heavier_observation_is_met_more_closely() -> None:
    sizes, throughputs = [1, 2, 4, 8, 8], [100.0, 195.0, 370.0, 640.0, 560.0]
    upper = fit(sizes, throughputs, [1, 1, 1, 100, 1])
    lower = fit(sizes, throughputs, [1, 1, 1, 1, 100])
    assert upper.throughput(8) > 630
    assert lower.throughput(8) < 570


def test_the_order_of_the_observations_does_not_matter() -> None:
    system = law(80.0, 0.1, 0.01)
    sizes = [8, 1, 4, 2, 16]
    mixed = fit(sizes, [system.throughput(size) for size in sizes])
    assert mixed.contention == pytest.approx(0.1, rel=1e-6)


def test_residuals_are_observed_minus_fitted() -> None:
    sizes, throughputs = [1, 2, 4, 8, 16], [100.0, 190.0, 350.0, 650.0, 900.0]
    found = fit(sizes, throughputs)
    expected = [x - found.throughput(n) for n, x in zip(sizes, throughputs, strict=True)]
    assert list(found.residuals) == pytest.approx(expected)


def test_three_sizes_fix_the_curve_however_often_they_are_measured() -> None:
    once = fit([1, 2, 4], [100, 180, 300])
    often = fit([1, 2, 4] * 3, [100, 180, 300, 101, 181, 301, 99, 179, 299])
    assert (once.observations, once.degrees_of_freedom) == (3, 0)
    assert (often.observations, often.degrees_of_freedom) == (9, 0)
    assert once.residuals == pytest.approx((0, 0, 0), abs=1e-6)


def test_a_flat_system_can_be_fitted() -> None:
    found = fit([1, 2, 4], [100.0, 100.0, 100.0])
    assert found.contention == pytest.approx(1.0)
    assert found.r_squared == 1.0


@pytest.mark.parametrize(
    ("contention", "coherency", "size", "throughput"),
    [
        (0.0, 0.0, math.inf, math.inf),
        (0.2, 0.0, math.inf, 500.0),
        (0.0, 0.04, 5.0, 100 * 5 / 1.8),
        (0.19, 0.01, 9.0, 100 * 9 / (1 + 0.19 * 8 + 0.01 * 72)),
        (1.0, 0.5, 1.0, 100.0),
        (0.5, 2.0, 1.0, 100.0),
    ],
)
def test_the_peak(contention: float, coherency: float, size: float, throughput: float) -> None:
    system = law(100.0, contention, coherency)
    assert system.peak_concurrency == pytest.approx(size)
    assert system.peak_throughput == pytest.approx(throughput)


def test_nothing_near_the_peak_is_higher() -> None:
    system = law(100.0, 0.1, 0.003)
    peak = system.peak_concurrency
    assert system.throughput(peak * 0.99) < system.peak_throughput
    assert system.throughput(peak * 1.01) < system.peak_throughput


@pytest.mark.parametrize(
    ("sizes", "throughputs", "weights", "words"),
    [
        ([1, 2], [1, 2], None, "needs as many distinct sizes, not \\[1, 2\\]"),
        ([1, 2, 1, 2], [1, 2, 1, 2], None, "measure more sizes"),
        ([1, 2, 4], [1, 2], None, "3 sizes, 2 throughputs"),
        ([1, 2, 4], [1, 2, 4], [1, 1], "2 weights"),
        ([0, 2, 4], [1, 2, 4], None, "from 1 up"),
        ([1, 2, math.inf], [1, 2, 4], None, "from 1 up"),
        ([1, 2, 4], [1, -2, 4], None, "finite, from 0 up"),
        ([1, 2, 4], [1, math.nan, 4], None, "finite, from 0 up"),
        ([1, 2, 4], [0, 0, 0], None, "not all 0"),
        ([1, 2, 4], [1, 2, 4], [1, 0, 1], "weights are finite and above 0"),
        ([], [], None, "not all 0"),
    ],
)
def test_observations_that_cannot_be_fitted_are_refused(
    sizes: list[float], throughputs: list[float], weights: list[float] | None, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        fit(sizes, throughputs, weights)


def test_a_fit_is_the_same_after_json() -> None:
    found = fit([1, 2, 4, 8], [100.0, 190.0, 350.0, 600.0])
    exact = fit([1, 2, 4], [100.0, 190.0, 350.0])
    assert Fit.from_json(json.loads(json.dumps(exact.to_json()))) == exact
    assert Fit.from_json(json.loads(json.dumps(found.to_json()))) == found
    assert replace(found, coherency=1.0) != found
