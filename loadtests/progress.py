"""How a scaling run goes, for people: a live display in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from loadtests import display as shown
from loadtests.design import PACED
from loadtests.efficiency import efficiency
from loadtests.wording import counted, milliseconds, minutes, percent, tolerance

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from loadtests.design import ScalingPlan
    from loadtests.measurement import Measurement
    from loadtests.point import Point
    from loadtests.records import Record

BRING_UP = 4.0
"""A first guess at the seconds between two points, until there is a measured one."""


def display(plan: ScalingPlan, console: Console) -> Display:
    """The display that fits the console, a context manager."""
    return (LiveDisplay if console.is_terminal else PlainDisplay)(plan, console)


class Display(shown.Display):
    """Keeps where a scaling run is; the subclasses show it."""

    def __init__(
        self, plan: ScalingPlan, console: Console, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(console, clock)
        self.plan = plan
        self.last_done = self.began
        self.measurements: list[Measurement] = []
        self.point: Point | None = None
        self.failures = 0

    def preparing(self, point: Point) -> None:
        self.point, self.phase, self.record, self.failures = point, "preparing", None, 0

    def second(self, record: Record, measured: bool) -> None:
        super().second(record, measured)
        self.failures += record.failures

    def done(self, measurement: Measurement) -> None:
        self.measurements.append(measurement)
        self.last_done = self.clock()

    @property
    def finished(self) -> int:
        return len(self.measurements)

    @property
    def total(self) -> int | None:
        """All points; None if their number depends on what they show."""
        rounds = self.plan.repetition.rounds
        if rounds is None:
            return None
        return len(self.plan.sizes) * (rounds + (self.plan.latency_at is not None))

    @property
    def headline(self) -> str:
        """Such as ``2 nodes, round 1 of 2``."""
        if self.point is None:
            return "starting"
        where = counted(self.point.size, self.plan.over)
        if self.point.repeat == PACED:
            return f"{where}, latency at {percent(self.plan.latency_at or 0.0)} of the throughput"
        rounds = self.plan.repetition.rounds
        return f"{where}, round {self.point.repeat}" + (f" of {rounds}" if rounds else "")

    @property
    def time_left(self) -> str:
        """From the time a point took so far, or from the plan before the first is done."""
        if self.total is None:
            left = (self.plan.repetition.max_time or 0.0) - (self.clock() - self.began)
            return f"at most {minutes(max(0.0, left))} left"
        a_point = self.plan.a_point + BRING_UP
        if self.finished:
            a_point = (self.last_done - self.began) / self.finished
        remaining = self.total - self.finished
        current = max(0.0, a_point - (self.clock() - self.last_done)) if remaining else 0.0
        return f"{minutes(current + a_point * max(0, remaining - 1))} left"

    @property
    def known(self) -> str:
        """How well the efficiency at the largest size is known by now; empty before it is."""
        rounds = [m for m in self.measurements if m.repeat != PACED]
        efficiencies = efficiency(rounds)
        last = efficiencies[-1] if efficiencies else None
        if last is None or last.reach is None or last.size < max(self.plan.sizes):
            return ""
        found = (
            f"efficiency at {counted(last.size, self.plan.over)} {percent(last.median)} "
            f"{tolerance(last.reach)}"
        )
        if self.plan.repetition.rounds is not None:
            return found
        return f"{found}, until {tolerance(self.plan.repetition.precision)}"


class PlainDisplay(Display):
    """Lines that can go to a file: one when a point begins, one with its figures."""

    def preparing(self, point: Point) -> None:
        super().preparing(point)
        place = f"{self.finished + 1}/{self.total}" if self.total else f"{self.finished + 1}"
        self.say(f"[{place}] {self.headline} … {self.time_left}")

    def done(self, measurement: Measurement) -> None:
        super().done(measurement)
        self.say(f"      {result_line(measurement)}")
        if self.known:
            self.say(f"      {self.known}")


class LiveDisplay(shown.Redrawn, Display):
    """What is measured now, its figures, points done, time left."""

    def done(self, measurement: Measurement) -> None:
        super().done(measurement)
        mark = Text("! ", "yellow") if measurement.void else Text("✓ ", "green")
        self.live.console.print(mark + Text(f"{self.headline}: {result_line(measurement)}"))

    def render(self) -> Group:
        headline = Text.assemble((self.headline, "bold"), (f"  {self.phase}", "dim"))
        known = [Text(self.known, "cyan")] if self.known else []
        errors = Text(counted(self.failures, "errors"), "red" if self.failures else "dim")
        return Group(headline, self.last_second(errors), *known, self._bar())

    def _bar(self) -> Table:
        """By points, or by time where nobody knows how many points there will be."""
        table = Table.grid(padding=(0, 1))
        if self.total is None:
            bar = ProgressBar(self.plan.repetition.max_time, self.clock() - self.began, width=30)
            done = counted(self.finished, "points")
        else:
            bar = ProgressBar(self.total, self.finished, width=30)
            done = f"{self.finished} of {self.total} points"
        table.add_row(bar, done, Text(self.time_left, "dim"))
        return table


def result_line(measurement: Measurement) -> str:
    """The figures of a finished point."""
    line = (
        f"{measurement.throughput:,.0f} req/s, p50 {milliseconds(measurement.p50)}, "
        f"p99 {milliseconds(measurement.p99)}, {counted(measurement.failures, 'errors')}"
    )
    return f"{line}; void: {'; '.join(measurement.void)}" if measurement.void else line
