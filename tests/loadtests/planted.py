"""Apps with a bottleneck planted in them, run for real and measured as `twofold verify` does."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from deploy.settings import load_deployment
from deploy.targets.local import LocalTarget
from loadtests.bottleneck import Bottleneck, find_bottleneck
from loadtests.locust_run import Load
from loadtests.point import Point, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from deploy.deployment import Deployment
    from loadtests.measurement import Measurement

APP = """
import fcntl, os, time

PLACE = os.path.dirname(__file__)

{setup}

def app(environ, start_response):
    if environ["PATH_INFO"] != "/readyz":
        {work}
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
"""

BUSY_USER = """
import time
from locust import FastHttpUser, constant, task

class Visitor(FastHttpUser):
    wait_time = constant(0)

    @task
    def front(self):
        end = time.process_time() + {seconds}
        while time.process_time() < end:
            pass
        self.client.get("/")
"""

ATTEMPTS = 3
WINDOW = 3.0


@dataclass(frozen=True, slots=True)
class Experiment:
    """An app with a fault, and the load that shows it."""

    folder: Path
    work: str
    """What a request does, as a line of Python."""
    setup: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    users_per_place: float = 1.5
    suite: str | None = None
    """A locustfile's text; None for the front page over and over."""
    meddle: Callable[[LocalTarget], AbstractContextManager[None]] | None = None
    """What disturbs the running deployment."""

    def run(self, sizes: Sequence[int]) -> tuple[Bottleneck, list[Measurement]]:
        """Measure sizes, and again if the machine was too busy to tell anything about the app."""
        for _ in range(ATTEMPTS):
            measurements = []
            for size in sizes:
                measurements.append(self.measure(size))
                found = find_bottleneck(measurements)
                if found.name == "the machine":
                    break
            else:
                return found, measurements
        pytest.skip(f"this machine is too busy to tell anything about an app: {found.evidence}")

    def measure(self, size: int) -> Measurement:
        deployment = self.deployment(size)
        places = size * deployment.workers * deployment.profile.concurrency
        with LocalTarget.up(deployment, owned=True) as target:
            load = Load(
                suite=self.locustfile(),
                url=target.url,
                users=max(1, round(self.users_per_place * places)),
                run_time=120.0,
            )
            if self.meddle is None:
                return point(target, size, load)
            with self.meddle(target):
                return point(target, size, load)

    def deployment(self, nodes: int) -> Deployment:
        (self.folder / "planted_app.py").write_text(APP.format(setup=self.setup, work=self.work))
        values = {
            "app": "planted_app:app",
            "name": f"p{uuid4().hex[:12]}",
            "balancer.bind": "127.0.0.1:0",
            "workers": 1,
            **self.settings,
            "nodes": nodes,
        }
        return load_deployment(self.folder, values, environ={})

    def locustfile(self) -> Path:
        if self.suite is None:
            return Path(__file__).parents[2] / "loadtests" / "suites" / "front.py"
        file = self.folder / "suite.py"
        file.write_text(self.suite)
        return file


def point(target: LocalTarget, size: int, load: Load) -> Measurement:
    return measure(
        target,
        Point(size, 1),
        load,
        warm_up=3.0,
        duration=WINDOW,
        watch=lambda record, measured: None,
    )
