"""What the comparison of session stores prints, and that its races still run."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.sessions import tables
from benchmarks.sessions.__main__ import run_child
from benchmarks.sessions.goals import goal_rows
from benchmarks.sessions.peers import COOKIE, FLASK_SESSION, FRAMEWORKS, ON_A_SERVER, OURS, PEERS

OUTAGE: dict[str, Any] = {
    "longest session page": 0.26,
    "longest plain page": 0.002,
    "plain errors": 0,
    "refused": 2900,
    "a refusal, p95": 0.0002,
    "anonymous": 0,
    "recovery": 0.4,
    "logged in": 8,
}
RACES = {
    "keys kept": 50,
    "counts acknowledged": 1,
    "counts lost": 0,
    "alive after logout": False,
    "alive after logout, readers": False,
    "login cookie overwritten": 0,
}


def costs(untouched: float, read: float, write: float) -> dict[str, Any]:
    pages = {"untouched": (untouched, 0), "read": (read, 1), "write": (write, 2)}
    return {
        **{name: {"us": us, "commands": commands} for name, (us, commands) in pages.items()},
        "forged": {"commands": 0},
    }


def some_runs() -> tables.Runs:
    """Two rounds in which most went alike; Django lost its visitors in the second."""
    cost = {peer: [costs(60.0, 70.0, 140.0)] * 2 for peer in PEERS}
    cost[OURS] = [costs(3.0, 43.0, 83.0), costs(3.3, 53.0, 93.0)]
    outages = {peer: [{"stopped": OUTAGE, "killed": OUTAGE}] * 2 for peer in ON_A_SERVER}
    lost = {**OUTAGE, "recovery": None, "logged in": 0, "anonymous": 6000}
    outages["Django cache"] = [outages[OURS][0], {"stopped": OUTAGE, "killed": lost}]
    floor = {"bare socket and hiredis": 10.0, "our transport": 13.0}
    return {
        "cost": cost,
        "bare": {framework: [40.0, 40.0] for framework in FRAMEWORKS.values()}
        | {"twofold": [3.0, 3.3]},
        "floor": {"": [floor, {**floor, "our transport": 15.0}]},
        "threads": {peer: [{"per second": 1000.0, "errors": 0.0}] * 2 for peer in PEERS},
        "greenlets": {peer: [{"per second": 900.0, "errors": 0.25}] * 2 for peer in PEERS},
        "races": {peer: [RACES, RACES] for peer in PEERS},
        "counters": {"": [{"`incr`": {"acknowledged": 50, "lost": 0, "seconds": 0.1}}]},
        "outage": outages,
    }


def test_tables_show_the_best_round_of_costs_and_the_worst_of_damage() -> None:
    text = tables.report(some_runs())
    for line in (
        "| twofold | 3.0 ±5% | 3.0 ±5% | 43.0 ±10% | 83.0 ±6% |",
        "| twofold | 0.0 (0) | 40.0 (1) | 80.0 (2) |",
        "| against Flask cookie | 0.00 (0.00..0.00) | 1.33 (1.33..1.66) | 0.80 (0.80..0.90) |",
        "| our transport | 13.0 ±7% | 1.30 (1.30..1.50) |",
        "| twofold | 1000 ±0% | 900 ±0% | 25% |",
        "| twofold | 50 | 1 / 0 | no (no) | 0 of 10 |",
        "| `incr` | 50 | 0 | 100 ms |",
        "| killed: twofold | 260 ms, 2 ms | 0 | 2900 | 0 | 400 ms | 8 of 8 |",
        "| killed: Django cache | 260 ms, 2 ms | 0 | 2900 | 6000 | never | 0 of 8 |",
    ):
        assert line in text


def test_goals_are_judged_by_the_figures() -> None:
    verdicts = {name: (reached, verdict) for name, _, reached, verdict in goal_rows(some_runs())}
    commands = "commands: untouched / read / write / forged id"
    assert verdicts[commands] == ("0 / 1 / 2 / 0", "yes")
    assert verdicts[f"CPU of the session against {COOKIE}: read"] == ("1.33", "**no**")
    assert verdicts[f"CPU of the session against {FLASK_SESSION}: untouched"] == ("0.00", "yes")
    assert verdicts["a read over a bare socket"] == ("1.30", "yes")
    assert verdicts["recovery"] == ("400 ms", "yes")


@pytest.mark.integration
def test_fifty_requests_that_count_at_once_lose_nothing() -> None:
    found = run_child("counters", "")
    assert {(counter["acknowledged"], counter["lost"]) for counter in found.values()} == {(50, 0)}
    races = run_child("races", OURS)
    assert races == RACES
