"""The limits a run has to keep, and whether it does: surely, surely not, or nobody can tell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from loadtests.intervals import Interval
from loadtests.measurement import Histogram, valid
from loadtests.percentiles import latency_of_rank, p99_interval
from loadtests.wording import counted, milliseconds, percent, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from loadtests.efficiency import Efficiency
    from loadtests.measurement import Measurement

NEAR_LINEAR = 0.9
"""The efficiency that every size needs for the word near-linear, whatever limit is asked for."""

LimitName = Literal["efficiency", "p99", "errors"]
Outcome = Literal["kept", "missed", "undecided", "void"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run has to keep for the command to succeed."""

    min_efficiency: float = NEAR_LINEAR
    """At every size."""
    max_p99: float | None = None
    """In seconds, at every size; None for no limit."""
    max_errors: int | None = 0
    """Failed requests at a point; None for no limit."""


@dataclass(frozen=True, slots=True)
class Check:
    """One limit at one size."""

    limit: LimitName
    size: int
    demand: str
    """What is asked, in words."""
    outcome: Outcome
    message: str
    """What was found, in words."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A figure in words, and how far the true one may be from it."""

    words: str
    interval: Interval


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of every size: a figure on one side of a limit, with its whole interval."""

    limit: LimitName
    words: str
    allowed: Interval
    """From the limit on, or up to it."""
    limit_words: str

    def check(self, size: int, finding: Finding) -> Check:
        found = finding.interval
        if found.low in self.allowed and found.high in self.allowed:
            return Check(self.limit, size, self.words, "kept", finding.words)
        if found.high < self.allowed.low or found.low > self.allowed.high:
            side = "below" if found.high < self.allowed.low else "above"
            missed = f"{finding.words}, {side} the limit of {self.limit_words}"
            return Check(self.limit, size, self.words, "missed", missed)
        open_ = (
            f"{finding.words}, which does not tell whether the limit of {self.limit_words} is kept"
        )
        return Check(self.limit, size, self.words, "undecided", open_)

    def checks(
        self,
        sizes: Sequence[int],
        measurements: Sequence[Measurement],
        find: Callable[[int, Sequence[Measurement]], Finding | None],
        over: str,
    ) -> Iterator[Check]:
        """At each size what `find` makes of its valid measurements; void where that is nothing."""
        for size in sizes:
            usable = [m for m in valid(measurements) if m.size == size]
            finding = find(size, usable) if usable else None
            if finding is None:
                nothing = nothing_valid(measurements, size, over)
                yield Check(self.limit, size, self.words, "void", nothing)
            else:
                yield self.check(size, finding)


def check_limits(
    measurements: Sequence[Measurement],
    efficiencies: Sequence[Efficiency],
    limits: Limits,
    over: str,
    *,
    sizes: Sequence[int],
    paced: Sequence[Measurement] = (),
) -> tuple[Check, ...]:
    """Every limit at every size, the efficiency at all but the smallest.

    Efficiency and p99 are estimates, so their intervals have to be on one side of the limit. Errors
    are counts of what happened. p99 is that of the points in `paced`, at a load below saturation,
    where there are any, and of all rounds of a size together, since percentiles cannot be averaged.
    """
    known = {e.size: e for e in efficiencies}

    def efficiency_at(size: int, _: Sequence[Measurement]) -> Finding | None:
        return efficiency_finding(known[size], over) if size in known else None

    def p99_at(size: int, usable: Sequence[Measurement]) -> Finding:
        return p99_finding(usable, counted(size, over))

    def errors_at(size: int, usable: Sequence[Measurement]) -> Finding:
        return errors_finding(usable, counted(size, over))

    least = percent(limits.min_efficiency)
    demand = Demand(
        "efficiency",
        f"an efficiency of at least {least}",
        Interval(limits.min_efficiency, math.inf),
        least,
    )
    checks = [*demand.checks(sizes[1:], measurements, efficiency_at, over)]
    if limits.max_p99 is not None:
        most = milliseconds(limits.max_p99)
        allowed = Interval(0.0, limits.max_p99)
        demand = Demand("p99", f"a p99 latency of at most {most}", allowed, most)
        checks += demand.checks(sizes, paced or measurements, p99_at, over)
    if limits.max_errors is not None:
        most = f"{limits.max_errors:,}"
        allowed = Interval(0.0, limits.max_errors)
        demand = Demand("errors", f"at most {most} failed requests at a point", allowed, most)
        checks += demand.checks(sizes, [*measurements, *paced], errors_at, over)
    return tuple(checks)


def efficiency_finding(e: Efficiency, over: str) -> Finding:
    words = f"efficiency at {counted(e.size, over)} is {percent(e.median)} ({spread(e)})"
    return Finding(words, e.bounds)


def p99_finding(usable: Sequence[Measurement], where: str) -> Finding:
    """Arrivals that were given up count as slower than all others."""
    latencies = Histogram.merged([m.latencies for m in usable])
    dropped = sum(m.dropped for m in usable)
    interval = p99_interval(latencies, dropped)
    low, high = milliseconds(interval.low), milliseconds(interval.high)
    if math.isinf(interval.low):
        scheduled = sum(m.scheduled for m in usable)
        words = f"p99 latency at {where} has no end: {dropped:,} of {scheduled:,} arrivals dropped"
    elif math.isinf(interval.high):
        words = (
            f"p99 latency at {where} is {low} or more, from {latencies.count + dropped:,} requests"
        )
    else:
        total = latencies.count + dropped
        p99 = milliseconds(latency_of_rank(latencies, math.ceil(99 * total / 100)))
        words = f"p99 latency at {where} is {p99} (95 % interval {low} to {high})"
    return Finding(words, interval)


def errors_finding(usable: Sequence[Measurement], where: str) -> Finding:
    """At the point that has most."""
    worst = max(usable, key=lambda m: m.failures)
    words = (
        f"{worst.failures:,} of {worst.requests:,} requests failed at {where} "
        f"in round {worst.repeat}"
    )
    return Finding(words, Interval(worst.failures, worst.failures))


def nothing_valid(measurements: Sequence[Measurement], size: int, over: str) -> str:
    """Why there is no figure of a size that could be used."""
    here = [m for m in measurements if m.size == size]
    if not here:
        return f"nothing was measured at {counted(size, over)}"
    reasons = [reason for m in here for reason in m.void]
    if reasons:
        return f"no valid measurement at {counted(size, over)}, because {reasons[0]}"
    if not any(m.throughput for m in here):
        return f"no request succeeded at {counted(size, over)}"
    smallest = min(m.size for m in measurements)
    return (
        f"no round has a valid measurement at {counted(smallest, over)} "
        f"as well as at {counted(size, over)}"
    )


def without_verdict(checks: Sequence[Check], reason: str) -> tuple[Check, ...]:
    """The same checks for a void run, which decides nothing."""
    return tuple(Check(c.limit, c.size, c.demand, "void", reason) for c in checks)
