from dataclasses import replace
from pathlib import Path

import pytest

from deploy.addresses import MAX_NODES
from deploy.deployment import Balancer, Deployment, WarmUp
from deploy.dry_run import RollPlan, changes, plan_roll
from deploy.errors import RolloutError
from deploy.profiles import profile

RUNNING = Deployment(
    name="shop",
    app="shop:app",
    directory=Path("/srv/1"),
    nodes=2,
    workers=1,
    profile=profile("threads"),
    env={"KEY": "hush", "GONE": "hush"},
)


def test_the_steps_are_those_of_a_roll() -> None:
    wanted = replace(
        RUNNING,
        version="2",
        workers=3,
        directory=Path("/srv/2"),
        warm_up=WarmUp(("/", "/items"), 5),
        balancer=Balancer(request_timeout=7),
    )
    plan = plan_roll(RUNNING, [1, 2], wanted, ["redis_url"])
    assert plan.steps[:7] == (
        "start node3: 3 workers of shop:app from /srv/2",
        "wait until each worker of node3 answers GET /readyz, at most 60 s",
        "warm node3 up: GET /, /items on each worker, 5 times",
        "let visitors in to node3, when the balancer finds it up",
        "drain node1, of version 1",
        "wait until node1 has nothing in flight, at most 30 s",
        "stop node1",
    )
    assert plan.steps[7].startswith("start node1: 3 workers")
    assert plan.steps[-2:] == (
        "stop node2",
        "let a second balancer take over, with the new settings",
    )
    assert RollPlan.from_json(plan.to_json()) == plan
    once = plan_roll(RUNNING, [1], replace(wanted, workers=1, warm_up=WarmUp(("/",), 1)), [])
    assert once.steps[0].startswith("start node2: 1 worker of shop:app")
    assert once.steps[2] == "warm node2 up: GET / on each worker, once"


def test_settings_that_change_are_told_and_secrets_are_not() -> None:
    wanted = replace(
        RUNNING,
        version="2",
        profile=profile("threads", threads=9),
        env={"KEY": "other", "NEW": "hush"},
        given={"threads": 9},
        origins={"threads": "command line"},
    )
    found = {change.setting: (change.before, change.after) for change in changes(RUNNING, wanted)}
    assert found == {
        "profile.concurrency": ("4", "9"),
        "profile.threads": ("4", "9"),
        "env.KEY": ("set", "another value"),
        "env.GONE": ("set", "not set"),
        "env.NEW": ("not set", "set"),
    }
    assert "hush" not in str(plan_roll(RUNNING, [1], wanted, []))


def test_a_roll_that_changes_nothing_has_no_changes_and_keeps_the_balancer() -> None:
    plan = plan_roll(RUNNING, [1], replace(RUNNING, version="2"), [])
    assert plan.changes == ()
    assert plan.steps[-1] == "stop node1"


def test_a_roll_without_room_for_one_node_more_is_refused() -> None:
    with pytest.raises(RolloutError, match="a roll needs one in addition"):
        plan_roll(RUNNING, range(1, MAX_NODES + 1), RUNNING, [])
