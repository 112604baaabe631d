"""Scheduled arrivals: visitors who come when it is their time, whoever has been answered by then.

Locust's own users form a closed loop: each waits for an answer before it asks again. When the app
stalls they stall with it and stop asking, so a stall of a second costs each of them one slow
request, and the many that would have come in that second are never counted: "coordinated omission"
(G. Tene, How NOT to Measure Latency, 2013). Real visitors know nothing of each other, and the two
models differ in their answers by far (B. Schroeder, A. Wierman, M. Harchol-Balter, Open Versus
Closed: A Cautionary Tale, NSDI 2006). So arrivals here follow a schedule that nothing delays, and
the latency of a visitor's first request counts from the moment the visitor was due.

Any suite can be run by schedule; RATE is in arrivals per second, over all processes together:

    locust -f arrivals.py,browsing.py --host http://127.0.0.1:8000 --arrival-rate RATE

A suite that is always run so puts `ScheduledUser` before the client it uses. This file needs Locust
alone, so a copy may lie beside your suite:

    from arrivals import ScheduledUser

    class Visitor(ScheduledUser, FastHttpUser):
        arrival_rate = 50

        @task
        def front(self):
            self.client.get("/")

With several Locust processes, start the master with `--expect-workers` and at least as many users:
each process then makes its share of the arrivals.
"""

import argparse
import logging
import math
import random
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, ClassVar

import gevent
from gevent import Greenlet
from gevent.event import Event
from gevent.pool import Group
from locust import FastHttpUser, HttpUser, User, events
from locust.exception import (
    InterruptTaskSet,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopTest,
    StopUser,
)
from locust.runners import WorkerRunner
from locust.user.task import DefaultTaskSet

logger = logging.getLogger(__name__)

VISIT_ENDED = (StopUser, InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately)


class ScheduledUser(User):
    """A source of arrivals, each a visitor of its own: `on_start`, one task, `on_stop`.

    Locust's users of this class are sources. A process needs one; more of them do nothing.

    Visitors have cookies of their own but share kept-alive connections, as behind a proxy, where
    they are `FastHttpUser`; an `HttpUser` opens a connection for each visitor.
    """

    abstract = True

    arrival_rate = 10.0
    """Arrivals per second over all processes; the option --arrival-rate comes first."""
    arrivals = "poisson"
    """Or "constant": all gaps equal. Independent visitors arrive as a Poisson process."""
    arrival_seed = 1
    """The same seed makes the same gaps."""
    max_in_flight = 1000
    """Visitors at once in each process, beyond which arrivals are dropped, and counted."""
    visitor_classes: ClassVar[Sequence[type[User]]] = ()
    """Whose instances arrive, in proportion to their weights; none means this class."""

    at_work: ClassVar[set[type[User]]] = set()
    """The classes that have a source in this process."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.arrivals not in ("poisson", "constant"):
            raise ValueError(f'arrivals is {cls.arrivals!r}: write "poisson" or "constant".')
        if not 0 < cls.arrival_rate < math.inf:
            raise ValueError(f"arrival_rate is {cls.arrival_rate!r}: write a number above 0.")

    def start(self, group: Group) -> "Greenlet[..., None]":
        """Let visitors arrive until Locust stops this user, where a user would run its tasks."""
        self._greenlet = group.spawn(ScheduledUser._work, self)
        self._group = group
        return self._greenlet

    def _work(self) -> None:
        if type(self) in self.at_work:
            Event().wait()
        self.at_work.add(type(self))
        self.tally = Tally(self.environment)
        visitors = Group()
        try:
            self._let_arrive(visitors)
        finally:
            self.at_work.discard(type(self))
            visitors.kill(timeout=1)  # an `on_stop` may ask an app that does not answer
            self.tally.log()

    def _let_arrive(self, visitors: Group) -> None:
        classes = self._prepared_classes()
        weights = [visitor_class.weight for visitor_class in classes]
        choice = random.Random(self.arrival_seed)
        for due in self.schedule():
            gevent.sleep(max(0.0, due - time.monotonic()))
            if len(visitors) >= self.max_in_flight:
                self.tally.count(due, dropped=True)
                continue
            [visitor_class] = choice.choices(classes, weights)
            visitors.spawn(self._visit, visitor_class, due)

    def schedule(self) -> Iterator[float]:
        """When visitors are due in this process, by the monotonic clock."""
        index, processes = share(self.environment)
        now = time.monotonic()
        if self.arrivals == "constant":
            return constant(self.arrival_rate, now, index, processes)
        chance = random.Random(f"{self.arrival_seed}/{index}")
        return poisson(self.arrival_rate / processes, now, chance)

    def _prepared_classes(self) -> Sequence[type[User]]:
        classes = self.visitor_classes or [type(self)]
        for visitor_class in classes:
            visitor_class.host = self.environment.host or visitor_class.host
            if issubclass(visitor_class, FastHttpUser):
                visitor_class.concurrency = self.max_in_flight
        return classes

    def _visit(self, visitor_class: type[User], due: float) -> None:
        lateness = self.tally.count(due)
        visitor = visitor_class(self.environment)
        client: Any = getattr(visitor, "client", None)
        if hasattr(client, "request_event"):
            client.request_event = FromIntendedStart(client.request_event, lateness)
        if issubclass(visitor_class, FastHttpUser):
            visitor_class.client_pool = client.client.clientpool
        try:
            run_one_task(visitor)
        except VISIT_ENDED:
            pass
        except StopTest:
            gevent.spawn(self.environment.runner.quit)
        except Exception as error:
            self.environment.events.user_error.fire(
                user_instance=visitor, exception=error, tb=error.__traceback__
            )
            logger.error("%s\n%s", error, traceback.format_exc())
        finally:
            if isinstance(visitor, HttpUser):
                client.close()


class FromIntendedStart:
    """A visitor's request event, which counts the first request from when the visitor was due.

    The later ones follow from the answer before, so they begin when they begin.
    """

    def __init__(self, event: Any, lateness: float) -> None:
        self.event = event
        self.lateness = lateness

    def fire(self, *, response_time: float, **request: Any) -> None:
        """Pass a request on; Locust's response times are milliseconds."""
        lateness, self.lateness = self.lateness, 0.0
        self.event.fire(response_time=response_time + lateness * 1000, **request)


class Tally:
    """How a source kept its schedule; whoever set ``events.arrival`` is told of each arrival."""

    def __init__(self, environment: Any) -> None:
        self.event = getattr(environment.events, "arrival", None)
        self.scheduled = 0
        self.dropped = 0
        self.lateness = 0.0

    def count(self, due: float, *, dropped: bool = False) -> float:
        """Count an arrival that was due and return by how many seconds it is late."""
        lateness = max(0.0, time.monotonic() - due)
        self.scheduled += 1
        self.dropped += dropped
        self.lateness = max(self.lateness, lateness)
        if self.event is not None:
            self.event.fire(lateness=lateness, dropped=dropped)
        return lateness

    def log(self) -> None:
        logger.log(
            logging.WARNING if self.dropped else logging.INFO,
            f"{self.scheduled} visitors were due, {self.dropped} of whom were dropped because too "
            f"many were in flight. The latest began {self.lateness:.3f} s late.",
        )


def poisson(rate: float, start: float, chance: random.Random) -> Iterator[float]:
    """Times of a Poisson process: the gaps between them are independent and exponential.

    Poisson processes side by side are one Poisson process, whose rate is the sum of theirs.
    """
    while True:
        start += chance.expovariate(rate)
        yield start


def constant(rate: float, start: float, index: int, processes: int) -> Iterator[float]:
    """Every so-manieth multiple of 1/rate, so that all processes of a machine make even gaps."""
    number = math.ceil(start * rate)
    number += (index - number) % processes
    while True:
        yield number / rate
        number += processes


def share(environment: Any) -> tuple[int, int]:
    """Which of how many Locust processes this is, the first being 0."""
    if not isinstance(environment.runner, WorkerRunner):
        return 0, 1
    processes = environment.parsed_options.expect_workers
    return environment.runner.worker_index % processes, processes


def run_one_task(visitor: User) -> None:
    """Do what Locust does with a user, but with one task only."""
    tasks = DefaultTaskSet(visitor)
    visitor._taskset_instance = tasks  # for a task that calls `self.wait()`
    try:
        visitor.on_start()
        tasks.execute_task(tasks.get_next_task())
    finally:
        visitor.on_stop()


@events.init_command_line_parser.add_listener
def add_options(parser: Any) -> None:
    """Add what a command line may say of the schedule."""
    # Where a suite has a copy of this file beside it, that copy has added them already.
    with suppress(argparse.ArgumentError):
        parser.add_argument(
            "--arrival-rate",
            type=float,
            metavar="RATE",
            help="Let visitors arrive by schedule, so many per second, in place of the suite's "
            "own users.",
        )
        parser.add_argument(
            "--arrivals",
            choices=["poisson", "constant"],
            default="poisson",
            help="The gaps between them.",
        )


@events.init.add_listener
def schedule_users(environment: Any, **_: object) -> None:
    """Make one source of all the suite's users, if the command line asks for it."""
    rate = getattr(environment.parsed_options, "arrival_rate", None)
    if rate is None:
        return
    visitors = [
        visitor
        for user_class in environment.user_classes
        for visitor in getattr(user_class, "visitor_classes", ()) or [user_class]
    ]
    source = {
        "arrival_rate": rate,
        "arrivals": environment.parsed_options.arrivals,
        "visitor_classes": visitors,
    }
    environment.user_classes = [type("Arrivals", (ScheduledUser,), source)]
