"""Which charts a run has, what they say in words, and what their keys explain."""

from collections.abc import Callable
from functools import cache

import pytest

from loadtests import charts
from loadtests.charts.latency import curve
from loadtests.charts.sketch import Chart
from loadtests.measurement import Histogram
from loadtests.result import ScalingResult
from tests.loadtests.simulated import (
    RUNS,
    conclude,
    contended,
    law,
    left_out,
    measurement,
    near_linear,
    paced,
    simulate,
    undecided,
)
from tests.loadtests.simulated import void as void_run


@cache
def charts_of(run: Callable[[], ScalingResult]) -> list[Chart]:
    return charts.all_charts(run())


def description(svg: str) -> str:
    return svg.partition("<desc ")[2].partition(">")[2].partition("</desc>")[0]


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_every_run_has_every_chart(run) -> None:
    names = [chart.name for chart in charts_of(run)]
    measured = [
        *("throughput", "efficiency", "latency", "percentiles", "in-flight", "shares"),
        "processor",
    ]
    assert names == (measured if run().fit is None else [*measured, "residuals"])


def test_charts_say_their_figures_in_words() -> None:
    words = {chart.name: description(chart.svg) for chart in charts_of(near_linear)}
    assert words["throughput"].startswith("Requests per second: 151 at 1 node; 300 at 2 nodes;")
    assert words["efficiency"].startswith("Share of linear growth: 100 % at 1 node, 99.1 % at 2")
    assert words["latency"].startswith("p50 and p99 latency: 74.1 ms and 180 ms at 1 node;")
    assert "at 4 nodes" in words["shares"]
    assert words["percentiles"].startswith(
        "Latency within which 90 and 99 % were answered: 117 ms and 180"
    )
    assert words["in-flight"].startswith("Served and waiting in the balancer: 7.6 and 4.4 at 1")
    assert words["residuals"] == "Measured throughput differs from the fitted law by 0.8 % at most"
    assert "nodes 0.66, balancer 0.04, store 0.02, generator 0.12" in words["processor"]


def test_latency_is_drawn_at_the_load_it_was_measured_at() -> None:
    latency, percentiles = charts_of(paced)[2:4]
    assert "Latency at 70 % of each size's throughput" in latency.note
    assert "101 ms at 1 node" in description(latency.svg)
    assert "at 3 nodes" not in description(latency.svg)
    assert [key.label for key in percentiles.legend] == [
        *("1 node", "2 nodes", "6 nodes", "8 nodes"),
    ]


def test_a_percentile_that_few_requests_lie_beyond_is_not_drawn() -> None:
    few = Histogram({50_000: 95, 90_000: 5})
    assert curve(few) == ([1, 10, 25, 50, 75, 90, 95], [50.0] * 7)
    assert curve(Histogram({50_000: 3})) == ([50], [50.0])


def test_nodes_with_a_budget_show_it() -> None:
    points = [
        measurement(n, 100 * n, node_budget={f"node{i + 1}": 0.25 for i in range(n)})
        for n in (1, 2)
    ]
    processor = charts.all_charts(conclude(points))[-1]
    assert "budget of the nodes" in [key.label for key in processor.legend]
    assert "budget of the nodes" not in [key.label for key in charts_of(near_linear)[6].legend]


def test_the_same_result_gives_the_same_drawings() -> None:
    assert charts.all_charts(contended()) == charts_of(contended)


def test_void_points_are_drawn_and_explained() -> None:
    throughput = charts_of(left_out)[0]
    assert "void, not used" in [key.label for key in throughput.legend]
    assert "var(--red)" in throughput.svg
    assert "var(--red)" not in charts_of(near_linear)[0].svg


def test_a_size_that_is_void_altogether_is_called_so() -> None:
    throughput, efficiency, *_ = charts_of(void_run)
    assert description(throughput.svg).endswith("void at 4 nodes")
    assert "4 nodes" not in description(efficiency.svg)


def test_the_law_is_drawn_only_where_there_is_one() -> None:
    labels = [key.label for key in charts_of(void_run)[0].legend]
    assert "fitted law" not in labels
    assert "fitted law" in [key.label for key in charts_of(contended)[0].legend]


def test_efficiency_below_the_limit_has_a_colour_of_its_own() -> None:
    kept, both = charts_of(near_linear)[1], charts_of(contended)[1]
    assert [key.label for key in kept.legend] == ["limit, 90 %", "above", "95 % interval"]
    assert "below" in [key.label for key in both.legend]


def test_a_void_run_has_no_efficiency_that_looks_judged() -> None:
    labels = [key.label for key in charts_of(void_run)[1].legend]
    assert labels == ["limit, 90 %", "void run, not judged", "95 % interval"]


def test_a_run_without_any_valid_point_shows_the_void_ones() -> None:
    points = [measurement(size, 100, void=("spoilt",)) for size in (1, 2)]
    (throughput,) = charts.all_charts(conclude(points))
    assert [key.label for key in throughput.legend] == ["one measurement", "void, not used"]


def test_a_run_without_any_request_can_be_drawn() -> None:
    points = [
        measurement(size, 0, latencies=Histogram(), cpu={}, slot_requests={}, void=("no request",))
        for size in (1, 2)
    ]
    assert charts.all_charts(conclude(points))


def test_a_run_from_two_nodes_up_can_be_drawn() -> None:
    result = conclude([measurement(2, 200), measurement(4, 390), measurement(8, 760)])
    assert charts.all_charts(result)[0].svg


def test_an_efficiency_that_nobody_can_tell_is_neither_above_nor_below() -> None:
    once = charts.all_charts(conclude(simulate(law(151.3), rounds=1)))[1]
    assert [key.label for key in once.legend] == ["limit, 90 %", "undecided"]
    assert "undecided" in [key.label for key in charts_of(undecided)[1].legend]
