"""What the comparison with other frameworks computes and prints, and that it still runs."""

from __future__ import annotations

import shutil

import pytest

from benchmarks.core import instructions, tables
from benchmarks.core.figures import Figures
from benchmarks.core.measure import make_runner
from benchmarks.core.scenarios import SCENARIOS
from benchmarks.core.starts import Start


def some_figures() -> Figures:
    return Figures(
        frameworks=["twofold", "falcon", "flask"],
        scenarios=["hello", "session"],
        loop=0.2,
        times={
            ("twofold", "hello"): [2.0, 2.2],
            ("falcon", "hello"): [3.0, 3.0],
            ("flask", "hello"): [60.0, 39.0],
            ("twofold", "session"): [10.0, 10.0],
            ("flask", "session"): [95.0, 100.0],
        },
        counts={("twofold", "hello"): (16_000, 16_160)},
        starts={
            "twofold": Start([0.08, 0.09, 0.1], [0.1, 0.1, 0.1], [27, 27, 28], 5e8),
            "flask": Start([0.1, 0.1, 0.2], [0.2, 0.2, 0.2], [30, 30, 31], 6e8),
        },
        growth={"before": [30.0, 1000], "after": [30.3, 1004]},
    )


def test_report_shows_what_was_measured_and_a_dash_for_what_was_not() -> None:
    text = tables.report(some_figures(), "On some machine.")
    for line in (
        "On some machine.",
        "The loop around every request takes 0.20 µs of each.",
        "| hello | 2.00 ±5% | 3.00 ±0% | 39.00 ±21% |",
        "| session | 10.00 ±0% | - | 95.00 ±3% |",
        "| hello | 1.50 (1.36..1.50) | 19.50 (17.73..30.00) |",
        "| hello | 16.1 | - | - |",
        "two counts differ by 1.00% at most.",
        "| million instructions | 500 | 600 |",
        "| ms of processor time, median | 90 | 100 |",
        "| MB then, median | 27.0 | 30.0 |",
        "has 30.0 MB, after 100,000 more 30.3 MB; +4 of 1,000 objects that live.",
    ):
        assert line in text


def test_goals_are_judged_by_the_figures_and_left_out_without_them() -> None:
    text = tables.goals(some_figures())
    for line in (
        "| slowest scenario but the form: at most 1x Falcon | 0.67x | yes |",
        "| hello: at least 20x Flask | 19.50x | **no** |",
        "| session: at least 9x Flask | 9.50x | yes |",
        "| start: at most 0.7x Flask's time | 0.90x | **no** |",
        "| start: at most 0.9x Flask's memory | 0.90x | yes |",
        "| memory: at most 1.01x after 100,000 mixed requests | 1.01x | yes |",
    ):
        assert line in text
    assert "1,000 routes" not in text
    assert tables.goals(Figures([], [])).count("\n") == 1


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("framework", ["bare", "twofold", "flask"])
def test_every_scenario_is_answered_right(framework: str, scenario: str) -> None:
    run = make_runner(framework, scenario)
    if run is None:
        assert framework == "bare"
        assert scenario in {"three hooks", "response"}
    else:
        assert run(3) >= 0


MARKED = """
import os
def work(count):
    for n in range(count): pass
work(1000)
for count in (10_000, 10_000, 100_000):
    os.getloadavg()
    work(count)
os.getloadavg()
"""


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
@pytest.mark.timeout(600)
def test_instructions_are_counted_between_marks() -> None:
    start, first, second, long, _end = instructions.count(["-c", MARKED])
    assert first == pytest.approx(second, rel=0.05)
    assert long == pytest.approx(10 * first, rel=0.2)
    assert start > first
