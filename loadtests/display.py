"""How a load test that takes minutes is shown: redrawn in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from rich.live import Live
from rich.table import Table
from rich.text import Text

from loadtests.wording import counted, milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console, Group

    from loadtests.records import Record


class Display:
    """Keeps where a load test is; a context manager around it."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console
        self.clock = clock
        self.began = clock()
        self.phase = "starting"
        self.record: Record | None = None
        """The last second of traffic; None before there was one."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def step(self, message: str) -> None:
        """The deployment reports what it does."""
        self.phase = message

    def second(self, record: Record, measured: bool) -> None:
        """One more second of traffic, measured or warm-up."""
        self.phase = "measuring" if measured else "warming up"
        self.record = record

    def say(self, line: str) -> None:
        """Keep a line; nothing in it is markup, for messages of the app may be part of it."""
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


class Redrawn(Display):
    """Draws what `render` returns again and again, below the lines that were kept."""

    def __enter__(self) -> Self:
        self.live = Live(console=self.console, get_renderable=self.render, transient=True)
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()

    def render(self) -> Group:
        raise NotImplementedError

    def last_second(self, *more: Text) -> Table:
        """The figures of the last second of traffic, and what else there is to tell of it."""
        record = self.record
        table = Table.grid(padding=(0, 3))
        if record is None or not record.requests:
            table.add_row(Text("no requests yet", "dim"))
            return table
        table.add_row(
            f"{(record.requests - record.failures) / record.seconds:,.0f} req/s",
            f"p50 {milliseconds(record.latencies.percentile(50))}",
            f"p99 {milliseconds(record.latencies.percentile(99))}",
            counted(record.users, "users"),
            *more,
        )
        return table
