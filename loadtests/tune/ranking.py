"""Which of several settings is faster, and how sure that is when all are compared with all.

Every setting is compared with every other one, and the best is picked afterwards: with ordinary
95 % intervals the best of many equals would often look like a winner. The intervals here hold all
at once, by the studentized range (J. W. Tukey, *The Problem of Multiple Comparisons*, 1953; for
unequal numbers of measurements C. Y. Kramer, *Biometrics* 12, 1956): in 95 of 100 searches not one
of them is wrong, whichever pair one looks at.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import fmean
from typing import TYPE_CHECKING

from loadtests.intervals import TAIL, Interval, RoundEffects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtests.tune.candidates import Candidate
    from loadtests.tune.trial import Trial


class Ranking:
    """Throughputs of candidates, freed from what the rounds they were measured in had in common."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        """Take trials with throughputs above 0."""
        self._numbers: dict[Candidate, int] = {}
        self._logarithms: dict[Candidate, dict[int, float]] = {}
        for trial in trials:
            self._numbers.setdefault(trial.candidate, len(self._numbers))
            of_candidate = self._logarithms.setdefault(trial.candidate, {})
            of_candidate[trial.round] = math.log(trial.throughput)
        self._effects = RoundEffects(
            {(self._numbers[trial.candidate], trial.round): trial.throughput for trial in trials}
        )

    def fastest_first(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The measured ones among some candidates, by what is known of their throughput."""
        measured = [each for each in candidates if each in self._numbers]
        return sorted(measured, key=self._effect, reverse=True)

    def throughput(self, candidate: Candidate) -> float:
        """In requests per second, as if measured in every round and not only in some."""
        rounds = self._effects.effects[len(self._numbers) :]
        # The first round is what the others are compared to, so its own effect is 0.
        return math.exp(self._effect(candidate) + float(rounds.sum()) / (len(rounds) + 1))

    def ratio(self, candidate: Candidate, base: Candidate) -> float | None:
        """Of the throughput of one candidate to that of another, in the rounds of both."""
        differences = self._differences(candidate, base)
        return math.exp(fmean(differences)) if differences else None

    def interval(self, candidate: Candidate, base: Candidate) -> Interval | None:
        """Of that ratio; None while nothing tells the spread.

        Later rounds hold only those that did well in earlier ones. Were they to count for the one
        and not for the other, its bad luck would stay and the other's good luck would not.
        """
        freedom = self._effects.degrees_of_freedom
        differences = self._differences(candidate, base)
        if freedom < 1 or not differences:
            return None
        if candidate == base:
            return Interval(1.0, 1.0)
        error = math.sqrt(2 * self._effects.spread / freedom / len(differences))
        reach = critical_value(len(self._numbers), freedom) * error
        middle = fmean(differences)
        return Interval(math.exp(middle - reach), math.exp(middle + reach))

    def _differences(self, candidate: Candidate, base: Candidate) -> list[float]:
        """Of the logarithms, for each round in which both were measured."""
        ours, theirs = self._logarithms[candidate], self._logarithms[base]
        return [ours[number] - theirs[number] for number in sorted(ours.keys() & theirs.keys())]

    def _effect(self, candidate: Candidate) -> float:
        return float(self._effects.effects[self._effects.columns[self._numbers[candidate]]])


@lru_cache(maxsize=256)
def critical_value(candidates: int, freedom: int) -> float:
    """How many standard errors the difference of any two of so many candidates may be off."""
    from scipy.stats import studentized_range

    return float(studentized_range.isf(2 * TAIL, max(candidates, 2), freedom)) / math.sqrt(2)
