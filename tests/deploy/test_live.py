from dataclasses import replace

import pytest
from rich.console import Console

from deploy import live
from deploy.status import (
    BalancerStatus,
    CpuBudget,
    DeploymentStatus,
    NodeStatus,
    SlotStatus,
    StoreStatus,
)

STATUS = DeploymentStatus(
    name="shop",
    url="http://127.0.0.1:8000",
    app="shop:app",
    directory="/srv/shop",
    profile="threads",
    version="7",
    under_way=None,
    time=100.0,
    nodes=(
        NodeStatus(
            name="node1",
            address="127.64.9.1",
            state="in rotation",
            pid=1,
            cpu_seconds=1.0,
            restarts=2,
            version="7",
            slots=(
                SlotStatus(
                    "node1-1", "127.64.109.101:8001", "in rotation", 3, 1, 1234567, 9, 3210, 0.0416
                ),
                SlotStatus("node1-2", "127.64.109.101:8002", "out of rotation"),
            ),
        ),
        NodeStatus(
            "node2", "127.64.9.2", "draining", 2, 1.0, 0, "7",
            (SlotStatus("node2-1", "127.64.9.2:8001", "in rotation"),),
        ),
    ),
    balancer=BalancerStatus(
        pid=3, requests=1500, queue=4, cpu_seconds=0.5, responses_5xx=6, throughput=1350,
        latency=0.1234,
    ),
    store=StoreStatus("redis://h", 4, 0.1),
)  # fmt: skip


def lines(status: DeploymentStatus) -> list[str]:
    console = Console(width=80, no_color=True)
    with console.capture() as capture:
        console.print(live._view(status))
    return capture.get().splitlines()


def test_every_slot_has_a_line_that_fits_a_narrow_terminal() -> None:
    shown = lines(STATUS)
    assert shown[:3] == [
        "shop  http://127.0.0.1:8000",
        "shop:app, threads, version 7",
        "1,500 requests · 1,350 req/s · 123 ms · 4 waiting · 6 answers 5xx",
    ]
    one = replace(STATUS.balancer, requests=1, responses_5xx=1)
    assert lines(replace(STATUS, balancer=one))[2].startswith("1 request · ")
    assert lines(replace(STATUS, balancer=one))[2].endswith(" · 1 answer 5xx")
    [first] = [line for line in shown if line.startswith("node1-1")]
    assert first.split() == [
        "node1-1", "127.64.109.101:8001", "in", "rotation", "3", "1", "1,234,567", "3,210", "42",
        "9",
    ]  # fmt: skip
    assert any("node1-2" in line and "out of rotation" in line for line in shown)


def test_a_node_that_is_leaving_says_so_for_its_slots() -> None:
    assert any("node2-1" in line and "draining" in line for line in lines(STATUS))


def test_cpu_budgets_are_told_with_how_long_they_held_a_node_back() -> None:
    held, free = STATUS.nodes
    budgets = (CpuBudget(0.5, "cgroup v2 quota", 12.34), CpuBudget(None, "none: no CPU is free"))
    nodes = tuple(replace(n, budget=b) for n, b in zip((held, free), budgets, strict=True))
    shown = lines(replace(STATUS, nodes=nodes))
    assert "CPU budget of node1: 0.5 by cgroup v2 quota, held back for 12.3 s so far" in shown
    assert "CPU budget of node2: none: no CPU is free" in shown
    assert not any("CPU budget" in line for line in lines(STATUS))


def test_restarts_are_told() -> None:
    assert "node1 died and was started again 2 times" in lines(STATUS)


def test_a_roll_under_way_shows_which_slot_has_which_version() -> None:
    new, old = STATUS.nodes
    rolling = replace(STATUS, under_way="roll", nodes=(replace(new, version="8"), old))
    shown = lines(rolling)
    assert shown[1] == "shop:app, threads, version 7  roll under way"
    assert [line.split()[:2] for line in shown if line.startswith("node")][:3] == [
        ["node1-1", "8"],
        ["node1-2", "8"],
        ["node2-1", "7"],
    ]


def test_nodes_of_several_hosts_say_which_host_has_which_version() -> None:
    assert "host" not in lines(STATUS)[3].split()
    new, old = STATUS.nodes
    nodes = (replace(new, version="8", host="host3"), replace(old, host="host1"))
    shown = lines(replace(STATUS, nodes=nodes))
    assert [line.split()[:3] for line in shown if line.startswith("node")][::2] == [
        ["node1-1", "host3", "8"],
        ["node2-1", "host1", "7"],
    ]


def test_progress_is_plain_lines_when_not_on_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with live.progress() as report:
        report("a [step] " + 50 * "long ")
    assert capsys.readouterr().err == "a [step] " + 50 * "long " + "\n"
