"""What the report's page says besides its charts."""

import pytest

from loadtests.measurement import Histogram
from loadtests.page import Page, date, law_terms
from loadtests.regression import fit
from loadtests.usl import Fit
from tests.loadtests.simulated import (
    conclude,
    contended,
    law,
    left_out,
    measurement,
    near_linear,
    paced,
    retrograde,
    void,
)


def tiles(page: Page) -> dict[str, str]:
    return {tile.name: f"{tile.value}, {tile.detail}" for tile in page.tiles}


def terms(found: Fit) -> dict[str, str]:
    return dict(law_terms(found, "nodes"))


def test_key_figures_of_a_near_linear_run() -> None:
    found = tiles(Page.of(near_linear()))
    assert found["Efficiency"] == "99.3 %, at 4 nodes, 95 % interval 97.1 % to 101.7 %, 2 rounds"
    assert found["Throughput"] == "602 /s, at 4 nodes, 151 /s at 1"
    assert found["p99 latency"] == "176 ms, at 4 nodes and saturation, p50 74.1 ms"
    assert found["Failed requests"].startswith("0, of 21,0")
    assert found["Contention σ"].startswith("0.0016,")


def test_the_p99_of_a_paced_run_is_that_below_saturation() -> None:
    found = tiles(Page.of(paced()))
    assert found["p99 latency"] == "149 ms, at 8 nodes and 70 % of its throughput, p50 62.4 ms"
    row = dict(Page.of(paced()).size_rows[-1].cells)
    assert (row["p99"], row["p99 at 70 %"]) == ("263 ms", "149 ms")


def test_limits_are_shown_for_each_size_with_what_went_wrong() -> None:
    efficiency, p99, errors = Page.of(paced()).limits
    assert efficiency.demand == "an efficiency of at least 70 %"
    assert efficiency.outcomes[-1] == ("8 nodes", "missed", "Missed")
    assert len(efficiency.outcomes) == len(p99.outcomes) - 1 == len(errors.outcomes) - 1 == 5
    assert p99.problems == (
        "no valid measurement at 3 nodes, because 4 of 1,000 arrivals were given up",
        "p99 latency at 8 nodes is 149 ms (95 % interval 144 ms to 155 ms), which does not tell "
        "whether the limit of 150 ms is kept",
    )
    assert errors.problems == ()


def test_a_void_run_gives_its_reason_once_a_limit() -> None:
    for limit in Page.of(void()).limits:
        assert {outcome for _, outcome, _ in limit.outcomes} == {"void"}
        assert len(limit.problems) == 1


def test_resources_are_those_of_the_valid_points() -> None:
    one, *_ = Page.of(near_linear()).resource_rows
    assert dict(one.cells) == {
        "Nodes CPU": "0.17",
        "Balancer CPU": "0.01",
        "Store CPU": "0.00",
        "Generator CPU": "0.03",
        "CPU budget": "-",
        "Throttled": "-",
        "Busy places": "95 %",
        "In the queue": "4.4",
        "Store's PING": "0.20 ms",
        "Machine idle": "50 %",
    }
    assert len(Page.of(void()).resource_rows) == 2


def test_a_void_run_shows_no_efficiency_to_quote() -> None:
    assert "Efficiency" not in tiles(Page.of(void()))
    assert "Efficiency" in tiles(Page.of(left_out()))


def test_a_single_round_is_named_with_its_efficiency() -> None:
    page = Page.of(conclude([measurement(1, 100), measurement(2, 196)]))
    assert tiles(page)["Efficiency"] == "98 %, at 2 nodes, 1 round, so no interval"


def test_a_run_without_valid_points_has_a_page() -> None:
    points = [
        measurement(size, 0, latencies=Histogram(), slot_requests={}, void=("no request",))
        for size in (1, 2)
    ]
    page = Page.of(conclude(points))
    assert tiles(page) == {"Failed requests": "0, of 0"}
    assert dict(page.point_rows[0].cells)["p99"] == "-"
    assert dict(page.size_rows[0].cells)["Requests/s"] == "-"


def test_sizes_have_the_median_with_the_range_or_the_interval() -> None:
    one, two, _ = Page.of(near_linear()).size_rows
    assert one.name == "1 node"
    assert dict(one.cells)["Efficiency"] == "100 %"
    assert dict(two.cells)["Efficiency"] == "99.1 % (96.8 % to 101.4 %)"
    assert dict(two.cells)["Requests/s"] == "300 (300 to 301)"


def test_void_points_are_marked_and_counted() -> None:
    page = Page.of(left_out())
    assert [row.void for row in page.point_rows].count(True) == 1
    assert dict(page.size_rows[1].cells)["Valid rounds"] == "2, 1 void"
    assert [row.void for row in Page.of(void()).size_rows] == [False, False, True]


def test_errors_come_with_the_commonest_first() -> None:
    counts = [count for _, count in Page.of(retrograde()).errors]
    assert counts == [37, 4]


def test_the_law_says_how_well_it_is_known() -> None:
    checked = terms(fit([1, 2, 4, 8], [100, 180, 300, 420]))
    assert checked["fitted to"] == "4 points, 1 size more than fix the curve"
    assert "nothing checks it" in terms(fit([1, 2, 4], [100, 180, 300]))["fitted to"]


@pytest.mark.parametrize(
    ("coherency", "words"),
    [
        (0.04, "about 5 nodes"),
        (0.01, "about 10 nodes, beyond what was measured"),
        (0.001, "none up to 16 nodes"),
        (0.0, "none up to 16 nodes"),
    ],
)
def test_a_peak_far_beyond_the_measured_sizes_is_not_named(coherency: float, words: str) -> None:
    assert words in terms(law(100.0, 0.0, coherency, largest=8))["peak"]


def test_a_peak_that_may_not_be_there_is_called_unsure() -> None:
    sizes = [1, 2, 4, 8] * 2
    falling = [100, 170, 230, 200, 101, 168, 233, 198]
    shaky = [100, 170, 230, 200, 130, 140, 250, 290]
    assert terms(fit(sizes, falling))["peak"].endswith("at about 5 nodes")
    assert terms(fit(sizes, shaky))["peak"].endswith("not sure, as κ may be 0")


def test_a_contended_run_has_a_law_and_a_run_without_a_fit_has_none() -> None:
    assert dict(Page.of(contended()).law)["contention σ"] == "0.16 (0.14 to 0.18)"
    assert Page.of(void()).law == ()


def test_the_date_is_written_out() -> None:
    assert date("2026-03-04T09:26:53+00:00") == "4 March 2026, 09:26 UTC"
    assert date("2026-03-04T09:26:53") == "4 March 2026, 09:26"
