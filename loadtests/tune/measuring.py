"""Measuring candidates: bring one up, put it under load, and say what came of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from deploy.errors import DeployError, StartError
from deploy.targets.local import LocalTarget
from loadtests.errors import AppUnreachable
from loadtests.locust_run import PATIENCE, Load
from loadtests.memory import nodes_memory, out_of_memory_kills
from loadtests.point import Point, measure
from loadtests.tune.candidates import Workload
from loadtests.tune.trial import Failure, Trial

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.deployment import Deployment
    from loadtests.measurement import Measurement
    from loadtests.records import Record
    from loadtests.tune.candidates import Candidate

TRIES = 2
"""How often a candidate is measured in a round until a measurement is not void."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How every candidate is measured. Times are in seconds."""

    suite: Path
    duration: float
    warm_up: float
    max_warm_up: float
    users_per_slot: float
    max_errors: int
    load_generators: int = 1


class Progress(Protocol):
    """Who is told how a search goes."""

    def preparing(self, what: str) -> None:
        """Something is being brought up to be measured."""

    def step(self, message: str) -> None:
        """The deployment reports what it does."""

    def second(self, record: Record, measured: bool) -> None:
        """One more second of traffic, measured or warm-up."""

    def repeating(self, reason: str) -> None:
        """A measurement was void and is made again."""

    def done(self, result: Trial | Failure) -> None:
        """A candidate was measured, or failed."""


class Bench:
    """Measures settings of one deployment, one node at a time, all in the same manner."""

    def __init__(self, deployment: Deployment, manner: Manner, progress: Progress) -> None:
        self.deployment = deployment
        self.manner = manner
        self.progress = progress

    def probe(self, candidate: Candidate) -> tuple[Workload, int | None]:
        """What a request takes when it is alone, and what the node holds then, in bytes."""
        measured, memory = self._measure(candidate, Point(1, 1), users=1)
        answered = max(measured.requests, 1)
        computing = measured.cpu["nodes"] * measured.duration / answered
        return Workload(measured.latencies.mean, computing), memory

    def trial(self, candidate: Candidate, round: int) -> Trial | Failure:
        """Measure a candidate; a void measurement is made again, but not for ever."""
        result = self._try(candidate, round)
        for _ in range(TRIES - 1):
            if not isinstance(result, Failure) or result.problem != "void":
                break
            self.progress.repeating(result.reason)
            result = self._try(candidate, round)
        self.progress.done(result)
        return result

    def _try(self, candidate: Candidate, round: int) -> Trial | Failure:
        kills = out_of_memory_kills()
        try:
            users = math.ceil(self.manner.users_per_slot * candidate.slots)
            point = Point(candidate.workers, round)
            measured, memory = self._measure(candidate, point, users=users)
        except StartError as error:
            failure = Failure(candidate, "start", one_line(error))
        except (AppUnreachable, DeployError) as error:
            failure = Failure(candidate, "errors", one_line(error))
        else:
            result = judge(candidate, round, measured, memory, self.manner.max_errors)
            if isinstance(result, Trial):
                return result
            failure = result
        if out_of_memory_kills() > kills:
            return replace(
                failure, problem="memory", reason="the kernel killed a process for want of memory"
            )
        return failure

    def _measure(
        self, candidate: Candidate, point: Point, *, users: int
    ) -> tuple[Measurement, int | None]:
        manner = self.manner
        node = candidate.applied(self.deployment)
        with LocalTarget.up(node, owned=True, report=self.progress.step) as target:
            load = Load(
                suite=manner.suite,
                url=target.url,
                users=users,
                run_time=manner.max_warm_up + manner.duration + PATIENCE,
                processes=min(manner.load_generators, users),
            )
            measured = measure(
                target,
                point,
                load,
                warm_up=manner.warm_up,
                max_warm_up=manner.max_warm_up,
                duration=manner.duration,
                watch=self.progress.second,
            )
            return measured, nodes_memory(target.status())


def judge(
    candidate: Candidate,
    round: int,
    measured: Measurement,
    memory: int | None,
    max_errors: int,
) -> Trial | Failure:
    """The trial, or why the measurement is none."""
    if measured.void:
        return Failure(candidate, "void", measured.void[0])
    if measured.failures > max_errors or not measured.throughput:
        often = max(measured.errors, key=lambda message: measured.errors[message], default="none")
        reason = f"{measured.failures:,} of {measured.requests:,} requests failed, mostly {often!r}"
        return Failure(candidate, "errors", reason)
    return Trial(candidate, round, measured.throughput, measured.latencies, memory)


def one_line(error: Exception) -> str:
    """The first two lines of a message, which say what and why."""
    return " ".join(line.strip() for line in str(error).splitlines()[:2])
