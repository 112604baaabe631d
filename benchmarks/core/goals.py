"""What the figures are held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .figures import OURS, Figures

if TYPE_CHECKING:
    from collections.abc import Callable

FORM_LIMIT = 1.3
"""How many times as long as Falcon, which parses forms in C, a form may take."""


@dataclass(frozen=True)
class Goal:
    """A limit for one figure."""

    text: str
    measure: Callable[[Figures], float | None]
    """Returns the figure, ``None`` if the run has not measured it."""
    at_least: float | None = None
    at_most: float | None = None

    def is_reached(self, value: float) -> bool:
        """Whether ``value`` keeps the limit."""
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )


def times_flask(scenario: str, least: float) -> Goal:
    """Return the goal that Flask takes at least so many times as long."""
    return Goal(
        f"{scenario}: at least {least:g}x Flask",
        lambda figures: figures.ratio(scenario, "flask", OURS),
        at_least=least,
    )


def slowest_against_falcon(figures: Figures) -> float | None:
    """Return the highest ratio to Falcon over all scenarios but the form."""
    ratios = (
        figures.ratio(scenario, OURS, "falcon")
        for scenario in figures.scenarios
        if scenario != "form in"
    )
    return max((ratio for ratio in ratios if ratio is not None), default=None)


def growth_of_routes(figures: Figures) -> float | None:
    """Return how many times as long 1,000 routes take as 10."""
    most, few = figures.best(OURS, "1000 routes"), figures.best(OURS, "10 routes")
    return most / few if most and few else None


def growth_of_memory(figures: Figures) -> float | None:
    """Return how many times the memory is after many requests what it was before."""
    found = figures.growth
    return found["after"][0] / found["before"][0] if found else None


GOALS = (
    Goal("slowest scenario but the form: at most 1x Falcon", slowest_against_falcon, at_most=1),
    Goal(
        f"form in: at most {FORM_LIMIT}x Falcon",
        lambda figures: figures.ratio("form in", OURS, "falcon"),
        at_most=FORM_LIMIT,
    ),
    times_flask("hello", 20),
    times_flask("JSON message", 20),
    times_flask("JSON", 20),
    times_flask("session", 9),
    times_flask("template dicts", 4),
    times_flask("template objects", 4),
    Goal("1,000 routes: at most 1.3x 10 routes", growth_of_routes, at_most=1.3),
    Goal(
        "start: at most 0.7x Flask's time",
        lambda figures: figures.start_ratio("seconds", OURS, "flask"),
        at_most=0.7,
    ),
    Goal(
        "start: at most 0.9x Flask's memory",
        lambda figures: figures.start_ratio("megabytes", OURS, "flask"),
        at_most=0.9,
    ),
    Goal("memory: at most 1.01x after 100,000 mixed requests", growth_of_memory, at_most=1.01),
)
