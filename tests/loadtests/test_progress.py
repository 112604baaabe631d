"""The displays of a scaling run, drawn to a text."""

import io
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from loadtests.design import PACED, ScalingPlan
from loadtests.measurement import Histogram, Measurement
from loadtests.point import Point
from loadtests.progress import Display, LiveDisplay, PlainDisplay, display, result_line
from loadtests.records import Record
from loadtests.repetition import Repetition
from tests.loadtests.simulated import measurement as simulated

PLAN = ScalingPlan(
    over="nodes",
    sizes=(1, 2),
    repetition=Repetition(rounds=2, precision=0.03, max_time=None),
    seed=20,
    suite=Path("front.py"),
    duration=10.0,
    warm_up=3.0,
    max_warm_up=30.0,
    users_per_slot=1.5,
    load_generators=1,
)
UNTIL_KNOWN = replace(PLAN, repetition=Repetition(None, precision=0.03, max_time=600.0))


def latencies(count: int) -> Histogram:
    histogram = Histogram()
    histogram.record(0.05, count)
    return histogram


def record(requests: int = 300, failures: int = 0) -> Record:
    return Record(
        time=0.0,
        seconds=1.0,
        users=12,
        requests=requests,
        failures=failures,
        redirects=0,
        latencies=latencies(requests),
        errors={"no": failures} if failures else {},
        exceptions={},
        cpu=0.1,
        busiest=0.1,
        processes=1,
        scheduled=0,
        dropped=0,
        lateness=0.0,
    )


def measurement(void: tuple[str, ...] = ()) -> Measurement:
    return Measurement(
        size=2,
        repeat=1,
        users=12,
        duration=10.0,
        requests=3120,
        failures=0,
        latencies=latencies(3120),
        served=3120,
        cpu={},
        slot_requests={},
        errors={},
        void=void,
    )


def text_console(terminal: bool) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, force_terminal=terminal, width=100, no_color=True), text


def drawn(shown: LiveDisplay) -> list[str]:
    """The lines of the display without their colours."""
    console, text = text_console(False)
    console.print(shown.render())
    return [line.rstrip() for line in text.getvalue().splitlines()]


def test_a_terminal_gets_the_live_display_and_a_pipe_plain_lines() -> None:
    assert isinstance(display(PLAN, text_console(True)[0]), LiveDisplay)
    assert isinstance(display(PLAN, text_console(False)[0]), PlainDisplay)


def test_plain_lines_tell_the_point_before_and_its_figures_after() -> None:
    console, text = text_console(False)
    with PlainDisplay(PLAN, console, clock=lambda: 0.0) as shown:
        shown.preparing(Point(2, 1))
        shown.step("node2 is ready")
        shown.second(record(), False)
        shown.done(measurement(void=("the machine was [very] busy",)))
    assert text.getvalue().splitlines() == [
        "[1/4] 2 nodes, round 1 of 2 … 1:08 left",
        "      312 req/s, p50 50.0 ms, p99 50.0 ms, 0 errors; void: the machine was [very] busy",
    ]


def test_the_time_left_follows_the_time_a_point_takes() -> None:
    now = 100.0
    shown = Display(PLAN, text_console(False)[0], clock=lambda: now)
    assert shown.time_left == "1:08 left"
    now += 20.0
    shown.done(measurement())
    assert shown.time_left == "1:00 left"
    now += 15.0
    assert shown.time_left == "0:45 left"
    now += 500.0
    assert shown.time_left == "0:40 left"
    for _ in range(3):
        shown.done(measurement())
    assert shown.time_left == "0:00 left"


def test_a_run_that_repeats_until_it_knows_shows_what_it_knows_and_the_most_time_left() -> None:
    now = 0.0
    console, text = text_console(False)
    shown = PlainDisplay(UNTIL_KNOWN, console, clock=lambda: now)
    for repeat, throughputs in enumerate([{1: 100, 2: 196}, {1: 100, 2: 192}], 1):
        for size, throughput in throughputs.items():
            shown.preparing(Point(size, repeat))
            now += 20.0
            shown.done(simulated(size, throughput, repeat=repeat))
    lines = text.getvalue().splitlines()
    assert lines[0] == "[1] 1 node, round 1 … at most 10:00 left"
    assert [line for line in lines if line.startswith("[")][-1] == (
        "[4] 2 nodes, round 2 … at most 9:00 left"
    )
    assert lines[-1] == "      efficiency at 2 nodes 97 % ± 13.6 %, until ± 3 %"
    assert sum("efficiency" in line for line in lines) == 1
    now += 1000.0
    assert shown.time_left == "at most 0:00 left"


def test_a_fixed_number_of_rounds_shows_what_it_knows_without_a_goal() -> None:
    shown = Display(PLAN, text_console(False)[0], clock=lambda: 0.0)
    assert shown.known == ""
    for repeat in (1, 2):
        for size in (1, 2):
            shown.done(simulated(size, 100 * size - repeat, repeat=repeat))
    assert shown.known.startswith("efficiency at 2 nodes ")
    assert "until" not in shown.known


def test_a_point_below_saturation_says_at_which_share() -> None:
    shown = Display(replace(PLAN, latency_at=0.7), text_console(False)[0])
    assert shown.total == 6
    shown.preparing(Point(2, PACED))
    assert shown.headline == "2 nodes, latency at 70 % of the throughput"


def test_the_live_display_of_an_open_number_of_rounds_shows_time() -> None:
    with LiveDisplay(UNTIL_KNOWN, text_console(True)[0], clock=lambda: 0.0) as shown:
        for repeat in (1, 2):
            for size in (1, 2):
                shown.preparing(Point(size, repeat))
                shown.done(simulated(size, 100 * size - repeat, repeat=repeat))
    *_, known, bar = drawn(shown)
    assert known.startswith("efficiency at 2 nodes ")
    assert bar.endswith("4 points at most 10:00 left")


def test_the_live_display_ticks() -> None:
    shown = LiveDisplay(PLAN, text_console(True)[0])
    shown.preparing(Point(1, 2))
    shown.step("node1 is ready")
    assert drawn(shown)[0] == "1 node, round 2 of 2  node1 is ready"
    assert drawn(shown)[1] == "no requests yet"
    shown.second(record(failures=3), False)
    assert drawn(shown)[0].endswith("warming up")
    shown.second(record(failures=4), True)
    headline, figures, points = drawn(shown)
    assert headline.endswith("measuring")
    assert figures.split("   ") == [
        "296 req/s",
        "p50 50.0 ms",
        "p99 50.0 ms",
        "12 users",
        "7 errors",
    ]
    assert "0 of 4 points" in points


def test_the_live_display_keeps_a_line_for_each_point() -> None:
    console, text = text_console(True)
    with LiveDisplay(PLAN, console) as shown:
        shown.preparing(Point(2, 1))
        shown.done(measurement())
        shown.done(measurement(void=("no request was answered",)))
    assert "✓ 2 nodes, round 1 of 2: 312 req/s" in text.getvalue()
    assert "! 2 nodes, round 1 of 2: 312 req/s" in text.getvalue()


def test_one_error_is_one_error() -> None:
    assert result_line(simulated(1, 100, failures=1)).endswith(", 1 error")
