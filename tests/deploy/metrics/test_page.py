"""The page of a deployment's metrics, from a status and counts."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.metrics.catalogue import FAMILIES, reference
from deploy.metrics.page import Tally, page
from deploy.metrics.traffic import Traffic
from deploy.status import BalancerStatus, DeploymentStatus, NodeStatus, SlotStatus, StoreStatus

if TYPE_CHECKING:
    from deploy.metrics.exposition import Family

DOCS = Path(__file__).parents[3] / "docs"
REFERENCE = DOCS / "reference" / "metrics.md"
HOW_TO = DOCS / "how-to" / "prometheus.md"


def node(name: str, *slots: SlotStatus) -> NodeStatus:
    return NodeStatus(name, "127.64.9.1", "in rotation", 1, 1.5, 0, "7", slots)


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
        node(
            "node1",
            SlotStatus("node1-1", "", "in rotation", in_flight=3, capacity=4),
            SlotStatus("node1-2", "", "out of rotation", capacity=4),
        ),
        node("node2", SlotStatus("node2-1", "", "in rotation", in_flight=1, capacity=4)),
    ),
    balancer=BalancerStatus(3, 1500, 4, 0.5, 6, 1350, 0.1, in_flight=12),
    store=StoreStatus("redis://h", 4, 0.25),
)


def samples(status: DeploymentStatus = STATUS, tally: Tally | None = None) -> dict[str, float]:
    text = page(status, Traffic(), tally or Tally(), {"node1": 2})
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_load_is_told_in_requests_and_as_a_share_of_what_can_be_served() -> None:
    found = samples()
    assert found["twofold_capacity_requests"] == 8
    assert found["twofold_in_flight_requests"] == 12
    assert found["twofold_saturation_ratio"] == 1.5
    assert found["twofold_queued_requests"] == 4
    assert found["twofold_slot_in_flight_requests node1 1"] == 3
    assert found["twofold_slot_capacity_requests node1 2"] == 4


def test_without_a_slot_in_rotation_there_is_no_saturation() -> None:
    found = samples(replace(STATUS, nodes=()))
    assert "twofold_saturation_ratio" not in found
    assert found["twofold_capacity_requests"] == 0


def test_parts_are_told_with_their_state_and_version() -> None:
    found = samples()
    assert found["twofold_deployment_info shop shop:app threads 7"] == 1
    assert found["twofold_node_info node2 7"] == 1
    assert found["twofold_slots in rotation"] == 2
    assert found["twofold_slots draining"] == 0
    assert found["twofold_balancer_up"] == 1
    assert found["twofold_cpu_seconds_total store"] == 0.25
    assert found["twofold_lost_log_lines_total node1"] == 2
    away = replace(STATUS, balancer=replace(STATUS.balancer, answers=False), under_way="roll")
    assert samples(away)["twofold_balancer_up"] == 0
    assert samples(away)["twofold_change_in_progress"] == 1


def test_a_store_of_the_users_own_has_no_cpu_time_here() -> None:
    own = replace(STATUS, store=StoreStatus("redis://h", None, 0.0))
    assert "twofold_cpu_seconds_total store" not in samples(own)


def test_what_happened_to_nodes_that_are_gone_stays() -> None:
    tally = Tally()
    tally.restarts["node9"] += 2
    tally.changes["roll", "failed"] += 1
    found = samples(tally=tally)
    assert found["twofold_restarts_total node9"] == 2
    assert found["twofold_restarts_total node1"] == 0
    assert found["twofold_changes_total roll failed"] == 1
    assert found["twofold_changes_total roll done"] == 0


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_names_follow_the_rules_of_prometheus(family: Family) -> None:
    """https://prometheus.io/docs/practices/naming/"""
    assert re.fullmatch(r"twofold_[a-z_]+", family.name)
    is_counter = family.type == "counter"
    assert family.name.endswith("_total") == is_counter
    assert not re.search(r"_(ms|milliseconds|kib|mib)\b", family.name)


def test_the_how_to_asks_for_metrics_that_there_are() -> None:
    asked = set(re.findall(r"twofold_\w+", HOW_TO.read_text(encoding="utf-8")))
    assert {name.removesuffix("_bucket") for name in asked} <= {family.name for family in FAMILIES}


def test_the_reference_lists_every_metric() -> None:
    """After a change: put what `reference()` returns into the page."""
    assert reference() in REFERENCE.read_text(encoding="utf-8")
