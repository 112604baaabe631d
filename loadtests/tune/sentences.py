"""The answer of a search in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from deploy.resources import MIB
from loadtests.percentiles import p99_interval
from loadtests.tune.standing import least_memory
from loadtests.wording import counted, milliseconds, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtests.intervals import Interval
    from loadtests.measurement import Histogram
    from loadtests.tune.candidates import Candidate
    from loadtests.tune.standing import Kind, Standing


def answer(
    kind: Kind,
    standings: Sequence[Standing],
    recommended: Candidate | None,
    present: Candidate,
) -> str:
    """What was found and what to use, in a few sentences."""
    known = {each.candidate: each for each in standings}
    if recommended is None:
        return nothing_found(standings)
    chosen = known[recommended]
    if kind == "win":
        text = f"{recommended} is faster than every other finalist. {gain(chosen, present)}"
    elif kind == "only":
        text = f"Only {named(recommended, present)} was measured and keeps the limits."
        if recommended != present:
            text += f" {gain(chosen, present)}"
    elif kind == "kept":
        text = f"The present setting, {present}, is faster than every other finalist."
    else:
        text = tie(standings, chosen, present)
    return " ".join([text, *not_measured(standings)])


def tie(standings: Sequence[Standing], chosen: Standing, present: Candidate) -> str:
    """Who is tied, which of them to take and why that one."""
    ties = [each for each in standings if each.place == "tied"]
    names = [named(each.candidate, present) for each in ties]
    text = f"Tied, for none is proven faster: {', '.join(names[:-1])} and {names[-1]}. "
    others = [each for each in ties if each is not chosen]
    text += f"Of these, {named(chosen.candidate, present)} {least(chosen, others)}"
    if chosen.candidate == present:
        return f"{text}, so keep it."
    text += ", so it is recommended."
    if any(each.candidate == present for each in ties):
        return f"{text} It is not proven faster than the present setting."
    return f"{text} {gain(chosen, present)}"


def least(chosen: Standing, others: Sequence[Standing]) -> str:
    """What speaks for one of several that are tied."""
    small = least_memory([chosen, *others])
    memories = [each.memory for each in others if each.memory is not None]
    if small == [chosen] and chosen.memory is not None:
        return (
            f"needs the least memory ({chosen.memory / MIB:,.0f} MiB, the next "
            f"{min(memories) / MIB:,.0f} MiB)"
        )
    workers = chosen.candidate.workers
    if all(each.candidate.workers > workers for each in small if each is not chosen):
        return f"needs no more memory than any other and the fewest processes ({workers})"
    return "needs no more memory and no more processes than any other"


def gain(chosen: Standing, present: Candidate) -> str:
    if chosen.gain is None:
        return f"The present setting, {present}, could not be compared with it."
    text = f"It serves {chosen.gain:.2f} times what the present setting, {present}, does"
    interval = chosen.gain_interval
    if interval is None:
        return f"{text}; one round tells no interval."
    text += f" (95 % interval {interval.low:.2f} to {interval.high:.2f})"
    return f"{text}." if interval.low > 1 else f"{text}, which is not proven faster."


def nothing_found(standings: Sequence[Standing]) -> str:
    unsure = [each for each in standings if each.place == "unsure"]
    if unsure:
        return (
            f"Nothing to recommend: {counted(len(unsure), 'settings')} may keep the p99 limit, and "
            "none was measured long enough to be sure. Give it more time (--max-time) or longer "
            "measurements (--duration)."
        )
    if all(each.place == "behind" for each in standings):
        return "Nothing to recommend: nothing was measured yet. Give it more time (--max-time)."
    if any(each.place == "void" for each in standings):
        return (
            "Nothing to recommend: what keeps the limits could not be measured. If nothing else "
            "runs on this machine, a smaller CPU budget of the node (--cpus-per-node 0.5) leaves "
            "the load generator more room."
        )
    return "Nothing to recommend: no setting keeps the limits."


def not_measured(standings: Sequence[Standing]) -> list[str]:
    """What the search leaves open."""
    void = sum(each.place == "void" for each in standings)
    behind = sum(each.place == "behind" for each in standings)
    notes = []
    if void:
        notes.append(
            f"{counted(void, 'settings')} could not be measured and may be faster or slower."
        )
    if behind:
        notes.append(
            f"{counted(behind, 'settings')} went out with the slower half before it was proven "
            "that they are slower."
        )
    return notes


def slower(interval: Interval) -> str:
    """Such as ``by 12 % to 20 %``, against the fastest."""
    return f"by {percent(1 - interval.high)} to {percent(1 - interval.low)}"


def unsure_p99(latencies: Histogram, limit: float) -> str:
    found = p99_interval(latencies)
    if math.isinf(found.high):
        return f"too few requests ({latencies.count:,}) to know the p99"
    return (
        f"p99 is {milliseconds(found.low)} to {milliseconds(found.high)}, "
        f"limit {milliseconds(limit)}"
    )


def named(candidate: Candidate, present: Candidate) -> str:
    return f"{candidate} (the present setting)" if candidate == present else str(candidate)
