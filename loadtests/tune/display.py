"""How a search goes, for people: a live display in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from loadtests import display as shown
from loadtests.tune.trial import Failure, Trial
from loadtests.wording import counted, milliseconds, minutes

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from loadtests.tune.candidates import Workload


def display(max_time: float, console: Console) -> Display:
    """The display that fits the console, a context manager."""
    return (LiveDisplay if console.is_terminal else PlainDisplay)(max_time, console)


class Display(shown.Display):
    """Keeps where a search is; the subclasses show it."""

    def __init__(
        self, max_time: float, console: Console, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(console, clock)
        self.max_time = max_time
        self.what = "importing the app"
        self.place = ""

    def preparing(self, what: str) -> None:
        self.what, self.phase, self.record = what, "preparing", None

    def found(self, workload: Workload, candidates: int) -> None:
        self.say(f"One request alone takes {workload}.")
        self.say(f"{counted(candidates, 'settings')} will be compared.")

    def round(self, number: int, size: int, left: int) -> None:
        self.place = f"round {number}"
        more = f", at most {left:,} more after it" if left else ", the last"
        self.say(f"Round {number}: {counted(size, 'measurements')}{more}.")

    def repeating(self, reason: str) -> None:
        self.say(f"  {self.what}: void and measured again: {reason}")

    def done(self, result: Trial | Failure) -> None:
        self.say(f"  {self.what}: {result_line(result)}")

    @property
    def time_left(self) -> str:
        return f"{minutes(max(0.0, self.max_time - (self.clock() - self.began)))} left at most"


class PlainDisplay(Display):
    """Lines that can go to a file: one for each round and each measurement."""


class LiveDisplay(shown.Redrawn, Display):
    """What is measured now, its figures, the time left."""

    def render(self) -> Group:
        headline = Text.assemble((self.what, "bold"), (f"  {self.phase}", "dim"))
        return Group(headline, self.last_second(), self._bar())

    def _bar(self) -> Table:
        elapsed = min(self.clock() - self.began, self.max_time)
        table = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=self.max_time, completed=elapsed, width=30)
        table.add_row(bar, self.place, Text(f"{self.time_left}; Ctrl-C shows what is known", "dim"))
        return table


def result_line(result: Trial | Failure) -> str:
    if isinstance(result, Failure):
        return f"{'void' if result.problem == 'void' else 'out'}: {result.reason}"
    p99 = milliseconds(result.latencies.percentile(99))
    return f"{result.throughput:,.0f} req/s, p99 {p99}"
