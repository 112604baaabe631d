"""The charts of a scaling run: which figures they show, and how to read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtests.charts.growth import efficiency_sketch, residuals_sketch, throughput_sketch
from loadtests.charts.latency import latency_sketch, percentiles_sketch
from loadtests.charts.resources import in_flight_sketch, processor_sketch, shares_sketch

if TYPE_CHECKING:
    from loadtests.charts.sketch import Chart
    from loadtests.result import ScalingResult

SKETCHES = (
    throughput_sketch,
    efficiency_sketch,
    latency_sketch,
    percentiles_sketch,
    in_flight_sketch,
    shares_sketch,
    processor_sketch,
    residuals_sketch,
)


def all_charts(result: ScalingResult) -> list[Chart]:
    """The charts for which there are figures, in the order of the page."""
    summaries = result.sizes()
    sketches = [sketch(result, summaries) for sketch in SKETCHES]
    return [sketch.chart() for sketch in sketches if sketch]
