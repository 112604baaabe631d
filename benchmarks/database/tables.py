"""The figures as tables in Markdown."""

from __future__ import annotations

import statistics

from ..tables import NONE, table, verdict
from .figures import BARE, CONFIDENCE, FLASK, MOST, OURS, PEERS, Figures, interval
from .scenarios import SCENARIOS

NAMES = {BARE: "bare SQLAlchemy", OURS: OURS, FLASK: "Flask with Flask-SQLAlchemy"}


def report(figures: Figures, conditions: str) -> str:
    """Return all that was measured."""
    parts = [
        conditions,
        "#### Our part above bare SQLAlchemy, as a share of Flask's",
        goals(figures),
        "#### µs of the processor per request (middle round; half the spread of the rounds)",
        times(figures),
    ]
    if figures.counts:
        parts += ["#### Thousand instructions per request, the kernel's left out", counts(figures)]
    return "\n\n".join([*parts, "#### What is asked", asked(figures)]) + "\n"


def goals(figures: Figures) -> str:
    """Return the shares of each scenario, and whether they are as small as they should be."""
    rows = []
    for scenario in figures.scenarios:
        rounds, count = figures.time_shares(scenario), figures.count_share(scenario)
        low, high = interval(rounds)
        rows.append(
            (
                scenario,
                f"{statistics.median(rounds):.2f} ({low:.2f}..{high:.2f})",
                "not shown" if low <= MOST < high else verdict(high <= MOST),
                NONE if count is None else f"{count:.2f}",
            )
        )
    head = (f"time (middle round; {CONFIDENCE:.0%})", f"at most {MOST:g}", "instructions")
    return table(("", *head), rows)


def times(figures: Figures) -> str:
    """Return the µs of each peer in each scenario."""
    return table(
        ("", *(NAMES[peer] for peer in PEERS)),
        (
            (scenario, *(_time(figures.rounds(peer, scenario)) for peer in PEERS))
            for scenario in figures.scenarios
        ),
    )


def _time(values: list[float]) -> str:
    middle = statistics.median(values)
    return f"{middle:.0f} ±{(max(values) - min(values)) / 2 / middle:.0%}"


def counts(figures: Figures) -> str:
    """Return the instructions, and by how much two counts of the same differ at most."""
    rows = table(
        ("", *(NAMES[peer] for peer in PEERS)),
        (
            (scenario, *(_count(figures.count(peer, scenario)) for peer in PEERS))
            for scenario in figures.scenarios
        ),
    )
    difference = max(abs(a - b) / min(a, b) for a, b in figures.counts.values())
    return f"{rows}\n\nEach was counted twice; two counts differ by {difference:.2%} at most."


def _count(value: float | None) -> str:
    return NONE if value is None else f"{value / 1e3:,.0f}"


def asked(figures: Figures) -> str:
    """Return what each scenario is."""
    rows = ((name, SCENARIOS[name].what) for name in figures.scenarios)
    return table(("scenario", "request"), rows, align="---")
