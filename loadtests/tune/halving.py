"""Sequential halving: how the time for a search is divided among candidates.

The time is divided into equal stages. In each, all candidates left are measured equally often, and
the better half goes on, so those that might win are measured most: Z. Karnin, T. Koren and
O. Somekh, *Almost Optimal Exploration in Multi-Armed Bandits*, ICML 2013; K. Jamieson and
A. Talwalkar, *Non-stochastic Best Arm Identification and Hyperparameter Optimization*, AISTATS
2016.

Two things differ. The halving ends with a few finalists and not with one, for it takes the figures
of several to say that one is best or that some are tied. And the present setting is measured to the
end: it is what the others are compared to. When the search ends does not depend on the throughputs
seen on the way, so looking often does not make a tie look like a win.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loadtests.measurement import Histogram
from loadtests.percentiles import p99_interval
from loadtests.tune.ranking import Ranking
from loadtests.tune.trial import Failure, Trial
from loadtests.wording import milliseconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtests.tune.candidates import Candidate

FINALISTS = 4
FINAL_ROUNDS = 3
"""The least that tells the finalists' spread."""
MOST_ROUNDS = 12
"""Of one stage: after so many, more time hardly tells more."""
VOID_ROUNDS = 2
"""A candidate that was not measured in the first so many rounds is given up."""
SEED = 20


def stages(candidates: int) -> list[int]:
    """How many candidates are measured in each stage, such as 14, 7, 4."""
    counts = [candidates]
    while counts[-1] > FINALISTS:
        counts.append(max(FINALISTS, math.ceil(counts[-1] / 2)))
    return counts


def fewest_measurements(candidates: int) -> int:
    """Without so many, a search among these candidates does not get to its end."""
    first, *later = stages(candidates)
    # The present setting goes on beside the better half.
    counts = [first, *(count + 1 for count in later)]
    return sum(counts[:-1]) + FINAL_ROUNDS * counts[-1]


def how_many_fit(candidates: int, measurements: int) -> int:
    """The most candidates, two at least, that there is time for."""
    counts = range(2, candidates + 1)
    return max((n for n in counts if fewest_measurements(n) <= measurements), default=2)


@dataclass(slots=True)
class Search:
    """Where a search is: who is left, and what was measured of everyone.

    Values in, values out: `next_round` says what to measure, `add` takes what came of it.
    """

    candidates: Sequence[Candidate]
    """The present setting first."""
    max_p99: float | None = None
    """In seconds."""
    trials: list[Trial] = field(default_factory=list)
    failures: dict[Candidate, Failure] = field(default_factory=dict)
    voids: dict[Candidate, list[Failure]] = field(default_factory=dict)
    """The rounds in which a candidate could not be measured."""
    left: list[Candidate] = field(init=False)
    """Who may still win, and the present setting as long as it can be measured."""
    rounds: int = 0
    """Begun so far."""
    _stages: list[int] = field(init=False)
    _rounds_left: int = field(init=False, default=0)
    _dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.left = list(self.candidates)
        self._stages = stages(len(self.left))
        self._dice = random.Random(SEED)  # noqa: S311  an order, not a secret

    @property
    def present(self) -> Candidate:
        return self.candidates[0]

    @property
    def able(self) -> list[Candidate]:
        """Who may still win."""
        return [each for each in self.left if each not in self.failures]

    def next_round(self, measurements_left: int) -> list[Candidate]:
        """Whom to measure next, in random order; nobody when the search is over.

        `measurements_left` is how many there is time for.
        """
        while not self._rounds_left or measurements_left < len(self.left):
            if not self._stages:
                return []
            self._begin_stage(measurements_left)
        if not self.able:
            return []
        self.rounds += 1
        self._rounds_left -= 1
        order = list(self.left)
        self._dice.shuffle(order)
        return order

    def most_left(self, measurements_left: int) -> int:
        """The most measurements that are still to come, given that there is time for so many."""
        most = (self._rounds_left + MOST_ROUNDS * len(self._stages)) * len(self.left)
        return min(most, measurements_left)

    def add(self, result: Trial | Failure) -> None:
        """Take the result of one measurement; who failed is not measured again.

        A void measurement is nobody's failure, unless there is never another one.
        """
        candidate = result.candidate
        if isinstance(result, Trial):
            self.trials.append(result)
            failure = self._over_limit(candidate)
        else:
            failure = result
        if failure is None:
            return
        if failure.problem == "void":
            voids = self.voids.setdefault(candidate, [])
            voids.append(failure)
            if self.has_measured(candidate) or len(voids) < VOID_ROUNDS:
                return
        self.failures[candidate] = failure
        still_compared_to = candidate == self.present and failure.problem == "p99"
        if not still_compared_to and candidate in self.left:
            self.left.remove(candidate)

    def has_measured(self, candidate: Candidate) -> bool:
        return any(trial.candidate == candidate for trial in self.trials)

    def latencies(self, candidate: Candidate) -> Histogram:
        """Of all its measurements together, since percentiles cannot be averaged."""
        return Histogram.merged([t.latencies for t in self.trials if t.candidate == candidate])

    def _begin_stage(self, measurements_left: int) -> None:
        share = measurements_left // len(self._stages)
        count = self._stages.pop(0)
        if self.trials:
            best = Ranking(self.trials).fastest_first(self.able)[:count]
            self.left = [each for each in self.left if each in best or each == self.present]
        self._rounds_left = min(MOST_ROUNDS, max(1, share // max(1, len(self.left))))

    def _over_limit(self, candidate: Candidate) -> Failure | None:
        """A failure once it is sure that the p99 latency is over the limit."""
        latencies = self.latencies(candidate)
        if self.max_p99 is None or p99_interval(latencies).low <= self.max_p99:
            return None
        p99 = milliseconds(latencies.percentile(99))
        return Failure(candidate, "p99", f"p99 {p99}, over {milliseconds(self.max_p99)}")
