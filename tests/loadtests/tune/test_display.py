"""How a search is shown: while it runs, and its answer."""

import io

from rich.console import Console

from deploy.resources import Limit, Resources
from loadtests.tune.candidates import Workload
from loadtests.tune.display import LiveDisplay, PlainDisplay, display
from loadtests.tune.halving import Search
from loadtests.tune.outcome import conclude
from loadtests.tune.table import notes, outcome_table
from loadtests.tune.trial import Failure
from loadtests.tune.tuning import Tuning
from tests.loadtests.tune.searches import settings, trial


def text_console(terminal: bool) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, force_terminal=terminal, width=120, no_color=True), text


def test_a_terminal_gets_the_live_display_and_a_pipe_plain_lines() -> None:
    assert isinstance(display(60, text_console(True)[0]), LiveDisplay)
    assert isinstance(display(60, text_console(False)[0]), PlainDisplay)


def test_plain_lines_tell_rounds_results_and_repetitions() -> None:
    [candidate] = settings(1)
    console, text = text_console(False)
    with PlainDisplay(60, console) as shown:
        shown.found(Workload(0.1, 0.005), 12)
        shown.round(1, 12, 40)
        shown.preparing(str(candidate))
        shown.repeating("the machine was [very] busy")
        shown.done(trial(candidate, 1, 1234.5))
        shown.round(2, 1, 0)
        shown.done(Failure(candidate, "start", "it cannot"))
        shown.done(Failure(candidate, "void", "the machine was busy"))
    assert text.getvalue().splitlines() == [
        "One request alone takes 100 ms, of which it computes 5.00 ms: waiting-bound.",
        "12 settings will be compared.",
        "Round 1: 12 measurements, at most 40 more after it.",
        "  2 workers with 1 thread: void and measured again: the machine was [very] busy",
        "  2 workers with 1 thread: 1,234 req/s, p99 50.0 ms",
        "Round 2: 1 measurement, the last.",
        "  2 workers with 1 thread: out: it cannot",
        "  2 workers with 1 thread: void: the machine was busy",
    ]


def test_the_live_display_shows_what_is_measured_and_the_time_left() -> None:
    now = 0.0
    shown = LiveDisplay(300, text_console(True)[0], clock=lambda: now)
    shown.preparing("2 workers with 4 threads")
    shown.round(3, 4, 8)
    now = 60.0
    console, text = text_console(False)
    console.print(shown.render())
    lines = text.getvalue().splitlines()
    assert lines[0].strip() == "2 workers with 4 threads  preparing"
    assert "round 3" in lines[2]
    assert "4:00 left at most; Ctrl-C shows what is known" in lines[2]


def test_the_table_marks_the_recommended_and_the_present_setting() -> None:
    present, fast, broken, late = settings(4)
    search = Search([present, fast, broken, late])
    for round in (1, 2, 3):
        search.add(trial(present, round, 100 + round))
        search.add(trial(fast, round, 200 + round))
    search.add(Failure(broken, "errors", "9 of 10 requests failed"))
    resources = Resources(Limit(2, "test"), Limit(1, "test"))
    tuning = Tuning(conclude(search), search, None, resources, ("3 settings: no room",), False)
    console, text = text_console(False)
    console.print(outcome_table(tuning))
    lines = [" ".join(line.split()) for line in text.getvalue().splitlines()]
    assert lines[1].startswith("> threads 2 2 202 1.98 (1.9")
    assert lines[1].endswith("50.0 ms 100 MiB fastest")
    assert lines[2] == "threads 2 4 - - - - not measured"
    assert lines[3].startswith("threads 2 1 102 1.00 50.0 ms 100 MiB slower by 48.8 %")
    assert lines[3].endswith("(present)")
    assert lines[4] == "threads 2 3 - - - - errors"
    assert notes(tuning) == [
        "2 workers with 3 threads: errors: 9 of 10 requests failed",
        "Left out: 3 settings: no room.",
    ]
