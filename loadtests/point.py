"""Measuring one point of a scaling run: warm up, then count on both sides of the balancer.

The client's figures come from Locust's records, the server's from readings of the deployment, one
after each record. They follow a record's end by about the same time, and the server's requests are
taken as a rate between the first and the last, so a reading that came late does not look like lost
requests.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING

from loadtests.errors import AppUnreachable, LocustFailed
from loadtests.locust_run import Load, LocustRun
from loadtests.measurement import Histogram, Measurement
from loadtests.reading import Reading, cpu_rates, lost_workers, service_figures
from loadtests.steady import (
    LEAST_SECONDS,
    WARM_UP_SIGNIFICANCE,
    WINDOW_SIGNIFICANCE,
    unsettled,
)
from loadtests.validity import Events, void_reasons
from loadtests.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from loadtests.reading import Target
    from loadtests.records import Record

MAX_WARM_UP = 30.0
"""Seconds after which a service that has not settled is measured all the same, and void."""
HOPELESS = 3.0
"""Seconds of nothing but failures after which measuring on is a waste."""
SILENCE = 30.0
"""Seconds without any answer after which the app counts as hung."""
HALF_A_RECORD = 0.5
KEPT_MESSAGES = 20


@dataclass(frozen=True, slots=True)
class Point:
    """One size in one round, both from 1 up."""

    size: int
    repeat: int


def measure(
    target: Target,
    point: Point,
    load: Load,
    *,
    warm_up: float,
    duration: float,
    watch: Callable[[Record, bool], None],
    max_warm_up: float = MAX_WARM_UP,
) -> Measurement:
    """Drive the target with Locust and return the point; `watch` gets every record as it comes.

    The warm-up lasts `warm_up` seconds, and longer until the service has settled, but not longer
    than `max_warm_up`. The second argument of `watch` tells whether the record is measured.
    """
    warming: list[Record] = []
    measured: list[Record] = []
    with LocustRun(load) as run:
        records = answered(run, load.url)
        for record in warming_up(records, load, warm_up, max_warm_up):
            watch(record, False)
            warming.append(record)
        readings = [Reading.take(target)]
        for record in lasting(records, duration):
            watch(record, True)
            measured.append(record)
            readings.append(Reading.take(target))
    if sum(record.seconds for record in measured) < duration - HALF_A_RECORD:
        raise LocustFailed(
            f"Locust ended before the point was measured. Does the suite {load.suite} stop it?"
        )
    return summarize(point, load, warming, measured, readings)


def warming_up(
    records: Iterator[Record], load: Load, seconds: float, longest: float
) -> Iterator[Record]:
    """Yield records until all users have run for so many seconds and the service has settled.

    Whether it has is told by the last LEAST_SECONDS of them, so there are at least so many.
    """
    longest = max(seconds, longest, LEAST_SECONDS)
    running: deque[Record] = deque(maxlen=LEAST_SECONDS)
    covered = 0.0
    for record in records:
        yield record
        if not all_users_run(record, load):
            continue
        covered += record.seconds
        running.append(record)
        if covered >= longest - HALF_A_RECORD:
            return
        if len(running) < LEAST_SECONDS or covered < seconds - HALF_A_RECORD:
            continue
        if unsettled(running, WARM_UP_SIGNIFICANCE) is None:
            return


def all_users_run(record: Record, load: Load) -> bool:
    """Scheduled arrivals have no users to wait for."""
    return load.rate is not None or record.users >= load.users


def lasting(records: Iterator[Record], seconds: float) -> Iterator[Record]:
    """Yield the records that come nearest to covering so many seconds, at least one."""
    covered = 0.0
    for record in records:
        covered += record.seconds
        yield record
        if covered >= seconds - HALF_A_RECORD:
            return


def answered(records: Iterator[Record] | LocustRun, url: str) -> Iterator[Record]:
    """Pass records on, and raise once the app has answered nothing well for too long."""
    bad = 0.0
    errors: Counter[str] = Counter()
    for record in records:
        yield record
        if record.users == 0 or record.requests > record.failures:
            bad = 0.0
            errors.clear()
            continue
        bad += record.seconds
        errors.update(record.errors)
        if errors and bad >= HOPELESS:
            message, count = errors.most_common(1)[0]
            raise AppUnreachable(
                f"Every request to {url} failed for {bad:.0f} s, most often with "
                f"{message!r} ({counted(count, 'times')}). Check that the app answers there "
                "and that the suite asks for pages it has."
            )
        if bad >= SILENCE:
            raise AppUnreachable(
                f"{url} answered no request within {bad:.0f} s. Check that the app does not hang."
            )


def summarize(
    point: Point,
    load: Load,
    warming: Sequence[Record],
    measured: Sequence[Record],
    readings: Sequence[Reading],
) -> Measurement:
    """Add the records up, set them beside the readings, and judge whether the point is void."""
    duration = sum(record.seconds for record in measured)
    redirects = sum(record.redirects for record in measured)
    elapsed = readings[-1].time - readings[0].time
    counted = readings[-1].requests - readings[0].requests
    measurement = Measurement(
        size=point.size,
        repeat=point.repeat,
        users=load.users if load.rate is None else 0,
        duration=duration,
        requests=sum(record.requests for record in measured),
        failures=sum(record.failures for record in measured),
        latencies=Histogram.merged([record.latencies for record in measured]),
        served=round(counted * duration / elapsed) - redirects,
        cpu={
            **cpu_rates(readings),
            "generator": sum(record.cpu for record in measured) / duration,
        },
        errors=most_common([record.errors for record in measured]),
        warm_up=sum(record.seconds for record in warming),
        scheduled=sum(record.scheduled for record in measured),
        dropped=sum(record.dropped for record in measured),
        lateness=median(record.lateness for record in measured),
        generator_processes=load.processes,
        generator_busiest=sum(record.busiest for record in measured) / duration,
        **service_figures(readings),
    )
    events = events_of(load, warming, measured, readings)
    return replace(measurement, void=void_reasons(measurement, events))


def events_of(
    load: Load,
    warming: Sequence[Record],
    measured: Sequence[Record],
    readings: Sequence[Reading],
) -> Events:
    """What happened on either side, beside the figures."""
    exceptions = most_common([record.exceptions for record in measured])
    return Events(
        lost=(*lost_workers(readings), *lost_processes(load, measured)),
        unsettled=unsettled(warming[-LEAST_SECONDS:], WARM_UP_SIGNIFICANCE)
        or unsettled(measured, WINDOW_SIGNIFICANCE),
        users=None if load.rate is not None else min(record.users for record in measured),
        raised=next(iter(exceptions), None),
    )


def lost_processes(load: Load, measured: Sequence[Record]) -> Iterator[str]:
    left = min(record.processes for record in measured)
    if left < load.processes:
        yield f"the load generator lost {load.processes - left} of its {load.processes} processes"


def most_common(errors: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """All errors by message; beyond the commonest messages the rest is one entry."""
    total: Counter[str] = Counter()
    for counts in errors:
        total.update(counts)
    common = dict(total.most_common(KEPT_MESSAGES))
    rest = total.total() - sum(common.values())
    return {**common, "other errors": common.get("other errors", 0) + rest} if rest else common
