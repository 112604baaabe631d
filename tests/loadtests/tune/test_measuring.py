"""What becomes of one measurement of a candidate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deploy.errors import StartError
from deploy.settings import load_deployment
from loadtests.errors import AppUnreachable
from loadtests.tune import measuring
from loadtests.tune.measuring import TRIES, Bench, Manner, judge
from loadtests.tune.trial import Failure, Trial
from tests.loadtests.simulated import measurement
from tests.loadtests.tune.searches import settings

if TYPE_CHECKING:
    from loadtests.measurement import Measurement

[CANDIDATE] = settings(1)
VOID = measurement(1, 100, void=("the machine was at its limit",))


class Told:
    """Remembers what a bench tells."""

    def __init__(self) -> None:
        self.repeated: list[str] = []
        self.results: list[Trial | Failure] = []

    def preparing(self, what: str) -> None: ...

    def step(self, message: str) -> None: ...

    def second(self, record: object, measured: bool) -> None: ...

    def repeating(self, reason: str) -> None:
        self.repeated.append(reason)

    def done(self, result: Trial | Failure) -> None:
        self.results.append(result)


class ScriptedBench(Bench):
    """A bench whose measurements are written down; everything else is the real one."""

    script: list[Measurement | Exception]
    users: list[int]

    def _measure(self, candidate: Any, point: Any, *, users: int) -> Any:
        self.users = [*getattr(self, "users", []), users]
        result = self.script.pop(0)
        if isinstance(result, Exception):
            raise result
        return result, 1000


@pytest.fixture
def bench(tmp_path: Path) -> ScriptedBench:
    deployment = load_deployment(tmp_path, {"app": "shop:app"}, environ={})
    manner = Manner(Path("front.py"), 3.0, 1.0, 10.0, users_per_slot=1.5, max_errors=0)
    return ScriptedBench(deployment, manner, Told())


def told(bench: Bench) -> Told:
    assert isinstance(bench.progress, Told)
    return bench.progress


def test_a_measurement_is_a_trial(bench: ScriptedBench) -> None:
    bench.script = [measurement(1, 120)]
    result = bench.trial(CANDIDATE, 3)
    assert isinstance(result, Trial)
    assert (result.round, result.throughput, result.memory) == (3, 120.0, 1000)
    assert bench.users == [3]
    assert told(bench).results == [result]


def test_a_void_measurement_is_made_again(bench: ScriptedBench) -> None:
    bench.script = [VOID, measurement(1, 120)]
    assert isinstance(bench.trial(CANDIDATE, 1), Trial)
    assert told(bench).repeated == ["the machine was at its limit"]


def test_a_void_measurement_is_not_made_again_for_ever(bench: ScriptedBench) -> None:
    bench.script = [VOID] * (TRIES + 1)
    result = bench.trial(CANDIDATE, 1)
    assert result == Failure(CANDIDATE, "void", "the machine was at its limit")
    assert len(bench.script) == 1


def test_failed_requests_are_a_problem_with_the_message_that_came_most() -> None:
    errors = {"GET /: HTTP 503": 9, "GET /: timed out": 2}
    result = judge(CANDIDATE, 1, measurement(1, 100, failures=11, errors=errors), None, 10)
    assert result == Failure(
        CANDIDATE, "errors", "11 of 1,000 requests failed, mostly 'GET /: HTTP 503'"
    )
    assert isinstance(judge(CANDIDATE, 1, measurement(1, 100, failures=10), None, 10), Trial)


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (StartError("node1 did not start:\n  no such module\nCheck it."), "start"),
        (AppUnreachable("every request failed"), "errors"),
    ],
)
def test_what_goes_wrong_is_told_in_a_line(
    bench: ScriptedBench, error: Exception, problem: str
) -> None:
    bench.script = [error]
    result = bench.trial(CANDIDATE, 1)
    assert isinstance(result, Failure)
    assert result.problem == problem
    assert "\n" not in result.reason
    assert "Check it" not in result.reason


def test_a_process_killed_for_want_of_memory_is_the_reason(
    bench: ScriptedBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of memory cannot be produced without harm to the machine the tests run on."""
    kills = iter([4, 5, 5, 6])
    monkeypatch.setattr(measuring, "out_of_memory_kills", lambda: next(kills))
    bench.script = [measurement(1, 100, void=("node1 lost a worker",)), measurement(1, 100)]
    result = bench.trial(CANDIDATE, 1)
    assert isinstance(result, Failure)
    assert result.problem == "memory"


def test_the_probe_tells_how_long_a_request_computes(bench: ScriptedBench) -> None:
    bench.script = [measurement(1, 20, cpu={"nodes": 0.04})]
    workload, memory = bench.probe(CANDIDATE)
    assert workload.latency == pytest.approx(0.05)
    assert workload.computing == pytest.approx(0.002)
    assert (memory, bench.users) == (1000, [1])
