"""The answer of a search as a table for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.resources import MIB
from loadtests.page import NOTHING
from loadtests.wording import milliseconds

if TYPE_CHECKING:
    from rich.console import JustifyMethod
    from rich.table import Table
    from rich.text import Text

    from loadtests.tune.outcome import Outcome
    from loadtests.tune.standing import Place, Standing
    from loadtests.tune.tuning import Tuning

WORDS: dict[Place, str] = {
    "best": "fastest",
    "tied": "tied",
    "unsure": "p99 not sure",
    "behind": "behind, not proven slower",
    "slower": "slower",
    "start": "does not start",
    "memory": "out of memory",
    "errors": "errors",
    "p99": "p99 over the limit",
    "void": "not measurable",
}
STYLES: dict[Place, str] = {"best": "green", "tied": "green", "slower": "dim", "behind": "dim"}


def outcome_table(tuning: Tuning) -> Table:
    """One line a setting, the recommended one marked."""
    from rich.table import Table

    table = Table(box=None, header_style="dim", pad_edge=False, collapse_padding=True)
    table.add_column("", no_wrap=True)
    for heading in ("profile", "workers", "each", "req/s", "times the present", "p99", "memory"):
        justify: JustifyMethod = "left" if heading == "profile" else "right"
        table.add_column(heading, justify=justify, no_wrap=True)
    table.add_column("outcome")
    for standing in tuning.outcome.standings:
        table.add_row(*cells(standing, tuning.outcome))
    return table


def notes(tuning: Tuning) -> list[str]:
    """What the table has no room for."""
    reasons = [
        f"{each.candidate}: {WORDS[each.place]}: {each.reason}"
        for each in tuning.outcome.standings
        if each.reason and each.place not in ("slower", "behind")
    ]
    return [*reasons, *(f"Left out: {each}." for each in tuning.left_out)]


def cells(standing: Standing, outcome: Outcome) -> list[Text]:
    from rich.text import Text

    candidate = standing.candidate
    word = WORDS[standing.place]
    if standing.place == "slower":
        word = f"{word} {standing.reason}"
    elif standing.place == "behind" and standing.reason:
        word = standing.reason
    if candidate == outcome.present:
        word += " (present)"
    return [
        Text(">" if candidate == outcome.recommended else "", "bold green"),
        Text(candidate.profile),
        Text(f"{candidate.workers:,}"),
        Text(f"{candidate.concurrency:,}"),
        *figures(standing),
        Text(word, STYLES.get(standing.place, "yellow")),
    ]


def figures(standing: Standing) -> list[Text]:
    from rich.text import Text

    nothing = Text(NOTHING, "dim")
    if standing.throughput is None or standing.p99 is None:
        return [nothing] * 4
    times = nothing
    if standing.gain is not None:
        times = Text(f"{standing.gain:.2f}")
        interval = standing.gain_interval
        if interval and interval.low < interval.high:
            times.append(f" ({interval.low:.2f} to {interval.high:.2f})", "dim")
    return [
        Text(f"{standing.throughput:,.0f}"),
        times,
        Text(milliseconds(standing.p99)),
        Text(f"{standing.memory / MIB:,.0f} MiB") if standing.memory else nothing,
    ]
