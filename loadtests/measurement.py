"""One measured point of a scaling run, and its latency histogram."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

SIGNIFICANT_DIGITS = 3


@dataclass(slots=True)
class Histogram:
    """Latencies counted in buckets, so that many are kept in little space and merged exactly.

    A bucket is a latency in whole microseconds, rounded to three significant digits. So a latency
    taken from here is within 0.5 % or half a microsecond of the recorded one, whichever is more,
    and merging loses nothing: the histogram of two parts equals the merged histograms of the parts.
    """

    counts: dict[int, int] = field(default_factory=dict)
    """How many latencies fell into each bucket, by microseconds."""

    def record(self, seconds: float, count: int = 1) -> None:
        key = bucket(seconds)
        self.counts[key] = self.counts.get(key, 0) + count

    def merge(self, other: Histogram) -> None:
        """Add the latencies of another histogram to this one."""
        for key, count in other.counts.items():
            self.counts[key] = self.counts.get(key, 0) + count

    @classmethod
    def merged(cls, histograms: Sequence[Histogram]) -> Self:
        """A new histogram of all the latencies in others."""
        whole = cls()
        for histogram in histograms:
            whole.merge(histogram)
        return whole

    @property
    def count(self) -> int:
        return sum(self.counts.values())

    @property
    def mean(self) -> float:
        """In seconds; not a number if nothing was recorded."""
        count = self.count
        if not count:
            return math.nan
        return sum(key * n for key, n in self.counts.items()) / count / 1e6

    def percentile(self, per_cent: float) -> float:
        """The nearest-rank percentile in seconds; not a number if nothing was recorded.

        That is the smallest recorded latency which at least so many per cent of all latencies do
        not exceed: the ⌈per_cent/100 · count⌉-th in ascending order. It is never interpolated, so
        it is a latency somebody had (within the error of a bucket).
        """
        if not 0 < per_cent <= 100:
            raise ValueError(f"a percentile is above 0 and up to 100, not {per_cent!r}")
        # As a fraction, since 99.9 / 100 * 1000 is more than 999 in binary floating point.
        rank = math.ceil(Fraction(str(per_cent)) * self.count / 100)
        seen = 0
        for key in sorted(self.counts):
            seen += self.counts[key]
            if seen >= rank:
                return key / 1e6
        return math.nan

    def to_json(self) -> dict[str, int]:
        return {str(key): self.counts[key] for key in sorted(self.counts)}

    @classmethod
    def from_json(cls, data: Mapping[str, int]) -> Self:
        return cls({int(key): count for key, count in data.items()})


def bucket(seconds: float) -> int:
    """The latency in microseconds, rounded to three significant digits."""
    if not 0 <= seconds < math.inf:
        raise ValueError(f"a latency is a finite time from 0 up, not {seconds!r} seconds")
    microseconds = round(seconds * 1e6)
    spare_digits = max(0, len(str(microseconds)) - SIGNIFICANT_DIGITS)
    return round(microseconds, -spare_digits)


@dataclass(frozen=True, slots=True)
class Level:
    """A quantity that was read once a second: its mean, and the highest reading."""

    mean: float
    max: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """One size measured once: what was asked, what came back, and what it took.

    What a target cannot tell is None or empty: nothing may be concluded from it.
    """

    size: int
    """Nodes or workers."""
    repeat: int
    """The round it belongs to, from 1 up."""
    users: int
    """Of the closed model, each of whom waits for an answer; 0 with scheduled arrivals."""
    duration: float
    requests: int
    """Completed requests, failed ones included, by the generator's count."""
    failures: int
    latencies: Histogram
    """Of successful and failed requests together."""
    served: int
    """Requests over the same time by the balancer's own count."""
    cpu: Mapping[str, float]
    """Cores used by ``nodes``, ``balancer``, ``store`` and ``generator``."""
    slot_requests: Mapping[str, int]
    """Requests each slot got, by its name."""
    errors: Mapping[str, int]
    """How often each error message came."""
    warm_up: float = 0.0
    """Seconds of traffic before the steady state that was measured."""
    scheduled: int = 0
    """Arrivals that were due (open model); 0 where users wait for their answers."""
    dropped: int = 0
    """Of these, arrivals that the generator gave up."""
    lateness: float = 0.0
    """Seconds by which the generator was late for an arrival: the worst of a median second."""
    generator_processes: int = 1
    generator_busiest: float = 0.0
    """Cores used by the generator's busiest process, of which it has one."""
    in_flight: Level | None = None
    """Requests that the balancer held, waiting and being served."""
    queue: Level | None = None
    """Requests that waited in the balancer for a worker."""
    slot_busy: Mapping[str, float] = field(default_factory=dict)
    """Requests being served by each slot, on average."""
    slot_places: Mapping[str, int] = field(default_factory=dict)
    """Requests each slot may serve at once."""
    node_cpu: Mapping[str, float] = field(default_factory=dict)
    """Cores used by each node."""
    node_budget: Mapping[str, float] = field(default_factory=dict)
    """Cores each node may use, for nodes that are held to it."""
    budget_by: str = "none"
    """What holds the nodes to their budgets."""
    throttled: Mapping[str, float] = field(default_factory=dict)
    """Seconds for which the kernel held back each node, per second."""
    store_latency: float | None = None
    """The median time of a PING to the store, in seconds."""
    memory: int | None = None
    """What all nodes held at the end, in bytes; pages they share are counted once."""
    host_idle: float | None = None
    """Share of the machine's processor time that nobody used."""
    host_steal: float | None = None
    """Share of the machine's processor time that its hypervisor gave to others."""
    void: tuple[str, ...] = ()
    """Why this point must not be used; empty if it may."""

    @property
    def throughput(self) -> float:
        """Successful requests per second."""
        return (self.requests - self.failures) / self.duration

    @property
    def concurrency(self) -> float:
        """Requests in flight on average, by Little's law: N = X · R (J. D. C. Little, 1961)."""
        return self.requests / self.duration * self.latencies.mean if self.requests else 0.0

    @property
    def littles_gap(self) -> float | None:
        """The share of X · R that the balancer's readings of N do not confirm; None if unknown.

        The law holds for any steady system, so a difference is no chance: the rest of the latency
        was spent on the way to the balancer, which is in the generator, or N was read too seldom.
        """
        if self.in_flight is None or not self.concurrency:
            return None
        return 1 - self.in_flight.mean / self.concurrency

    @property
    def busy_share(self) -> float | None:
        """How much of all places in the slots was taken; None if unknown."""
        places = sum(self.slot_places.values())
        return sum(self.slot_busy.values()) / places if self.slot_busy and places else None

    @property
    def slot_shares(self) -> dict[str, float]:
        """What each slot got of the requests, where 1 is an even part."""
        even = sum(self.slot_requests.values()) / max(1, len(self.slot_requests))
        return {slot: count / even for slot, count in self.slot_requests.items()} if even else {}

    @property
    def p50(self) -> float:
        return self.latencies.percentile(50)

    @property
    def p99(self) -> float:
        return self.latencies.percentile(99)

    def to_json(self) -> dict[str, Any]:
        """All fields under their names."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: _to_json(value) for name, value in values.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        converted = {
            "latencies": Histogram.from_json(data["latencies"]),
            "in_flight": _level(data["in_flight"]),
            "queue": _level(data["queue"]),
            "void": tuple(data["void"]),
        }
        return cls(**{**data, **converted})


def _to_json(value: Any) -> Any:
    match value:
        case Histogram():
            return value.to_json()
        case Level():
            return {"mean": value.mean, "max": value.max}
        case tuple():
            return list(value)
        case Mapping():
            return dict(value)
    return value


def _level(data: Mapping[str, float] | None) -> Level | None:
    return None if data is None else Level(**data)


def valid(measurements: Sequence[Measurement]) -> list[Measurement]:
    return [measurement for measurement in measurements if not measurement.void]
