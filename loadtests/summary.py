"""The measurements of one size put together."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from loadtests.efficiency import efficiency
from loadtests.measurement import Histogram, valid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtests.efficiency import Efficiency
    from loadtests.measurement import Measurement


@dataclass(frozen=True, slots=True)
class SizeSummary:
    """The valid measurements of one size."""

    size: int
    measurements: tuple[Measurement, ...]
    void: int
    """Void measurements of this size, which are not among the above."""
    efficiency: Efficiency | None
    """None without a round in which both this size and the smallest are valid."""
    paced: Measurement | None = None
    """The valid point with scheduled arrivals below saturation, where there is one."""

    @property
    def throughputs(self) -> list[float]:
        return [m.throughput for m in self.measurements]

    @property
    def throughput(self) -> float:
        """The median over the rounds; not a number if none is valid."""
        return median(self.throughputs) if self.measurements else math.nan

    @property
    def latencies(self) -> Histogram:
        """At saturation, of all rounds together."""
        return Histogram.merged([m.latencies for m in self.measurements])

    @property
    def failures(self) -> int:
        return sum(m.failures for m in self.measurements)

    @property
    def cpu(self) -> dict[str, float]:
        """The median cores used over the rounds, by part."""
        parts = dict.fromkeys(part for m in self.measurements for part in m.cpu)
        return {part: median(m.cpu.get(part, 0.0) for m in self.measurements) for part in parts}

    @property
    def queue(self) -> float | None:
        """Requests that waited in the balancer on average, the median over the rounds."""
        return known_median([m.queue.mean if m.queue else None for m in self.measurements])

    @property
    def served(self) -> float | None:
        """Requests that workers were serving on average, the median over the rounds."""
        return known_median(
            [sum(m.slot_busy.values()) if m.slot_busy else None for m in self.measurements]
        )

    @property
    def places(self) -> int:
        """Requests that all slots together may serve at once."""
        return max((sum(m.slot_places.values()) for m in self.measurements), default=0)

    @property
    def budget(self) -> float:
        """Cores that all nodes together may use; 0 where nothing holds them to any."""
        return max((sum(m.node_budget.values()) for m in self.measurements), default=0.0)

    @property
    def busy_share(self) -> float | None:
        """How much of all places in the slots was taken, the median over the rounds."""
        return known_median([m.busy_share for m in self.measurements])

    @property
    def throttled(self) -> float | None:
        """Seconds for which the kernel held back the nodes, per second and node; the median."""
        return known_median(
            [
                sum(m.throttled.values()) / len(m.throttled) if m.throttled else None
                for m in self.measurements
            ]
        )

    @property
    def store_latency(self) -> float | None:
        """The time of a PING to the store, the median over the rounds."""
        return known_median([m.store_latency for m in self.measurements])

    @property
    def host_idle(self) -> float | None:
        """Share of the machine's processor time that nobody used, the median over the rounds."""
        return known_median([m.host_idle for m in self.measurements])

    @property
    def slot_shares(self) -> dict[str, float]:
        """What share of an even part of the requests each slot got, by its name: 1 is fair."""
        requests: Counter[str] = Counter()
        for m in self.measurements:
            requests.update(m.slot_requests)
        even = requests.total() / len(requests) if requests else 0.0
        return {slot: count / even for slot, count in requests.items()} if even else {}

    def to_json(self) -> dict[str, Any]:
        """The figures that people quote. What could not be measured is null."""
        paced = self.paced
        return {
            "size": self.size,
            "throughput": finite(self.throughput),
            "efficiency": asdict(self.efficiency) if self.efficiency else None,
            "p50": finite(self.latencies.percentile(50)),
            "p99": finite(self.latencies.percentile(99)),
            "paced_p50": finite(paced.p50) if paced else None,
            "paced_p99": finite(paced.p99) if paced else None,
            "failures": self.failures,
            "rounds": len(self.measurements),
            "void": self.void,
        }


def summarize_sizes(
    measurements: Sequence[Measurement], paced: Sequence[Measurement] = ()
) -> list[SizeSummary]:
    """A summary of each size, in ascending order."""
    efficiencies = {e.size: e for e in efficiency(measurements)}
    paced_by_size = {m.size: m for m in valid(paced)}
    summaries = []
    for size in sorted({m.size for m in measurements}):
        here = [m for m in measurements if m.size == size]
        usable = tuple(valid(here))
        summaries.append(
            SizeSummary(
                size=size,
                measurements=usable,
                void=len(here) - len(usable),
                efficiency=efficiencies.get(size),
                paced=paced_by_size.get(size),
            )
        )
    return summaries


def known_median(values: Sequence[float | None]) -> float | None:
    """Of those that are known; None if none is."""
    known = [value for value in values if value is not None]
    return median(known) if known else None


def finite(value: float) -> float | None:
    """None, which JSON has, for not a number, which it has not."""
    return value if math.isfinite(value) else None
