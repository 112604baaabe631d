"""The design of a scaling run: which sizes, in which order, under which load, how often."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from deploy.addresses import MAX_NODES
from deploy.targets import DEFAULT_TARGET
from loadtests.errors import LoadTestError
from loadtests.locust_run import find_suite
from loadtests.repetition import Repetition
from loadtests.wording import counted, minutes, percent, tolerance

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.deployment import Deployment
    from loadtests.settings import VerifySettings

DEFAULT_SIZES = (1, 2, 3, 4, 6, 8)
"""Six: the scalability law has three coefficients, and as many sizes again check it. Eight of the
example shop's nodes, which mostly wait, take less than one core with all that surrounds them."""
PACED = 0
"""The round of the points whose arrivals are scheduled, after all others."""
MAX_TIME = 600.0
"""Seconds for a run that repeats until it is precise enough, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class ScalingPlan:
    """What a scaling run compares, and how."""

    over: Literal["nodes", "workers"]
    sizes: tuple[int, ...]
    repetition: Repetition
    seed: int
    """Of the order of the points."""
    suite: Path
    duration: float
    """Seconds a point is measured."""
    warm_up: float
    """The least seconds of traffic before that."""
    max_warm_up: float
    """The most, if throughput and latency take longer to settle."""
    users_per_slot: float
    """Users for each request the deployment can serve at once."""
    load_generators: int
    """Locust processes that make the traffic."""
    latency_at: float | None = None
    """The share of each size's throughput at which its latency is measured with scheduled arrivals
    after the rounds; None to leave that out."""

    def order(self, repeat: int) -> list[int]:
        """The sizes in the order of a round."""
        sizes = list(self.sizes)
        random.Random(f"{self.seed} {repeat}").shuffle(sizes)  # noqa: S311  an order, not a secret
        return sizes

    def users(self, deployment: Deployment) -> int:
        """Users that keep every slot of the deployment busy."""
        slots = deployment.nodes * deployment.workers
        return math.ceil(self.users_per_slot * slots * deployment.profile.concurrency)

    def sized(self, deployment: Deployment, size: int) -> Deployment:
        """The deployment at one size. Workers are compared on a single node."""
        if self.over == "nodes":
            return replace(deployment, nodes=size)
        return replace(deployment, nodes=1, workers=size)

    def words(self) -> dict[str, str]:
        """What the report says about the order, the repetition and the load of latency."""
        repetition = self.repetition
        if repetition.rounds is not None:
            repeated = counted(repetition.rounds, "rounds")
        else:
            repeated = f"until the efficiency is known within {tolerance(repetition.precision)}"
        if repetition.max_time is not None:
            repeated += f", for {minutes(repetition.max_time)} minutes at most"
        latency = "at saturation"
        if self.latency_at is not None:
            latency += f", and at {percent(self.latency_at)} of it with scheduled arrivals"
        return {
            "order": f"by chance within each round, seed {self.seed}",
            "repeated": repeated,
            "latency": latency,
        }

    @property
    def a_point(self) -> float:
        """Seconds of traffic a point takes at least."""
        return self.warm_up + self.duration


def plan_from_settings(settings: VerifySettings, deployment: Deployment) -> ScalingPlan:
    """The plan for checked settings; a suite's path is relative to the project."""
    max_time = settings.max_time
    if max_time is None and settings.rounds is None:
        max_time = MAX_TIME
    plan = ScalingPlan(
        over="workers" if settings.workers else "nodes",
        sizes=settings.workers or settings.nodes or DEFAULT_SIZES,
        repetition=Repetition(settings.rounds, settings.precision, max_time),
        seed=random.randrange(10_000) if settings.seed is None else settings.seed,  # noqa: S311
        suite=find_suite(settings.suite, deployment.directory),
        duration=settings.duration,
        warm_up=settings.warm_up,
        max_warm_up=settings.max_warm_up,
        users_per_slot=settings.users_per_slot,
        load_generators=settings.load_generators,
        latency_at=settings.latency_at,
    )
    refuse_impossible(plan, deployment)
    return plan


def refuse_impossible(plan: ScalingPlan, deployment: Deployment) -> None:
    """A run that could not even measure every size once is not begun."""
    if plan.over == "nodes" and deployment.target == DEFAULT_TARGET and plan.sizes[-1] > MAX_NODES:
        raise LoadTestError(
            f"--nodes asks for {plan.sizes[-1]:,}, and this machine has addresses for {MAX_NODES}."
        )
    fewest = plan.users(plan.sized(deployment, plan.sizes[0]))
    if plan.load_generators > fewest:
        raise LoadTestError(
            f"--load-generators asks for {plan.load_generators:,} processes, and "
            f"{counted(plan.sizes[0], plan.over)} get {counted(fewest, 'users')}: a process needs "
            "one at least."
        )
    max_time = plan.repetition.max_time
    least = plan.a_point * len(plan.sizes)
    if max_time is not None and max_time < least:
        raise LoadTestError(
            f"--max-time leaves {minutes(max_time)} minutes, and one round of "
            f"{counted(len(plan.sizes), 'sizes')} takes at least {minutes(least)}. Allow more "
            f"time, or give fewer sizes or a shorter --duration."
        )
