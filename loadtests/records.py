"""What a running Locust reports once a second, and how the reports of several processes become one.

Every Locust process cuts its lines at the whole seconds of the machine's monotonic clock, so the
lines of one second belong together. Counts are added and histograms merged, so nothing is rounded
or averaged on the way, as it is in Locust's own statistics of a distributed run.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

from loadtests.measurement import Histogram

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

PATIENCE_WITH_ONE = 5
"""Seconds that one process may be behind the others before a record is made without it."""


@dataclass(frozen=True, slots=True)
class Record:
    """What happened since the record before, in all Locust processes together."""

    time: float
    """Monotonic clock at the end, in seconds."""
    seconds: float
    users: int
    requests: int
    failures: int
    redirects: int
    """Requests that were sent only because an answer redirected to them."""
    latencies: Histogram
    errors: Mapping[str, int]
    exceptions: Mapping[str, int]
    """What the suite's own code raised, which belongs to no request."""
    cpu: float
    """Processor seconds the load generator used, all of its processes together."""
    busiest: float
    """Processor seconds of the Locust process that used most."""
    processes: int
    """Locust processes making traffic at the end."""
    scheduled: int
    """Arrivals that were due; 0 where users wait for answers."""
    dropped: int
    """Those of them that were given up, because too many were still in flight."""
    lateness: float
    """Seconds by which the generator was late for an arrival, at worst."""


class Line(NamedTuple):
    """One line of one process: the whole second it was due at, and its share of the record."""

    second: int
    record: Record

    @classmethod
    def parse(cls, line: bytes) -> Self:
        fields = json.loads(line)
        fields["latencies"] = Histogram.from_json(fields["latencies"])
        return cls(fields.pop("second"), Record(**fields))


class Merger:
    """Makes one record a second from the lines of several processes.

    It begins when every process has reported. A process that has ended is not waited for, and one
    that falls behind not for long: such a record counts fewer `processes`. What it reports later
    is not lost but part of a later record.
    """

    def __init__(self, processes: Iterable[str]) -> None:
        self._waiting: dict[str, list[Line]] = {name: [] for name in processes}
        self._newest: dict[str, int] = {}
        self._ended: set[str] = set()
        self._next: int | None = None

    def add(self, process: str, line: Line) -> None:
        self._waiting[process].append(line)
        self._newest[process] = line.second

    @property
    def has_begun(self) -> bool:
        """Whether every process has reported, so that there are records."""
        return self._next is not None

    def end(self, process: str) -> None:
        """The process will report no more."""
        self._ended.add(process)

    def complete(self) -> Iterator[Record]:
        """Yield the records that nothing is missing from, or not worth waiting for."""
        running = self._waiting.keys() - self._ended
        if self._next is None:
            if not self._newest.keys() >= running:
                return
            first = [lines[0].second for lines in self._waiting.values() if lines]
            self._next = max(first, default=0)
        while self._is_complete(self._next, running):
            yield self._take(self._next)
            self._next += 1

    def _is_complete(self, second: int, running: Iterable[str]) -> bool:
        newest = max(self._newest.values(), default=-1)
        return second <= newest and (
            newest >= second + PATIENCE_WITH_ONE
            or all(self._newest[process] >= second for process in running)
        )

    def _take(self, second: int) -> Record:
        """Everything reported up to a second, as one record."""
        taken = {}
        for process, lines in self._waiting.items():
            taken[process] = [line for line in lines if line.second <= second]
            self._waiting[process] = lines[len(taken[process]) :]
        return merged(second, [line for lines in taken.values() for line in lines])


def merged(second: int, lines: Sequence[Line]) -> Record:
    """One record of the lines that were due at a second, and of older ones that came late.

    The processes run side by side, so their times are averaged while their counts are added.
    """
    records = [line.record for line in lines]
    current = [line.record for line in lines if line.second == second]
    return Record(
        time=max(record.time for record in current),
        seconds=sum(record.seconds for record in current) / len(current),
        users=sum(record.users for record in current),
        requests=sum(record.requests for record in records),
        failures=sum(record.failures for record in records),
        redirects=sum(record.redirects for record in records),
        latencies=Histogram.merged([record.latencies for record in records]),
        errors=added([record.errors for record in records]),
        exceptions=added([record.exceptions for record in records]),
        cpu=sum(record.cpu for record in records),
        busiest=max(record.busiest for record in current),
        processes=sum(record.processes for record in current),
        scheduled=sum(record.scheduled for record in records),
        dropped=sum(record.dropped for record in records),
        lateness=max(record.lateness for record in records),
    )


def added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(total)
