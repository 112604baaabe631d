"""A search from its first probe to its answer, within the time given."""

from __future__ import annotations

import math
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from deploy.errors import StartError
from deploy.preflight import check_app
from deploy.resources import find_resources
from loadtests.tune.candidates import Candidate, Workload, grid
from loadtests.tune.halving import Search, how_many_fit
from loadtests.tune.measuring import Bench, one_line
from loadtests.tune.measuring import Progress as TrialProgress
from loadtests.tune.outcome import Outcome, conclude
from loadtests.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from deploy.deployment import Deployment
    from deploy.resources import Resources
    from loadtests.tune.measuring import Manner

FORMAT = 1
"""Of the JSON file; a change that an older reader cannot understand counts it up."""


class Progress(TrialProgress, Protocol):
    """Who is told how a search goes."""

    def found(self, workload: Workload, candidates: int) -> None:
        """The traffic is known, and how many settings are worth measuring."""

    def round(self, number: int, size: int, left: int) -> None:
        """A round begins over so many candidates, and about so many measurements are to come."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """A search that ended or was interrupted."""

    outcome: Outcome
    search: Search
    workload: Workload | None
    """None if it was interrupted before that was known."""
    resources: Resources
    left_out: tuple[str, ...]
    """What was not measured, and why, in words."""
    interrupted: bool

    def to_json(self) -> dict[str, Any]:
        workload = self.workload
        return {
            "format": FORMAT,
            **self.outcome.to_json(),
            "interrupted": self.interrupted,
            "request": workload and {"latency": workload.latency, "computing": workload.computing},
            "cpus": self.resources.cpus.amount,
            "left_out": list(self.left_out),
            "trials": [trial.to_json() for trial in self.search.trials],
        }


class Clock:
    """Time that is left, and how many measurements fit into it."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._end = now() + seconds
        self._spent = 0.0
        self._made = 0

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Around one measurement with all that belongs to it, to learn how long one takes."""
        began = self._now()
        yield
        self._spent += self._now() - began
        self._made += 1

    def measurements_left(self) -> int:
        """By what one took so far; 0 before there was one."""
        each = self._spent / self._made if self._made else math.inf
        return max(0, int((self._end - self._now()) / each))


def tune(
    deployment: Deployment,
    manner: Manner,
    *,
    max_time: float,
    max_p99: float | None,
    progress: Progress,
) -> Tuning:
    """Search for the setting that serves most; an interrupt ends it with what is known so far.

    :raises StartError: the app cannot be served as it is set now, so there is nothing to compare.
    """
    present = Candidate.of(deployment)
    resources = find_resources(deployment.cpus)
    bench = Bench(deployment, manner, progress)
    search = Search([present], max_p99)
    workload: Workload | None = None
    left_out: list[str] = []
    interrupted = False
    try:
        clock = Clock(max_time)
        imported = check_app(deployment, {**os.environ, **deployment.env})
        progress.preparing("one request at a time, with the present setting")
        with clock.measuring():
            workload, memory = bench.probe(present)
        each = max(imported.memory, (memory or 0) / present.workers)
        found = grid(present, workload, resources, each)
        if found.without_room:
            left_out.append(f"{counted(len(found.without_room), 'settings')}: {found.room}")
        candidates, refused = without_greenlets_that_block(deployment, found.candidates)
        left_out += refused
        fitting = how_many_fit(len(candidates), clock.measurements_left())
        if fitting < len(candidates):
            late = counted(len(candidates) - fitting, "settings")
            left_out.append(f"{late}: no time for more than {fitting}; --max-time gives more")
        search = Search(candidates[:fitting], max_p99)
        progress.found(workload, len(search.candidates))
        run(search, bench, clock, progress)
    except KeyboardInterrupt:
        interrupted = True
    return Tuning(conclude(search), search, workload, resources, tuple(left_out), interrupted)


def run(search: Search, bench: Bench, clock: Clock, progress: Progress) -> None:
    """Measure round by round until the search is over."""
    while order := search.next_round(clock.measurements_left()):
        still = search.most_left(clock.measurements_left() - len(order))
        progress.round(search.rounds, len(order), still)
        for candidate in order:
            progress.preparing(str(candidate))
            with clock.measuring():
                search.add(bench.trial(candidate, search.rounds))


def without_greenlets_that_block(
    deployment: Deployment, candidates: Sequence[Candidate]
) -> tuple[list[Candidate], list[str]]:
    """The candidates that are safe to measure, and why the others are not.

    The present setting stays in any case: it is in service.
    """
    present, *others = candidates
    greenlets = [each for each in others if each.profile == "greenlets"]
    if not greenlets:
        return list(candidates), []
    reason = why_no_greenlets(greenlets[0].applied(deployment))
    if reason is None:
        return list(candidates), []
    kept = [each for each in others if each.profile != "greenlets"]
    return [present, *kept], [f"{counted(len(greenlets), 'settings')} with greenlets: {reason}"]


def why_no_greenlets(deployment: Deployment) -> str | None:
    try:
        imported = check_app(deployment, {**os.environ, **deployment.env})
    except StartError as error:
        return one_line(error)
    if not imported.blocking:
        return None
    return f"a driver would block all of a worker's greenlets; {'; '.join(imported.blocking)}"


def with_room_for_the_generator(deployment: Deployment) -> Deployment:
    """The deployment with a CPU budget that leaves one processor to the load generator.

    A budget that was set holds as it is. With a single processor there is none to leave.
    """
    if deployment.cpus is not None:
        return deployment
    available = find_resources().cpus.amount
    return replace(deployment, cpus=available - 1) if available >= 2 else deployment
