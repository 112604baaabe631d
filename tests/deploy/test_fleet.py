"""Numbers of nodes; what happens to nodes under load is in test_rollout and test_failures."""

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.addresses import Block
from deploy.balancer import BalancerClient
from deploy.cpu_budget import CpuBudgets
from deploy.deployment import Deployment
from deploy.logs.files import LogFile
from deploy.rundir import RunDirectory
from deploy.supervisor.fleet import Fleet
from deploy.supervisor.parts import Part, RunningNode


@pytest.fixture
def fleet_of(deployment: Callable[..., Deployment]) -> Callable[..., Fleet]:
    def make(*numbers: int) -> Fleet:
        """A fleet whose nodes have these numbers and no processes."""
        fleet = Fleet(
            deployment(),
            Block("127.99.9"),
            RunDirectory("site_app"),
            BalancerClient(Path("nowhere")),
            listeners=[0],
            environment=lambda version: {},
            reload_balancer=lambda balancer: None,
            budgets=CpuBudgets("site_app"),
            log=log,
            pause=lambda seconds: None,
            hurry=lambda: False,
        )
        fleet._nodes = [
            RunningNode(Block("127.99.9").node(number, deployment()), deployment(), no_process())
            for number in numbers
        ]
        return fleet

    return make


def no_process() -> Part:
    return Part("node", [], log("node"))


def log(name: str) -> LogFile:
    return LogFile(Path("nowhere"), file_size=1, files=1)


def test_nodes_are_in_the_order_of_their_numbers(fleet_of: Callable[..., Fleet]) -> None:
    assert [running.name for running in fleet_of(3, 1).running] == ["node1", "node3"]
