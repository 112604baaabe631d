"""Scaling runs to plan with, of a system whose law is known."""

import random
from typing import Any

from loadtests.measurement import Histogram
from loadtests.result import ScalingResult
from loadtests.usl import Fit
from tests.loadtests.simulated import conclude, measurement

SIZES = (1, 2, 3, 4)
MIB = 2**20


def run(
    curve: Fit,
    sizes: tuple[int, ...] = SIZES,
    rounds: int = 3,
    noise: float = 0.01,
    seed: int = 0,
    **changes: Any,
) -> ScalingResult:
    """A node needs 80 MiB, a request a millisecond of its processor."""
    dice = random.Random(seed)
    points = []
    for repeat in range(1, rounds + 1):
        for size in sizes:
            throughput = curve.throughput(size) * dice.gauss(1, noise)
            cpu = {"nodes": throughput * 0.001, "balancer": throughput * 0.0001, "store": 0.0}
            points.append(
                measurement(size, throughput, repeat=repeat, cpu=cpu, memory=80 * MIB * size)
            )
    return conclude(points, **changes)


def paced(p99: float, requests: int = 2000, sizes: tuple[int, ...] = SIZES) -> dict[str, Any]:
    """Points at seven tenths of the throughput, each with that p99 latency in seconds."""
    latencies = Histogram()
    latencies.record(p99, requests)
    points = [measurement(size, 70.0 * size, repeat=0, latencies=latencies) for size in sizes]
    return {"paced": points, "latency_at": 0.7}
