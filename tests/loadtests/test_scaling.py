"""The course of a scaling run: which point comes next, under which load, and when it ends."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.deployment import Deployment
from deploy.profiles import profile
from loadtests.design import PACED, ScalingPlan
from loadtests.point import Point
from loadtests.repetition import Repetition
from loadtests.scaling import ScalingRun
from tests.loadtests.simulated import measurement

PLAN = ScalingPlan(
    over="nodes",
    sizes=(1, 2, 4),
    repetition=Repetition(rounds=2, precision=0.03, max_time=None),
    seed=20,
    suite=Path("front.py"),
    duration=10.0,
    warm_up=3.0,
    max_warm_up=30.0,
    users_per_slot=1.5,
    load_generators=2,
)


@pytest.fixture
def course(tmp_path: Path) -> Callable[..., tuple[ScalingRun, list[Point]]]:
    """Runs a plan through points of 20 s that never were, and gives the points it asked for."""

    def follow(plan: ScalingPlan, **changes: Any) -> tuple[ScalingRun, list[Point]]:
        now = 0.0
        deployment = Deployment(
            name="shop",
            app="shop:app",
            directory=tmp_path,
            nodes=3,
            workers=2,
            profile=profile("threads", threads=4),
        )
        run = ScalingRun(plan, deployment, progress=None, clock=lambda: now)  # type: ignore[arg-type]
        asked = []
        for point in run.points():
            asked.append(point)
            now += 20.0
            found = measurement(point.size, 100.0 * point.size, repeat=point.repeat, **changes)
            (run.paced if point.repeat == PACED else run.measurements).append(found)
        return run, asked

    return follow


def test_a_number_of_rounds_is_measured_in_the_order_of_the_plan(course) -> None:
    run, asked = course(PLAN)
    assert asked == [Point(size, repeat) for repeat in (1, 2) for size in PLAN.order(repeat)]
    assert run.ending.reason == "rounds"


def test_a_run_ends_with_the_first_round_that_tells_enough(course) -> None:
    run, asked = course(replace(PLAN, repetition=Repetition(None, 0.03, 600.0)))
    assert (len(asked), run.ending.reason) == (9, "precision")


def test_a_run_ends_before_a_point_that_would_come_too_late(course) -> None:
    run, asked = course(replace(PLAN, repetition=Repetition(5, 0.03, 95.0)))
    assert (len(asked), run.ending.reason) == (4, "time")


def test_void_points_are_made_up_for_by_further_rounds(course) -> None:
    until_known = replace(PLAN, repetition=Repetition(None, 0.03, 200.0))
    run, asked = course(until_known, void=("spoilt",))
    assert (len(asked), run.ending.reason) == (10, "time")


def test_latency_follows_the_rounds_at_a_share_of_each_size(course) -> None:
    run, asked = course(replace(PLAN, latency_at=0.5))
    assert asked[6:] == [Point(size, PACED) for size in PLAN.sizes]
    paced, closed = run.load(asked[-1], ["http://x"]), run.load(asked[0], ["http://x"])
    assert (paced.rate, paced.processes) == (200.0, 2)
    assert (closed.rate, closed.users) == (None, 12 * asked[0].size)


def test_time_is_kept_for_the_latency(course) -> None:
    limited = replace(PLAN, latency_at=0.5, repetition=Repetition(5, 0.03, 150.0))
    run, asked = course(limited)
    assert run.ending.reason == "time"
    assert len(asked) * 20.0 <= 150.0
    assert asked[-3:] == [Point(size, PACED) for size in PLAN.sizes]


def test_a_size_without_a_valid_point_has_no_latency_to_measure(course) -> None:
    _, asked = course(replace(PLAN, latency_at=0.5), void=("spoilt",))
    assert all(point.repeat != PACED for point in asked)


def test_a_run_that_breaks_off_says_after_how_many_points(course) -> None:
    run, _ = course(PLAN)
    run.break_off(KeyboardInterrupt())
    assert run.ending.sentence == "The run was interrupted after 6 points."
    run.break_off(ValueError("no such thing"))
    assert (run.ending.reason, run.ending.sentence) == (
        "failed",
        "The run failed after 6 points: no such thing",
    )
