"""When a scaling run has measured enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from loadtests.efficiency import efficiency, round_effects
from loadtests.measurement import valid
from loadtests.wording import counted, minutes, tolerance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtests.measurement import Measurement


LEAST_ROUNDS = 3
LEAST_DEGREES_OF_FREEDOM = 4
"""Before a narrow interval ends a run: fewer figures may be alike by chance, and a run that ends on
those would be surer than it has a right to be."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a scaling run measured no more."""

    reason: Literal["rounds", "precision", "time", "interrupted", "failed"]
    sentence: str


@dataclass(frozen=True, slots=True)
class Repetition:
    """How often the sizes are measured: a number of rounds, or until the efficiency is known."""

    rounds: int | None
    """None to repeat until `precision` is reached."""
    precision: float
    """How far the interval of the efficiency at the largest size may reach: 0.03 for ± 3 %."""
    max_time: float | None
    """Seconds for the whole run; None for as long as it takes."""

    def after_round(
        self, number: int, measurements: Sequence[Measurement], over: str
    ) -> Ending | None:
        """The end, if the round with this number was the last."""
        if self.rounds is not None:
            if number < self.rounds:
                return None
            return Ending("rounds", f"Measured in {counted(self.rounds, 'rounds')}, as asked.")
        reached = reach(measurements)
        if reached is None or reached > self.precision or not is_spread_known(measurements):
            return None
        return Ending(
            "precision",
            f"After {counted(number, 'rounds')} the efficiency at "
            f"{counted(largest(measurements), over)} is known within {tolerance(reached)}, where "
            f"{tolerance(self.precision)} was asked.",
        )

    def before_point(
        self, elapsed: float, a_point: float, measurements: Sequence[Measurement], over: str
    ) -> Ending | None:
        """The end, if another point of so many seconds would not end in time."""
        if self.max_time is None or elapsed + a_point <= self.max_time:
            return None
        sentence = f"The time of {minutes(self.max_time)} minutes was used up"
        if self.rounds is not None:
            return Ending("time", f"{sentence} before all {self.rounds} rounds were measured.")
        reached = reach(measurements)
        if reached is None:
            return Ending("time", f"{sentence} before two rounds told how sure the efficiency is.")
        return Ending(
            "time",
            f"{sentence}: the efficiency at {counted(largest(measurements), over)} is known within "
            f"{tolerance(reached)}, where {tolerance(self.precision)} was asked.",
        )


def reach(measurements: Sequence[Measurement]) -> float | None:
    """How far the interval of the efficiency at the largest size reaches; None in the first round,
    which leaves nothing to tell the spread from."""
    efficiencies = efficiency(measurements)
    if not efficiencies or efficiencies[-1].size < largest(measurements):
        return None
    return efficiencies[-1].reach


def largest(measurements: Sequence[Measurement]) -> int:
    return max(m.size for m in measurements)


def is_spread_known(measurements: Sequence[Measurement]) -> bool:
    """Whether there are figures enough that an interval may end the run by being narrow."""
    effects = round_effects(valid(measurements), min(m.size for m in measurements))
    rounds = max(m.repeat for m in measurements)
    return (
        effects is not None
        and effects.degrees_of_freedom >= LEAST_DEGREES_OF_FREEDOM
        and rounds >= LEAST_ROUNDS
    )
