"""What a scaling run says in one word, and what that word is to the shell."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING, Any, Literal, Self

from loadtests.efficiency import efficiency, round_effects
from loadtests.explanation import describe, too_good
from loadtests.intervals import TAIL
from loadtests.limits import (
    NEAR_LINEAR,
    Check,
    Limits,
    Outcome,
    check_limits,
    nothing_valid,
    without_verdict,
)
from loadtests.measurement import valid
from loadtests.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadtests.efficiency import Efficiency
    from loadtests.measurement import Measurement
    from loadtests.usl import Fit

Kind = Literal["near-linear", "contended", "undecided", "retrograde", "void"]

KEPT, MISSED, VOID, UNDECIDED = 0, 1, 2, 3
"""Exit codes. A void run shares its code with one that could not be made at all."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to tell people and the shell."""

    kind: Kind
    sentence: str
    exit_code: int
    checks: tuple[Check, ...] = ()
    """Each limit at each size."""
    left_out: tuple[str, ...] = ()
    """Each void point and why, in words."""

    def found(self, outcome: Outcome) -> list[str]:
        """What was found about the limits with this outcome, in words."""
        return [check.message for check in self.checks if check.outcome == outcome]

    def to_json(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "checks": [asdict(check) for check in self.checks],
            "left_out": list(self.left_out),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        checks = tuple(Check(**check) for check in data["checks"])
        return cls(**{**data, "checks": checks, "left_out": tuple(data["left_out"])})


def judge(
    measurements: Sequence[Measurement],
    fit: Fit | None,
    limits: Limits,
    *,
    over: str = "nodes",
    sizes: Sequence[int] = (),
    paced: Sequence[Measurement] = (),
) -> Verdict:
    """The verdict on a run over `over`, nodes or workers.

    Every size needs one round in which it and the smallest size are both valid, and none may be
    surely more than linear, which shows that the smallest was measured wrong; otherwise the run
    is void, and void gives no other verdict. Near-linear takes a lower end of the efficiency's
    interval above `NEAR_LINEAR` at every size, contended an upper end below it at one; in between
    the run is undecided. `sizes` were to be measured; `paced` are points at a load below
    saturation, for their latency.
    """
    sizes = sorted({*sizes, *(m.size for m in measurements)})
    left_out = (
        *(
            f"round {m.repeat} at {counted(m.size, over)}: {why}"
            for m in measurements
            for why in m.void
        ),
        *(f"latency at {counted(m.size, over)}: {why}" for m in paced for why in m.void),
    )
    efficiencies = efficiency(measurements)
    checks = check_limits(measurements, efficiencies, limits, over, sizes=sizes, paced=paced)
    reason = void_reason(measurements, efficiencies, sizes, over)
    if reason:
        sentence = f"No verdict: {reason}."
        return Verdict("void", sentence, VOID, without_verdict(checks, reason), left_out)
    fall = find_fall(valid(measurements))
    kind = "retrograde" if fall else kind_of_growth(efficiencies[1:])
    sentence = describe(kind, efficiencies, fall, fit, over)
    return Verdict(kind, sentence, exit_code(kind, checks), checks, left_out)


def exit_code(kind: Kind, checks: Sequence[Check]) -> int:
    """What is surely bad comes before what nobody can tell."""
    outcomes = {check.outcome for check in checks}
    if kind == "retrograde" or "missed" in outcomes:
        return MISSED
    if "void" in outcomes:
        return VOID
    return UNDECIDED if "undecided" in outcomes else KEPT


def kind_of_growth(larger: Sequence[Efficiency]) -> Kind:
    """What the intervals of all sizes but the smallest prove."""
    if any(e.bounds.high < NEAR_LINEAR for e in larger):
        return "contended"
    if all(e.bounds.low >= NEAR_LINEAR for e in larger):
        return "near-linear"
    return "undecided"


def void_reason(
    measurements: Sequence[Measurement],
    efficiencies: Sequence[Efficiency],
    sizes: Sequence[int],
    over: str,
) -> str | None:
    """Why the measurements do not suffice for a verdict, or contradict each other."""
    if len(sizes) < 2:
        return f"scaling compares at least two sizes, and {len(sizes)} was measured"
    paired = {e.size for e in efficiencies}
    missing = [size for size in sizes if size not in paired]
    if missing:
        return nothing_valid(measurements, missing[0], over)
    return too_good(efficiencies, over)


@dataclass(frozen=True, slots=True)
class Fall:
    """Two sizes of which the larger does less, and what they did in requests per second."""

    smaller: int
    larger: int
    before: float
    after: float


def find_fall(usable: Sequence[Measurement]) -> Fall | None:
    """The deepest fall of throughput between two sizes that is beyond their spread.

    That is: the whole interval of their ratio is below 1. All pairs of sizes are looked at, so each
    interval is made as wide as it takes for 95 of 100 runs to hold all of them (C. E. Bonferroni,
    1936): otherwise a system that only levels off would often seem to fall somewhere.
    """
    effects = round_effects(usable, min(m.size for m in usable))
    by_size: dict[int, list[float]] = {}
    for m in usable:
        by_size.setdefault(m.size, []).append(m.throughput)
    pairs = list(combinations(sorted(by_size), 2))
    falls = []
    for smaller, larger in pairs:
        ratio = effects.ratio(larger, smaller, TAIL / len(pairs)) if effects else None
        if ratio and ratio.high < 1:
            falls.append(Fall(smaller, larger, median(by_size[smaller]), median(by_size[larger])))
    return min(falls, key=lambda fall: fall.after / fall.before, default=None)
