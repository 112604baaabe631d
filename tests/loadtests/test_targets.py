"""Runs on other targets than this machine's: what is asked of them, and what they do not tell."""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import pytest
from click.testing import CliRunner

from deploy.container_settings import Containers
from deploy.deployment import TLS, Balancer, Deployment
from deploy.observability import Metrics
from deploy.profiles import profile
from deploy.status import BalancerStatus, CpuBudget, DeploymentStatus, NodeStatus, SlotStatus
from loadtests import place
from loadtests.bottleneck import find_bottleneck
from loadtests.cli import verify
from loadtests.conditions import cpu_budget, describe, not_known, resource_under_test
from loadtests.design import ScalingPlan
from loadtests.locust_run import Load, LocustRun
from loadtests.memory import nodes_memory
from loadtests.page import NOTHING, resource_row
from loadtests.place import Place, apart, brought_up
from loadtests.plan.capacity import Demand
from loadtests.plan.planning import make_plan
from loadtests.plan.text import cpu as planned_cpu
from loadtests.point import Point
from loadtests.reading import Reading, cpu_rates, service_figures
from loadtests.repetition import Repetition
from loadtests.scaling import ScalingRun
from loadtests.summary import summarize_sizes
from loadtests.tune.cli import tune
from loadtests.validity import void_reasons
from tests.loadtests.locustfiles import write_suite
from tests.loadtests.plan.runs import run
from tests.loadtests.simulated import law, measurement

if TYPE_CHECKING:
    from collections import Counter
    from types import TracebackType

PACKAGE = Path(__file__).parents[2] / "loadtests"

PLAN = ScalingPlan(
    over="nodes",
    sizes=(1, 2),
    repetition=Repetition(rounds=1, precision=0.03, max_time=None),
    seed=1,
    suite=Path("front.py"),
    duration=10.0,
    warm_up=3.0,
    max_warm_up=30.0,
    users_per_slot=1.5,
    load_generators=1,
)


def deployment(target: str = "compose", **changes: Any) -> Deployment:
    return Deployment(
        name="shop",
        app="shop:app",
        directory=Path("/srv/shop"),
        nodes=2,
        workers=2,
        profile=profile("threads", threads=4),
        target=target,
        **changes,
    )


def status(
    requests: int = 0, *, seconds: float = 0.0, memory: int | None = None, **node: Any
) -> DeploymentStatus:
    """Of two nodes on a target that does not tell process ids; `seconds` of CPU are each part's."""
    nodes = tuple(
        NodeStatus(
            name=f"node{number}",
            address="10.0.1.2",
            state="in rotation",
            pid=None,
            cpu_seconds=seconds,
            restarts=0,
            version="1",
            slots=(
                SlotStatus(
                    f"node{number}-1", "10.0.1.2:8001", "in rotation", 4, 0, requests // 2,
                    capacity=4,
                ),
            ),
            memory=memory,
            **node,
        )
        for number in (1, 2)
    )  # fmt: skip
    balancer = BalancerStatus(None, requests, 0, seconds, 0, 0, 0.0, in_flight=8)
    return DeploymentStatus(
        *("shop", "http://127.0.0.1:1", "shop:app", "/srv", "threads", "1", None, time.time()),
        nodes=nodes,
        balancer=balancer,
        store=None,
    )


def readings(*, seconds: float = 0.0, **node: Any) -> list[Reading]:
    """Ten seconds apart, in which each part used twice `seconds`."""
    return [
        Reading(0.0, None, status(0, seconds=seconds, **node)),
        Reading(10.0, None, status(1000, seconds=3 * seconds, **node)),
    ]


# What is asked of a target.


def test_loadtests_know_one_target_by_name_only_where_it_is_the_only_one() -> None:
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if re.search(r"LocalTarget|ComposeTarget|SwarmTarget", path.read_text())
    }
    assert users == {"tune/measuring.py"}


def test_a_deployment_to_measure_is_in_nobodys_way() -> None:
    shown = deployment(
        balancer=Balancer("0.0.0.0:443", tls=TLS("/c.pem"), redirect_bind="0.0.0.0:80"),
        metrics=Metrics("127.0.0.1:9404"),
    )
    for target in ("local", "compose", "swarm"):
        found = apart(replace(shown, target=target))
        assert found.balancer.tls is None
        assert found.balancer.redirect_bind is None
        assert found.metrics.bind is None
        host, port = found.balancer.address
        if target == "swarm":
            assert host == "0.0.0.0"
            assert port > 1023
        else:
            assert (host, port) == ("127.0.0.1", 0)


def test_the_image_of_what_runs_is_left_alone() -> None:
    assert apart(deployment()).containers.image == "shop-verify"
    pulled = deployment("swarm", containers=Containers(image="registry.example.com/shop"))
    assert apart(pulled).containers == pulled.containers


class FakeTarget:
    """Remembers how it was used."""

    used: ClassVar[list[object]]

    @classmethod
    def up(cls, deployment: Deployment, *, owned: bool, report: object) -> Self:
        cls.used.append(("up", deployment.name, owned))
        return cls()

    def down(self, report: object = None, *, volumes: bool = False) -> None:
        self.used.append(("down", volumes))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.used.append("left")


@pytest.mark.parametrize(
    ("target", "end"), [("local", ["left"]), ("compose", [("down", True), "left"])]
)
def test_nothing_that_a_deployment_kept_is_left_however_the_run_ends(
    target: str, end: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "load_target", lambda name: {target: FakeTarget}[name])
    used: list[object] = []
    monkeypatch.setattr(FakeTarget, "used", used, raising=False)
    with contextlib.suppress(KeyboardInterrupt), brought_up(deployment(target), print):
        raise KeyboardInterrupt
    assert used == [("up", "shop", True), *end]


@pytest.mark.parametrize(
    ("generators", "entrances", "processes"), [(1, 1, 1), (3, 1, 3), (1, 3, 3), (4, 3, 6)]
)
def test_each_balancer_gets_the_same_share_of_the_traffic(
    generators: int, entrances: int, processes: int
) -> None:
    plan = replace(PLAN, load_generators=generators)
    urls = [f"http://10.0.0.{number}" for number in range(entrances)]
    load = ScalingRun(plan, deployment("swarm"), progress=None).load(Point(2, 1), urls)  # type: ignore[arg-type]
    assert (load.processes, load.url, load.urls) == (processes, urls[0], tuple(urls))


@pytest.mark.integration
def test_locust_comes_in_by_every_entrance(url: str, suite: Path, seen: Counter[str]) -> None:
    write_suite(suite, "self.client.get('/x')")
    load = Load(suite, url, 4, 60, processes=2, urls=(f"{url}/one", f"{url}/two"))
    with LocustRun(load) as locust:
        for _ in locust:
            if seen["/one/x"] and seen["/two/x"]:
                break
    assert set(seen) == {"/one/x", "/two/x"}


@pytest.mark.parametrize("command", [verify, tune])
def test_an_unknown_target_is_refused_with_those_there_are(command: Any, tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["a:b", "-C", str(tmp_path), "--target", "kubernetes"])
    assert result.exit_code == 2
    assert "kubernetes" in result.stderr
    assert "local" in result.stderr or "on this machine" in result.stderr


def test_tune_says_where_it_measures(tmp_path: Path) -> None:
    result = CliRunner().invoke(tune, ["a:b", "-C", str(tmp_path), "--target", "compose"])
    assert result.exit_code == 2
    assert "tune measures the workers of one node on this machine" in result.stderr
    assert "twofold verify --target compose" in result.stderr


# What a target tells, and what it does not.


class SlowTarget:
    """Takes its time for a status, and reads the clock at its end or has another one."""

    url = "http://127.0.0.1:1"

    def __init__(self, *, own_clock: bool) -> None:
        self.own_clock = own_clock

    def status(self) -> DeploymentStatus:
        time.sleep(0.3)
        return replace(status(), time=time.time() if self.own_clock else 0.0)


def test_a_target_may_say_when_it_read_its_counters() -> None:
    before = time.monotonic()
    assert Reading.take(SlowTarget(own_clock=True)).time - before >= 0.25


def test_another_clock_is_read_as_the_middle() -> None:
    before = time.monotonic()
    found = Reading.take(SlowTarget(own_clock=False)).time
    assert before + 0.05 < found < time.monotonic() - 0.05


def test_what_computes_without_being_counted_is_not_taken_for_idle() -> None:
    silent = readings()
    assert cpu_rates(silent) == {}
    assert service_figures(silent)["node_cpu"] == {}
    assert cpu_rates(readings(seconds=2.0)) == {"nodes": 0.8, "balancer": 0.4}
    assert service_figures(readings(seconds=2.0))["node_cpu"] == {"node1": 0.4, "node2": 0.4}


def test_memory_is_as_the_target_says() -> None:
    assert nodes_memory(status(memory=100)) == 200
    assert nodes_memory(status()) is None


def test_a_budget_is_told_whoever_holds_the_nodes_to_it() -> None:
    held = CpuBudget(0.5, "the engine's quota", 0.0)
    figures = service_figures(readings(seconds=2.0, budget=held))
    assert figures["node_budget"] == {"node1": 0.5, "node2": 0.5}
    point = measurement(2, budget_by=figures["budget_by"], node_budget=figures["node_budget"])
    assert void_reasons(point) == ()
    assert cpu_budget(deployment(cpus=0.5), [point]) == "0.5 CPUs a node, by the engine's quota"
    assert cpu_budget(deployment(), [point]) == "0.5 CPUs a node, by the engine's quota"


def test_equal_budgets_need_no_figures_of_what_was_used() -> None:
    held: dict[str, Any] = {"budget_by": "each engine's quota", "node_cpu": {}}
    equal = measurement(2, **held, node_budget={"node1": 1.0, "node2": 1.0})
    assert void_reasons(equal) == ()
    [reason] = void_reasons(measurement(2, **held, node_budget={"node1": 1.0}))
    assert "not held to equal CPU budgets" in reason


def test_nothing_is_concluded_from_cpu_that_nobody_counted() -> None:
    silent: dict[str, Any] = {"cpu": {"generator": 0.1}, "node_cpu": {}}
    points = [measurement(size, 100.0 * size, **silent) for size in (1, 2)]
    assert resource_under_test(points) == "unknown"
    found = find_bottleneck(points)
    assert found.name == "unknown"
    assert "Whether the nodes computed or waited, the target does not tell." in found.evidence


def test_hosts_of_their_own_are_not_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtests.conditions.cores", lambda: 1)
    points = [measurement(2, cpu={"nodes": 1.2})]
    assert resource_under_test(points) == "CPU-bound"
    assert resource_under_test(points, hosts=2) == "waiting-bound"


def test_the_report_says_what_could_not_be_known() -> None:
    silent = [measurement(2, cpu={"generator": 0.1}, node_cpu={}, memory=None)]
    assert ", ".join(not_known(silent)) == (
        "CPU of the nodes, CPU of the balancer, CPU of the store, memory of the nodes, "
        "workers that died in a node that went on"
    )
    row = dict(resource_row(summarize_sizes(silent)[0], "nodes").cells)
    assert row["Nodes CPU"] == row["Balancer CPU"] == NOTHING


def test_the_report_says_where_the_nodes_were() -> None:
    seen = Place("swarm")
    for host in ("host3", "host2"):
        seen = seen.seen(status(host=host, image="sha256:" + "ab" * 32))
    points = [measurement(2, memory=7)]
    rows = describe(PLAN, deployment("swarm"), points, seen)
    assert rows["target"].startswith("swarm: ")
    assert rows["hosts of the nodes"] == "host2, host3"
    assert rows["image"] == "abababababab"
    assert rows["not known"] == "workers that died in a node that went on"
    # This machine's Python and gunicorn are not those in the containers.
    assert {"python", "gunicorn", "machine"}.isdisjoint(rows)
    assert "machine of the load generator" in rows
    assert "python" in describe(PLAN, deployment("local", redis_url="redis://x"), points)


def test_a_plan_leaves_out_what_its_run_could_not_measure() -> None:
    known = run(law(100.0))
    points = [replace(point, cpu={}) for point in known.measurements]
    plan = make_plan(replace(known, measurements=tuple(points)), Demand(rps=200))
    assert (plan.node_cpus, plan.balancer_cpus, plan.store_cpus) == (None, None, None)
    assert planned_cpu(plan) == "left out, since the run could not measure it"
    assert planned_cpu(replace(plan, node_cpus=0.5)) == "0.50 cores a node"
    assert plan.warnings == []
