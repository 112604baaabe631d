"""Scaling runs that obey the scalability law with known coefficients, for tests and to look at.

`python -m tests.loadtests.simulated FOLDER` writes the report of each run in `RUNS` there.
"""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from loadtests.limits import Limits
from loadtests.measurement import Histogram, Level, Measurement
from loadtests.repetition import Ending
from loadtests.result import ScalingResult, Setup
from loadtests.usl import Fit

CONDITIONS = {
    "app": "shop:app",
    "suite": "front",
    "resource under test": "waiting-bound",
    "profile": "threads, 4 requests at once per worker",
    "workers per node": "2",
    "users": "1.5 for each request the deployment serves at once",
    "measured": "10 s a point after 3 s of warm-up",
    "machine": "2 cores, AMD EPYC 7763, 8 GB of memory",
    "Python": "3.11.2",
    "gunicorn": "27.0.1",
    "HAProxy": "2.8.13",
    "Valkey": "9.0.1",
    "Locust": "2.47.0",
}


def law(
    unit_throughput: float, contention: float = 0.0, coherency: float = 0.0, largest: float = 8
) -> Fit:
    return Fit(unit_throughput, contention, coherency, (), 1.0, 0, 0, largest)


def measurement(size: int = 1, throughput: float = 100.0, **changes: Any) -> Measurement:
    """A valid point of ten seconds with one latency for all, changed as asked."""
    requests = round(throughput * 10)
    slots = [f"node{n + 1}-{slot}" for n in range(size) for slot in (1, 2)]
    latencies = Histogram()
    if requests:
        latencies.record(0.05, requests)
    fields: dict[str, Any] = {
        "size": size,
        "repeat": 1,
        "users": 12 * size,
        "duration": 10.0,
        "requests": requests,
        "failures": 0,
        "latencies": latencies,
        "served": requests,
        "cpu": {"nodes": 0.2 * size, "balancer": 0.02, "store": 0.01, "generator": 0.1},
        "slot_requests": dict.fromkeys(slots, 500),
        "slot_busy": dict.fromkeys(slots, 3.8),
        "slot_places": dict.fromkeys(slots, 4),
        "in_flight": Level(12.0 * size, 14.0 * size),
        "queue": Level(4.4 * size, 6.0 * size),
        "node_cpu": {f"node{n + 1}": 0.2 for n in range(size)},
        "warm_up": 5.0,
        "generator_busiest": 0.1,
        "store_latency": 0.0002,
        "host_idle": 0.5,
        "errors": {},
        "void": (),
    }
    return Measurement(**{**fields, **changes})


def simulate(
    curve: Fit,
    sizes: tuple[int, ...] = (1, 2, 4),
    rounds: int = 2,
    noise: float = 0.005,
    seed: int = 20,
) -> list[Measurement]:
    """Measurements of a system that follows the curve, give or take the noise (CV)."""
    dice = random.Random(seed)
    measurements = []
    for repeat in range(1, rounds + 1):
        for size in sizes:
            throughput = curve.throughput(size) * dice.gauss(1, noise)
            requests = round(throughput * 10)
            users = 12 * size
            latencies = Histogram()
            for _ in range(requests):
                queued = dice.expovariate(3 / (users / throughput))
                latencies.record(users / throughput * 0.7 * dice.gauss(1, 0.03) + queued)
            slots = [f"node{node + 1}-{slot}" for node in range(size) for slot in (1, 2)]
            measurements.append(
                measurement(
                    size,
                    throughput,
                    repeat=repeat,
                    latencies=latencies,
                    served=requests + dice.randint(-3, 3),
                    cpu={
                        "nodes": throughput * 0.0011,
                        "balancer": throughput * 0.00007,
                        "store": throughput * 0.00003,
                        "generator": throughput * 0.0002,
                    },
                    slot_requests={
                        slot: round(requests / len(slots) * dice.gauss(1, 0.01)) for slot in slots
                    },
                )
            )
    return measurements


def conclude(measurements: list[Measurement], **changes: Any) -> ScalingResult:
    fields: dict[str, Any] = {
        "title": "shop:app on 1, 2, 4 nodes",
        "over": "nodes",
        "planned": sorted({m.size for m in measurements}),
        "setup": Setup(profile="threads", workers=2, concurrency=4),
        "measurements": measurements,
        "limits": Limits(),
        "conditions": CONDITIONS,
        "command": "twofold verify --directory examples/shop --nodes 1,2,4 --json demo.json",
        "started": "2026-03-14T09:26:53+00:00",
        "ending": Ending("rounds", "Measured in 2 rounds, as asked."),
    }
    return ScalingResult.conclude(**{**fields, **changes})


@cache
def near_linear() -> ScalingResult:
    return conclude(simulate(law(151.3, 0.004)))


@cache
def contended() -> ScalingResult:
    measurements = simulate(law(148.0, 0.16, 0.004), (1, 2, 3, 4, 6, 8), rounds=3, noise=0.02)
    return conclude(
        measurements,
        title="shop:app on 1, 2, 3, 4, 6, 8 nodes",
        limits=Limits(max_p99=0.2),
    )


@cache
def retrograde() -> ScalingResult:
    measurements = simulate(law(420.0, 0.08, 0.06), (1, 2, 4, 6, 8), rounds=3, noise=0.03)
    hostile = {
        "GET /items/[id]: 503 Service Unavailable <script>alert('x')</script>": 37,
        "POST /cart/add: " + "ConnectionResetError " * 12: 4,
    }
    spoilt = measurements[-1]
    changes = {"failures": 41, "errors": hostile}
    measurements[-1] = measurement(
        8, spoilt.throughput, repeat=3, latencies=spoilt.latencies, cpu=spoilt.cpu, **changes
    )
    return conclude(
        measurements,
        title="<b>legacy_shop.with_a_long_name:create_app()</b> on 1, 2, 4, 6, 8 workers",
        over="workers",
        conditions={**CONDITIONS, "app": "<b>legacy_shop.with_a_long_name:create_app()</b>"},
    )


@cache
def void() -> ScalingResult:
    measurements = simulate(law(900.0, 0.01))
    return conclude(
        [
            measurement(
                m.size,
                m.throughput,
                repeat=m.repeat,
                latencies=m.latencies,
                generator_busiest=0.97 if m.size == 4 else 0.4,
                void=(
                    "the load generator was at its limit: it used 0.97 of its one core, "
                    "where 0.8 still measures the app",
                )
                if m.size == 4
                else (),
            )
            for m in measurements
        ]
    )


@cache
def left_out() -> ScalingResult:
    """Near-linear, with one void point that another round makes up for."""
    measurements = simulate(law(151.3, 0.004), rounds=3)
    spoilt = measurements[4]
    measurements[4] = measurement(
        spoilt.size, 61.0, repeat=2, void=("node2 had to restart a worker while it was measured",)
    )
    return conclude(measurements)


@cache
def undecided() -> ScalingResult:
    return conclude(simulate(law(151.3, 0.028), noise=0.03))


@cache
def paced() -> ScalingResult:
    """Contended, with its latency measured at 70 % of the throughput, once in vain."""
    sizes = (1, 2, 3, 4, 6, 8)
    curve = law(148.0, 0.05, 0.002)
    below = simulate(law(148.0 * 0.7, 0.05, 0.002), sizes, rounds=1)
    points = [
        replace(
            m,
            repeat=0,
            users=0,
            scheduled=m.requests,
            latencies=Histogram({key * 2 // 5: count for key, count in m.latencies.counts.items()}),
            void=("4 of 1,000 arrivals were given up",) if m.size == 3 else (),
        )
        for m in below
    ]
    return conclude(
        simulate(curve, sizes, rounds=4, noise=0.01),
        title="shop:app on 1, 2, 3, 4, 6, 8 nodes",
        paced=points,
        latency_at=0.7,
        limits=Limits(min_efficiency=0.7, max_p99=0.15),
        ending=Ending(
            "precision",
            "After 4 rounds the efficiency at 8 nodes is known within ± 1.8 %, where ± 3 % was "
            "asked.",
        ),
    )


@cache
def interrupted() -> ScalingResult:
    """Broken off in the first round, before the largest size."""
    return conclude(
        simulate(law(151.3, 0.004), rounds=1)[:2],
        planned=(1, 2, 4),
        ending=Ending("interrupted", "The run was interrupted after 2 points."),
    )


RUNS = {
    "near-linear": near_linear,
    "contended": contended,
    "retrograde": retrograde,
    "void": void,
    "left-out": left_out,
    "undecided": undecided,
    "paced": paced,
    "interrupted": interrupted,
}


if __name__ == "__main__":
    from loadtests.report import write_html

    for name, run in RUNS.items():
        write_html(run(), Path(sys.argv[1]) / f"{name}.html")
