"""The figures as tables in Markdown."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from ..tables import NONE, table, verdict
from .figures import OURS, Figures
from .goals import GOALS
from .scenarios import SCENARIOS

if TYPE_CHECKING:
    from .starts import Start


def report(figures: Figures, conditions: str) -> str:
    """Return all that was measured."""
    parts = [
        conditions,
        "#### Against the goals",
        goals(figures),
        "#### µs per request (best round; half the spread of the rounds)",
        f"The loop around every request takes {figures.loop:.2f} µs of each.",
        times(figures),
        f"#### How many times as long as {OURS} (lowest and highest round)",
        ratios(figures),
    ]
    if figures.counts:
        parts += ["#### Thousand instructions per request", counts(figures)]
    if figures.starts:
        parts += ["#### Start and memory of a hello app, made and not yet asked", starts(figures)]
    if figures.growth:
        parts.append(growth(figures.growth))
    return "\n\n".join([*parts, "#### What is asked", scenarios(figures)]) + "\n"


def goals(figures: Figures) -> str:
    """Return each goal with what was measured."""
    rows = []
    for goal in GOALS:
        value = goal.measure(figures)
        if value is not None:
            rows.append((goal.text, f"{value:.2f}x", verdict(goal.is_reached(value))))
    return table(("goal", "measured", "reached"), rows)


def times(figures: Figures) -> str:
    """Return the µs of each framework in each scenario."""
    return table(
        ("", *figures.frameworks),
        (
            (scenario, *(_time(figures.times.get((name, scenario))) for name in figures.frameworks))
            for scenario in figures.scenarios
        ),
    )


def _time(values: list[float] | None) -> str:
    if not values:
        return NONE
    spread = (max(values) - min(values)) / 2 / statistics.median(values)
    return f"{min(values):.2f} ±{spread:.0%}"


def ratios(figures: Figures) -> str:
    """Return how many times as long as ours each peer takes."""
    peers = [name for name in figures.frameworks if name != OURS]
    return table(
        ("", *peers),
        (
            (scenario, *(_ratio(figures, name, scenario) for name in peers))
            for scenario in figures.scenarios
        ),
    )


def _ratio(figures: Figures, peer: str, scenario: str) -> str:
    ratio = figures.ratio(scenario, peer, OURS)
    if ratio is None:
        return NONE
    pairs = zip(figures.times[peer, scenario], figures.times[OURS, scenario], strict=True)
    rounds = [theirs / ours for theirs, ours in pairs]
    return f"{ratio:.2f} ({min(rounds):.2f}..{max(rounds):.2f})"


def counts(figures: Figures) -> str:
    """Return the instructions, and by how much two counts of the same differ at most."""
    counted = [name for name in figures.scenarios if (OURS, name) in figures.counts]
    rows = table(
        ("", *figures.frameworks),
        (
            (scenario, *(_count(figures.counts.get((n, scenario))) for n in figures.frameworks))
            for scenario in counted
        ),
    )
    difference = max(abs(a - b) / min(a, b) for a, b in figures.counts.values())
    return f"{rows}\n\nEach was counted twice; two counts differ by {difference:.2%} at most."


def _count(pair: tuple[float, float] | None) -> str:
    return f"{statistics.mean(pair) / 1e3:,.1f}" if pair else NONE


def starts(figures: Figures) -> str:
    """Return times, memory and instructions of the starts."""
    names = [name for name in figures.frameworks if name in figures.starts]
    found = [figures.starts[name] for name in names]
    rows = [
        ("ms of processor time, median", *(_median(start.seconds, 1e3) for start in found)),
        ("middle half of the starts", *(_middle_half(start) for start in found)),
        ("ms by the clock, median", *(_median(start.elapsed, 1e3) for start in found)),
        ("MB then, median", *(_median(start.megabytes, digits=1) for start in found)),
    ]
    if all(start.instructions for start in found):
        million = ((start.instructions or 0) / 1e6 for start in found)
        rows.insert(0, ("million instructions", *(f"{count:,.0f}" for count in million)))
    rounds = len(found[0].seconds)
    note = (
        f"All but the memory is above bare Python; {rounds} starts each, in a new order each time."
    )
    return f"{table(('', *names), rows)}\n\n{note}"


def _median(values: list[float], factor: float = 1, digits: int = 0) -> str:
    return f"{statistics.median(values) * factor:.{digits}f}"


def _middle_half(start: Start) -> str:
    if len(start.seconds) < 2:
        return NONE
    low, _, high = statistics.quantiles(start.seconds, n=4)
    return f"{low * 1e3:.0f}..{high * 1e3:.0f}"


def growth(found: dict[str, list[float]]) -> str:
    """Return a sentence about memory before and after many requests."""
    (before, blocks_before), (after, blocks_after) = found["before"], found["after"]
    return (
        f"After 10,000 mixed requests to {OURS} the process has {before:.1f} MB, after 100,000 more"
        f" {after:.1f} MB; {blocks_after - blocks_before:+,.0f} of {blocks_before:,.0f} objects"
        " that live."
    )


def scenarios(figures: Figures) -> str:
    """Return what each scenario is."""
    rows = ((name, SCENARIOS[name].what) for name in figures.scenarios)
    return table(("scenario", "request"), rows, align="---")
