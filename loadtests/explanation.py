"""The verdict in plain words: what was found, how sure it is, and what stands in the way."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from loadtests.limits import NEAR_LINEAR
from loadtests.wording import coefficient, counted, percent, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtests.efficiency import Efficiency
    from loadtests.usl import Fit
    from loadtests.verdict import Fall, Kind

TOO_GOOD = 1.05
"""An efficiency above which the smallest size must have been measured too slow."""
MINOR = 0.05
"""A cause of lost throughput that takes less than this share of the other one's is not named."""
HOPELESS_ROUNDS = 50
"""More rounds than this are not asked for: the efficiency is then too near to the limit to tell."""


def describe(
    kind: Kind,
    efficiencies: Sequence[Efficiency],
    fall: Fall | None,
    fit: Fit | None,
    over: str,
) -> str:
    """The verdict's sentence."""
    why = cause(fit, efficiencies[-1].size, over)
    if fall:
        return (
            f"Throughput falls from {fall.before:,.0f} to {fall.after:,.0f} requests per second "
            f"between {fall.smaller:,} and {counted(fall.larger, over)}: beyond a point, more "
            f"{over} do less work. {why}"
        )
    if kind == "undecided":
        return undecided(min(efficiencies[1:], key=lambda e: e.bounds.low), efficiencies[0], over)
    if kind == "contended":
        worst = min(efficiencies[1:], key=lambda e: e.bounds.high)
        return f"{work_done(worst, efficiencies[0], over)}: not near-linear. {why}"
    return f"{work_done(efficiencies[-1], efficiencies[0], over)}: near-linear."


def too_good(efficiencies: Sequence[Efficiency], over: str) -> str | None:
    """What is wrong with a run in which a size surely did more than linear growth allows."""
    smallest, *larger = efficiencies
    best = max(larger, key=lambda e: e.bounds.low)
    if best.bounds.low <= TOO_GOOD:
        return None
    return (
        f"{work_done(best, smallest, over)}. More than linear is nothing {over} can do, so "
        f"{counted(smallest.size, over)} must have been measured too slow; a longer warm-up may "
        "show it"
    )


def work_done(e: Efficiency, smallest: Efficiency, over: str) -> str:
    """Such as: 4 nodes did 3.92 times the work of 1 node, 98 % of linear (95 % interval …)."""
    times = e.median * e.size / smallest.size
    return (
        f"{counted(e.size, over)} did {times:.2f} times the work of "
        f"{counted(smallest.size, over)}, {percent(e.median)} of linear ({spread(e)})"
    )


def undecided(e: Efficiency, smallest: Efficiency, over: str) -> str:
    """What keeps the efficiency from being called near-linear or not, and what would tell."""
    limit = f"the {percent(NEAR_LINEAR)} of near-linear"
    sentence = f"{work_done(e, smallest, over)}: undecided, "
    if e.reach is None:
        return sentence + (
            "because one round does not tell how far the next would differ from it. Two rounds or "
            "more give an interval, and three a useful one."
        )
    distance = abs(e.median - NEAR_LINEAR)
    # An interval narrows with the root of the number of rounds.
    rounds = math.ceil(e.rounds * (e.reach / distance) ** 2) if distance else math.inf
    sentence += f"because {limit} is within the interval. "
    if rounds > HOPELESS_ROUNDS:
        return sentence + (
            "It is too near to that for more rounds to tell; longer points or a quieter machine "
            "may."
        )
    return sentence + f"About {rounds} rounds would decide it, if the spread stays the same."


def cause(fit: Fit | None, largest: int, over: str) -> str:
    """What the fit says about lost throughput, without what costs next to nothing."""
    if fit is None:
        return "What stands in the way takes three sizes to tell."
    queueing = fit.contention
    waiting = fit.coherency * largest
    causes = []
    if queueing > MINOR * waiting:
        causes.append(
            f"contention (σ = {coefficient(fit.contention)}): {fit.contention * 100:.2g} % of the "
            f"work queues for something that all {over} share"
        )
    if waiting > MINOR * queueing:
        causes.append(
            f"coherency (κ = {coefficient(fit.coherency)}): {over} wait for each other, more so "
            "with each one added"
        )
    if not causes:
        return "The fitted law finds neither contention nor coherency, so look at the spread."
    caveat = "" if fit.degrees_of_freedom else " Three sizes fix that law, so nothing checks it."
    known = fit.intervals
    if known and 0.0 in known.contention and 0.0 in known.coherency:
        caveat += " The intervals of σ and κ both hold 0, so which of them it is remains open."
    return f"The fitted law names {'; and '.join(causes)}.{caveat}"
