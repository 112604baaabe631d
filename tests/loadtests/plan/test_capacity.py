"""How many nodes a demand takes, and which connections they hold: properties over many laws."""

import random

import pytest

from loadtests.plan.capacity import Demand, fewest_nodes
from tests.loadtests.simulated import law

LARGEST = 16


def laws(count: int) -> list:
    """Linear ones, contended ones, and ones with a peak."""
    dice = random.Random(7)
    return [
        law(dice.uniform(50, 500), dice.choice([0, 0.02, 0.3]), dice.choice([0, 0.001, 0.03]))
        for _ in range(count)
    ]


@pytest.mark.parametrize("spare", [0, 1, 2])
def test_more_requests_never_take_fewer_nodes(spare: int) -> None:
    for curve in laws(40):
        nodes = [
            fewest_nodes(Demand(rps, None, spare), curve.throughput, LARGEST) or LARGEST + 1
            for rps in range(10, 4000, 45)
        ]
        assert nodes == sorted(nodes)


@pytest.mark.parametrize("rps", [40.0, 300.0, 900.0])
def test_more_spare_nodes_never_take_fewer_nodes(rps: float) -> None:
    for curve in laws(40):
        nodes = [
            fewest_nodes(Demand(rps, None, spare), curve.throughput, LARGEST) or LARGEST + 10
            for spare in range(5)
        ]
        assert nodes == sorted(nodes)


def test_what_is_left_carries_the_demand_however_many_spare_nodes_are_away() -> None:
    for curve in laws(40):
        for rps in (60, 250, 700):
            nodes = fewest_nodes(Demand(rps, None, 2), curve.throughput, LARGEST)
            if nodes is not None:
                assert all(curve.throughput(nodes - away) >= rps for away in range(3))


def test_no_node_more_than_needed() -> None:
    assert fewest_nodes(Demand(1000), lambda size: 100.0 * size, LARGEST) == 10
    assert fewest_nodes(Demand(1000, None, 1), lambda size: 100.0 * size, LARGEST) == 11
    assert fewest_nodes(Demand(1001), lambda size: 100.0 * size, LARGEST) == 11


def test_more_than_what_is_known_is_no_plan() -> None:
    assert fewest_nodes(Demand(1601), lambda size: 100.0 * size, LARGEST) is None
    assert fewest_nodes(Demand(1600, None, 1), lambda size: 100.0 * size, LARGEST) is None


def test_spare_nodes_behind_a_peak_are_refused_though_fewer_would_do() -> None:
    served = {1: 100.0, 2: 150.0, 3: 120.0}
    assert fewest_nodes(Demand(140), lambda size: served[size], 3) == 2
    assert fewest_nodes(Demand(140, None, 1), lambda size: served[size], 3) is None
