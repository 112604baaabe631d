"""Two scaling runs side by side: is the difference of their efficiencies more than noise?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadtests.efficiency import round_effects
from loadtests.errors import LoadTestError
from loadtests.intervals import TAIL, Interval
from loadtests.measurement import valid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtests.intervals import RoundEffects
    from loadtests.result import ScalingResult
    from loadtests.summary import SizeSummary


@dataclass(frozen=True, slots=True)
class SizeComparison:
    """One size in two runs."""

    before: SizeSummary
    after: SizeSummary
    change: Interval | None
    """Of the efficiency, as a factor: 0.95 to 1.05 may be nothing. All sizes' intervals together
    hold in 95 of 100 comparisons. None for the smallest size, and where nothing tells the spread.
    """

    @property
    def word(self) -> str:
        if self.change is None:
            return "unknown"
        if self.change.high < 1:
            return "worse"
        return "better" if self.change.low > 1 else "no more than noise"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs over the same thing."""

    sizes: tuple[SizeComparison, ...]
    """Those with valid points in both."""
    differing: tuple[tuple[str, str, str], ...]
    """Each condition that is not the same: its name, its value before and after."""

    @property
    def is_worse(self) -> bool:
        return any(size.word == "worse" for size in self.sizes)


def compare(before: ScalingResult, after: ScalingResult) -> Comparison:
    """Compare two runs. Raises LoadTestError for runs that have nothing in common."""
    if before.over != after.over:
        raise LoadTestError(
            f"One run is over {before.over}, the other over {after.over}: nothing compares."
        )
    first, second = ({s.size: s for s in run.sizes() if s.measurements} for run in (before, after))
    common = sorted(first.keys() & second.keys())
    if len(common) < 2:
        raise LoadTestError("The two runs have fewer than two valid sizes in common.")
    if min(first) != min(second):
        raise LoadTestError(
            f"Efficiency is relative to the smallest size, and that is {min(first)} in one run "
            f"and {min(second)} in the other. Measure the same smallest size in both."
        )
    effects = (
        round_effects(valid(before.measurements), min(first)),
        round_effects(valid(after.measurements), min(second)),
    )
    sizes = tuple(SizeComparison(first[n], second[n], change(effects, n, common)) for n in common)
    return Comparison(sizes, differing_conditions(before, after))


def change(
    effects: tuple[RoundEffects | None, RoundEffects | None], size: int, sizes: Sequence[int]
) -> Interval | None:
    """Of the efficiency at a size from the first run to the second, as a factor.

    The difference of two means on logarithms with Welch's degrees of freedom (B. L. Welch, *The
    generalization of Student's problem*, Biometrika 34, 1947), and Bonferroni's share of the error
    for each of the sizes compared.
    """
    from scipy.stats import t

    first, second = effects
    if size == sizes[0] or first is None or second is None:
        return None
    before, after = first.log_ratio(size, sizes[0]), second.log_ratio(size, sizes[0])
    if before is None or after is None:
        return None
    difference = after[0] - before[0]
    parts = (before[1] ** 2, first.degrees_of_freedom), (after[1] ** 2, second.degrees_of_freedom)
    variance = sum(part for part, _ in parts)
    reach = 0.0
    if variance:
        spare = variance**2 / sum(part**2 / freedom for part, freedom in parts)
        reach = t.isf(TAIL / (len(sizes) - 1), spare) * math.sqrt(variance)
    return Interval(math.exp(difference - reach), math.exp(difference + reach))


def differing_conditions(
    before: ScalingResult, after: ScalingResult
) -> tuple[tuple[str, str, str], ...]:
    names = dict.fromkeys([*before.conditions, *after.conditions])
    pairs = [(n, before.conditions.get(n, "-"), after.conditions.get(n, "-")) for n in names]
    return tuple(pair for pair in pairs if pair[1] != pair[2])
