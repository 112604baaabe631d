"""Counts of requests from the balancer's lines."""

from __future__ import annotations

import random
from bisect import bisect_left

from deploy.metrics.traffic import BOUNDS, Histogram, Traffic


def line(
    status: int = 200,
    node: str = "node1",
    *,
    queue: int = 0,
    total: int = 5,
    retries: str = "0",
    termination: str = "--",
) -> bytes:
    return (
        f'{{"time_ms":1,"status":{status},"node":"{node}","slot":"1","queue_ms":{queue},'
        f'"connect_ms":0,"response_ms":{total},"total_ms":{total},"retries":"{retries}",'
        f'"bytes":100,"termination":"{termination}"}}\n'
    ).encode()


def test_requests_are_counted_by_who_answered_and_how() -> None:
    traffic = Traffic()
    traffic.read(line() + line() + line(404))
    traffic.read(b"Proxy visitors started.\n" + line(503, "-", total=500, termination="sQ"))
    assert traffic.requests == {
        ("node1", "1", "200"): 2,
        ("node1", "1", "404"): 1,
        ("-", "1", "503"): 1,
    }
    assert traffic.response_bytes["node1", "1"] == 300
    assert traffic.queue_timeouts == 1
    assert traffic.durations.keys() == {"node1", "-"}


def test_retries_and_visitors_who_went_away_are_counted() -> None:
    traffic = Traffic()
    traffic.read(line(retries="+2") + line(retries="1"))
    traffic.read(line(-1, queue=-1, total=9, termination="CR") + line(termination="CD"))
    assert (traffic.retries, traffic.aborted) == (3, 2)
    # Who got no answer has no time in which it came, and never waited for a worker.
    assert sum(traffic.durations["node1"].counts) == 3
    assert sum(traffic.queue.counts) == 3


def test_a_time_cut_down_to_milliseconds_is_in_the_bucket_where_it_was() -> None:
    chance = random.Random(7)
    histogram, expected = Histogram(), [0] * (len(BOUNDS) + 1)
    for _ in range(5000):
        milliseconds = chance.expovariate(1 / 300)
        histogram.add(int(milliseconds))
        expected[bisect_left(BOUNDS, milliseconds)] += 1
    assert histogram.counts == expected


def test_a_distribution_is_in_seconds() -> None:
    histogram = Histogram()
    for milliseconds in (4, 5, 20_000):
        histogram.add(milliseconds)
    distribution = histogram.distribution()
    assert distribution.bounds[:2] == (0.005, 0.01)
    assert (distribution.counts[0], distribution.counts[1], distribution.counts[-1]) == (1, 1, 1)
    assert distribution.sum == 20.009
