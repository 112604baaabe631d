"""A scaling run: the same traffic at several sizes of one deployment, over several rounds.

The sizes of a round come in random order, so that a machine that gets slower or faster over time
does not look like scaling.
"""

from __future__ import annotations

import itertools
import math
import time
from contextlib import closing
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Protocol

from loadtests.conditions import describe
from loadtests.design import PACED
from loadtests.limits import Limits
from loadtests.locust_run import PATIENCE, Load
from loadtests.measurement import valid
from loadtests.place import Place, brought_up
from loadtests.point import Point, measure
from loadtests.repetition import Ending
from loadtests.result import ScalingResult, Setup
from loadtests.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from deploy.deployment import Deployment
    from deploy.targets.base import Target
    from loadtests.design import ScalingPlan
    from loadtests.measurement import Measurement
    from loadtests.records import Record
    from loadtests.settings import VerifySettings


class Progress(Protocol):
    """Who is told how a scaling run goes."""

    def preparing(self, point: Point) -> None:
        """The deployment is being brought to the size of a point."""

    def step(self, message: str) -> None:
        """The deployment reports what it does."""

    def second(self, record: Record, measured: bool) -> None:
        """One more second of traffic, measured or warm-up."""

    def done(self, measurement: Measurement) -> None:
        """A point is complete."""


class ScalingRun:
    """Measures the points of a plan and keeps them, so that an interruption loses none."""

    def __init__(
        self,
        plan: ScalingPlan,
        deployment: Deployment,
        progress: Progress,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.plan = plan
        self.deployment = deployment
        self.progress = progress
        self.clock = clock
        self.measurements: list[Measurement] = []
        self.paced: list[Measurement] = []
        """Points at a share of the throughput, whose arrivals were scheduled."""
        self.place = Place(deployment.target)
        self.ending = Ending("interrupted", "The run was not completed.")
        self.started = datetime.now(UTC)

    def complete(self) -> None:
        """Measure to the end; whatever was started is stopped on the way out."""
        bring_up = scaled_nodes if self.plan.over == "nodes" else fresh_deployments
        with closing(bring_up(self.plan, self.deployment, self.points(), self.progress)) as targets:
            for point, target in targets:
                measurement = measure(
                    target,
                    point,
                    self.load(point, target.urls),
                    warm_up=self.plan.warm_up,
                    max_warm_up=self.plan.max_warm_up,
                    duration=self.plan.duration,
                    watch=self.progress.second,
                )
                (self.measurements if point.repeat != PACED else self.paced).append(measurement)
                self.progress.done(measurement)
                self.place = self.place.seen(target.status())

    def break_off(self, reason: BaseException) -> None:
        """The run ends here, with the points it has."""
        done = counted(len(self.measurements) + len(self.paced), "points")
        if isinstance(reason, KeyboardInterrupt):
            self.ending = Ending("interrupted", f"The run was interrupted after {done}.")
        else:
            self.ending = Ending("failed", f"The run failed after {done}: {reason}")

    def points(self) -> Iterator[Point]:
        """The points one after another; each is decided on when the one before is measured."""
        yield from self.rounds()
        if self.plan.latency_at is not None:
            capacities = self.capacities()
            yield from (Point(size, PACED) for size in self.plan.sizes if size in capacities)

    def rounds(self) -> Iterator[Point]:
        began = last = self.clock()
        longest = self.plan.a_point
        repetition, over = self.plan.repetition, self.plan.over
        for repeat in itertools.count(1):
            for size in self.plan.order(repeat):
                reserved = longest * len(self.plan.sizes) if self.plan.latency_at else 0.0
                elapsed = self.clock() - began + reserved
                ending = repetition.before_point(elapsed, longest, self.measurements, over)
                if ending:
                    self.ending = ending
                    return
                yield Point(size, repeat)
                longest, last = max(longest, self.clock() - last), self.clock()
            ending = repetition.after_round(repeat, self.measurements, over)
            if ending:
                self.ending = ending
                return

    def capacities(self) -> dict[int, float]:
        """The median throughput of each size that has a valid point, in requests per second."""
        throughputs: dict[int, list[float]] = {}
        for m in valid(self.measurements):
            throughputs.setdefault(m.size, []).append(m.throughput)
        return {size: median(values) for size, values in throughputs.items() if median(values)}

    def load(self, point: Point, urls: Sequence[str]) -> Load:
        """Users that keep every slot busy, or scheduled arrivals below that.

        Of several balancers each has its share of the places, so the same traffic goes to all.
        """
        plan = self.plan
        rate = None
        if point.repeat == PACED and plan.latency_at is not None:
            rate = plan.latency_at * self.capacities()[point.size]
        return Load(
            suite=plan.suite,
            url=urls[0],
            urls=tuple(urls),
            users=plan.users(plan.sized(self.deployment, point.size)),
            run_time=plan.max_warm_up + plan.duration + PATIENCE,
            processes=len(urls) * math.ceil(plan.load_generators / len(urls)),
            rate=rate,
        )


def scaled_nodes(
    plan: ScalingPlan, deployment: Deployment, points: Iterator[Point], progress: Progress
) -> Generator[tuple[Point, Target]]:
    """One deployment for all points, scaled from one to the next."""
    first = next(points)
    progress.preparing(first)
    smallest = plan.sized(deployment, first.size)
    with brought_up(smallest, progress.step) as target:
        yield first, target
        for point in points:
            progress.preparing(point)
            target.scale(point.size, report=progress.step)
            yield point, target


def fresh_deployments(
    plan: ScalingPlan, deployment: Deployment, points: Iterator[Point], progress: Progress
) -> Generator[tuple[Point, Target]]:
    """A deployment of its own for every point."""
    for point in points:
        progress.preparing(point)
        sized = plan.sized(deployment, point.size)
        with brought_up(sized, progress.step) as target:
            yield point, target


def conclude(run: ScalingRun, settings: VerifySettings, command: str) -> ScalingResult:
    """What the measurements say under the settings' limits."""
    plan, deployment = run.plan, run.deployment
    where = "" if run.place.is_here else f", {deployment.target}"
    return ScalingResult.conclude(
        title=f"{deployment.app} on {', '.join(map(str, plan.sizes))} {plan.over}{where}",
        over=plan.over,
        planned=plan.sizes,
        setup=Setup(
            profile=deployment.profile.name,
            workers=deployment.workers if plan.over == "nodes" else None,
            concurrency=deployment.profile.concurrency,
        ),
        measurements=run.measurements,
        paced=run.paced,
        latency_at=plan.latency_at,
        limits=Limits(settings.min_efficiency, settings.max_p99, settings.max_errors),
        conditions=describe(plan, deployment, run.measurements, run.place),
        command=command,
        started=run.started.isoformat(timespec="seconds"),
        ending=run.ending,
    )
