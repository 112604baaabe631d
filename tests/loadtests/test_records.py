"""Lines of several Locust processes, as one record a second."""

from collections.abc import Iterable

import pytest

from loadtests.measurement import Histogram
from loadtests.records import PATIENCE_WITH_ONE, Line, Merger, Record, merged


def line(
    second: int,
    *,
    seconds: float = 1.0,
    requests: int = 10,
    latency: float = 0.01,
    cpu: float = 0.25,
    errors: dict[str, int] | None = None,
    lateness: float = 0.0,
    processes: int = 1,
) -> Line:
    latencies = Histogram()
    latencies.record(latency, requests)
    record = Record(
        time=second + 0.01,
        seconds=seconds,
        users=3,
        requests=requests,
        failures=sum((errors or {}).values()),
        redirects=1,
        latencies=latencies,
        errors=errors or {},
        exceptions={"KeyError: 'x'": 1},
        cpu=cpu,
        busiest=cpu,
        processes=processes,
        scheduled=2,
        dropped=1,
        lateness=lateness,
    )
    return Line(second, record)


def complete(merger: Merger) -> list[tuple[int, int]]:
    """Requests and processes of the records that are complete by now."""
    return [(record.requests, record.processes) for record in merger.complete()]


def add(merger: Merger, process: str, seconds: Iterable[int], requests: int = 10) -> None:
    for second in seconds:
        merger.add(process, line(second, requests=requests))


def test_counts_are_added_and_times_are_not() -> None:
    record = merged(
        7,
        [
            line(7, seconds=0.9, requests=10, latency=0.01, cpu=0.2, errors={"a": 1, "b": 2}),
            line(7, seconds=1.1, requests=30, latency=0.02, cpu=0.6, errors={"b": 3}, lateness=0.4),
        ],
    )
    assert record.seconds == pytest.approx(1.0)
    assert (record.requests, record.failures, record.redirects, record.users) == (40, 6, 2, 6)
    assert record.latencies.counts == {10_000: 10, 20_000: 30}
    assert record.errors == {"a": 1, "b": 5}
    assert record.exceptions == {"KeyError: 'x'": 2}
    assert record.cpu == pytest.approx(0.8)
    assert (record.busiest, record.processes) == (0.6, 2)
    assert (record.scheduled, record.dropped, record.lateness) == (4, 2, 0.4)


def test_one_process_has_a_record_for_every_line() -> None:
    merger = Merger(["a"])
    add(merger, "a", [5, 6])
    assert complete(merger) == [(10, 1), (10, 1)]
    merger.add("a", line(7, requests=4))
    merger.end("a")
    assert complete(merger) == [(4, 1)]


def test_records_begin_when_every_process_has_reported() -> None:
    merger = Merger(["a", "b"])
    add(merger, "a", [5, 6, 7])
    assert complete(merger) == []
    assert not merger.has_begun
    add(merger, "b", [7])
    assert complete(merger) == [(40, 2)]
    assert merger.has_begun


def test_a_second_is_complete_when_every_process_has_reported_it() -> None:
    merger = Merger(["a", "b"])
    add(merger, "a", [1, 2, 3])
    add(merger, "b", [1])
    assert complete(merger) == [(20, 2)]
    add(merger, "b", [2])
    assert complete(merger) == [(20, 2)]


def test_an_ended_process_is_missed_but_not_waited_for() -> None:
    merger = Merger(["a", "b"])
    add(merger, "a", [1, 2])
    add(merger, "b", [1])
    merger.end("b")
    assert complete(merger) == [(20, 2), (10, 1)]


def test_a_silent_process_is_not_waited_for_long_and_nothing_it_says_later_is_lost() -> None:
    merger = Merger(["a", "b"])
    add(merger, "a", [1])
    add(merger, "b", [1])
    assert complete(merger) == [(20, 2)]
    add(merger, "a", range(2, 2 + PATIENCE_WITH_ONE))
    assert complete(merger) == []
    add(merger, "a", [2 + PATIENCE_WITH_ONE])
    assert complete(merger) == [(10, 1)]
    add(merger, "b", range(2, 3 + PATIENCE_WITH_ONE), requests=1)
    records = complete(merger)
    assert records[0] == (12, 2)
    assert sum(requests for requests, _ in records) == (10 + 1) * PATIENCE_WITH_ONE + 1


def test_lines_of_a_process_that_ends_at_once_are_kept() -> None:
    merger = Merger(["a", "b"])
    add(merger, "a", [4])
    merger.end("a")
    merger.end("b")
    assert complete(merger) == [(10, 1)]
