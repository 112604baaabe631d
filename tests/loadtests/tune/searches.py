"""Searches among simulated settings whose true throughput is known."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from loadtests.measurement import Histogram
from loadtests.tune.candidates import Candidate
from loadtests.tune.halving import Search
from loadtests.tune.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MIB = 2**20


def settings(count: int) -> list[Candidate]:
    """Different ones, of 1, 2, 3 … threads."""
    return [Candidate("threads", 2, threads) for threads in range(1, count + 1)]


def latencies(seconds: float = 0.05, count: int = 1000) -> Histogram:
    histogram = Histogram()
    histogram.record(seconds, count)
    return histogram


def trial(
    candidate: Candidate,
    round: int,
    throughput: float,
    *,
    memory: int | None = 100 * MIB,
    p99: float = 0.05,
    requests: int = 1000,
) -> Trial:
    return Trial(candidate, round, throughput, latencies(p99, requests), memory)


def search(
    truth: Mapping[Candidate, float],
    *,
    measurements: int = 60,
    noise: float = 0.03,
    drift: float = 0.05,
    seed: int = 0,
    memory: Mapping[Candidate, int] | None = None,
) -> Search:
    """A search that came to its end. The first setting is the present one.

    `noise` is the spread of one measurement, `drift` what a round has more or less than the others
    (both relative, normal).
    """
    dice = random.Random(seed)
    found = Search(list(truth))
    while order := found.next_round(measurements - len(found.trials)):
        of_round = dice.gauss(1, drift)
        for candidate in order:
            throughput = truth[candidate] * of_round * dice.gauss(1, noise)
            size = (memory or {}).get(candidate, 100 * MIB)
            found.add(trial(candidate, found.rounds, throughput, memory=size))
    return found


def truth(throughputs: Sequence[float]) -> dict[Candidate, float]:
    return dict(zip(settings(len(throughputs)), throughputs, strict=True))
