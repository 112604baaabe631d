"""How figures are written for people: the same in the verdict, the terminal and the report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from deploy.wording import counted as counted

if TYPE_CHECKING:
    from loadtests.efficiency import Efficiency
    from loadtests.usl import Fit


def percent(share: float) -> str:
    """To a decimal, rounded down: 89.97 % is not 90 %."""
    # The summand keeps 0.29 · 1000, which is a little less than 290 in binary, from losing one.
    return f"{math.floor(share * 1000 + 1e-6) / 10:g} %"


def coefficient(value: float) -> str:
    """Two significant digits, as many as a load test can tell."""
    return f"{value:.2g}"


def with_interval(fit: Fit, name: Literal["unit_throughput", "contention", "coherency"]) -> str:
    """A coefficient of the law and its 95 % interval: ``0.03 (0.01 to 0.05)``."""
    write = "{:,.1f}".format if name == "unit_throughput" else coefficient
    text = write(getattr(fit, name))
    if fit.intervals is None:
        return text
    interval = getattr(fit.intervals, name)
    return f"{text} ({write(interval.low)} to {write(interval.high)})"


def milliseconds(seconds: float) -> str:
    """Three significant digits, as many as a latency has."""
    value = seconds * 1000
    digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:,.{digits}f} ms"


def spread(e: Efficiency) -> str:
    """How sure an efficiency is, in words."""
    rounds = counted(e.rounds, "rounds")
    if e.interval is None:
        return f"{rounds}, so no interval"
    return f"95 % interval {percent(e.interval.low)} to {percent(e.interval.high)}, {rounds}"


def minutes(seconds: float) -> str:
    """As a clock shows it: 1:05."""
    whole, rest = divmod(round(seconds), 60)
    return f"{whole}:{rest:02d}"


def tolerance(reach: float) -> str:
    """To a decimal, rounded up, so that nothing looks surer than it is: ``± 2.1 %``."""
    return f"± {math.ceil(reach * 1000 - 1e-6) / 10:g} %"
