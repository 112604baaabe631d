"""A whole search but for the measuring itself: the time, what is left out, the interrupt."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest

from deploy.resources import find_resources
from deploy.settings import load_deployment
from loadtests.tune import tuning
from loadtests.tune.candidates import Candidate, Workload
from loadtests.tune.measuring import Manner
from loadtests.tune.trial import Failure, Trial
from loadtests.tune.tuning import Clock, tune, with_room_for_the_generator
from tests.loadtests.tune.searches import MIB, latencies

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.deployment import Deployment

pytestmark = pytest.mark.integration

APP = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "0")])
    return [b""]
"""
BLOCKING = "import psycopg2\n"
CHEAP = 0.5
"""Seconds of the simulated clock that a measurement takes."""


class Silent:
    """Nobody who is told."""

    def preparing(self, what: str) -> None: ...
    def step(self, message: str) -> None: ...
    def second(self, record: object, measured: bool) -> None: ...
    def repeating(self, reason: str) -> None: ...
    def done(self, result: object) -> None: ...
    def found(self, workload: Workload, candidates: int) -> None: ...
    def round(self, number: int, size: int, left: int) -> None: ...


class WaitingBench:
    """Throughput as of an app that waits 100 ms: so many requests as there are slots, ten times."""

    now = 0.0
    trials = 0
    interrupt_after = math.inf

    def __init__(self, deployment: Deployment, manner: Manner, progress: object) -> None:
        self.node_memory = 40 * MIB

    def probe(self, candidate: Candidate) -> tuple[Workload, int]:
        type(self).now += CHEAP
        return Workload(latency=0.1, computing=0.01), self.node_memory

    def trial(self, candidate: Candidate, round: int) -> Trial | Failure:
        cls = type(self)
        cls.now += CHEAP
        cls.trials += 1
        if cls.trials > cls.interrupt_after:
            raise KeyboardInterrupt
        wobble = 1 + 0.001 * ((candidate.slots * 7 + round * 3) % 5)
        throughput = 10.0 * candidate.slots * wobble
        return Trial(candidate, round, throughput, latencies(0.1), 30 * MIB * candidate.workers)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> type[WaitingBench]:
    class Fresh(WaitingBench):
        pass

    monkeypatch.setattr(tuning, "Bench", Fresh)
    monkeypatch.setattr(tuning, "Clock", lambda seconds: Clock(seconds, lambda: Fresh.now))
    return Fresh


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return deployed(tmp_path, APP)


def deployed(folder: Path, code: str) -> Deployment:
    (folder / "tiny.py").write_text(code)
    return load_deployment(folder, {"app": "tiny:app", "workers": 1, "threads": 2}, environ={})


def search(deployment: Deployment, seconds: float = 600.0):
    manner = Manner(deployment.directory, 3.0, 1.0, 10.0, users_per_slot=1.0, max_errors=0)
    return tune(deployment, manner, max_time=seconds, max_p99=0.2, progress=Silent())


@pytest.mark.usefixtures("bench")
def test_traffic_that_waits_gets_the_setting_that_serves_most_at_once(
    deployment: Deployment,
) -> None:
    found = search(deployment)
    assert found.outcome.recommended
    assert found.outcome.recommended.slots == max(each.slots for each in found.search.candidates)
    assert found.search.present == Candidate("threads", 1, 2)
    assert found.workload == Workload(0.1, 0.01)
    assert not found.interrupted
    written = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert written["kind"] in ("win", "tie")
    assert len(written["trials"]) == len(found.search.trials)


def test_a_search_keeps_to_its_time(bench: type[WaitingBench], deployment: Deployment) -> None:
    found = search(deployment, seconds=12.0)
    assert bench.now <= 12.0
    assert found.search.trials
    assert any("no time for more than" in each for each in found.left_out)


def test_workers_that_the_memory_has_no_room_for_are_left_out(
    bench: type[WaitingBench], deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def heavy(self: WaitingBench, candidate: Candidate) -> tuple[Workload, int]:
        type(self).now += CHEAP
        return Workload(latency=0.1, computing=0.01), 2**60

    monkeypatch.setattr(bench, "probe", heavy)
    found = search(deployment)
    assert found.search.candidates == [found.search.present]
    assert "have room for 0 workers" in found.left_out[0]


def test_an_interrupt_shows_what_is_known_so_far(
    bench: type[WaitingBench], deployment: Deployment
) -> None:
    bench.interrupt_after = 30
    found = search(deployment)
    assert found.interrupted
    assert len(found.search.trials) == 30
    assert found.outcome.recommended


def test_an_interrupt_of_the_probe_leaves_nothing_to_recommend(
    bench: type[WaitingBench], deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "probe", interrupted)
    found = search(deployment)
    assert (found.interrupted, found.workload, found.outcome.kind) == (True, None, "none")


@pytest.mark.usefixtures("bench")
def test_greenlets_that_a_driver_would_block_are_not_tried(tmp_path: Path) -> None:
    found = search(deployed(tmp_path, BLOCKING + APP))
    assert not any(each.profile == "greenlets" for each in found.search.candidates)
    [reason] = [each for each in found.left_out if "greenlets" in each]
    assert "psycopg2" in reason
    assert "psycopg 3" in reason


@pytest.mark.usefixtures("bench")
def test_an_app_that_gevent_cannot_import_is_tried_without_greenlets(tmp_path: Path) -> None:
    code = "import sys\nassert 'gevent.monkey' not in sys.modules, 'no gevent here'\n"
    found = search(deployed(tmp_path, code + APP))
    assert not any(each.profile == "greenlets" for each in found.search.candidates)
    assert any("no gevent here" in each for each in found.left_out)


def test_the_clock_goes_by_what_a_measurement_took() -> None:
    now = 100.0
    clock = Clock(100.0, lambda: now)
    assert clock.measurements_left() == 0
    now += 40  # importing the app and other things that are done once
    with clock.measuring():
        now += 10
    assert clock.measurements_left() == 5
    with clock.measuring():
        now += 30
    assert clock.measurements_left() == 1
    now += 100
    assert clock.measurements_left() == 0


def test_the_load_generator_keeps_a_processor(deployment: Deployment) -> None:
    available = find_resources().cpus.amount
    limited = with_room_for_the_generator(deployment)
    assert limited.cpus == (available - 1 if available >= 2 else None)
    own = load_deployment(deployment.directory, {"app": "tiny:app", "cpus": 0.5}, environ={})
    assert with_room_for_the_generator(own).cpus == 0.5
