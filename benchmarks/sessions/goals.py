"""What we set out to reach, held against what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..tables import NONE, verdict
from .cost import BARE_SOCKET, TRANSPORT
from .outage import WORKERS
from .peers import COOKIE, FLASK_SESSION, OURS
from .tables import duration, ratio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .tables import Runs


def goal_rows(runs: Runs) -> list[list[str]]:
    """Return what is measured, the goal, what was reached, and whether that is enough."""
    return [[name, goal, reached, verdict] for name, goal, reached, verdict in _goals(runs)]


def _goals(runs: Runs) -> Iterator[tuple[str, str, str, str]]:
    costs = runs["cost"][OURS]
    pages = ("untouched", "read", "write", "forged")
    commands = [max(found[page]["commands"] for found in costs) for page in pages]
    yield (
        "commands: untouched / read / write / forged id",
        "0 / 1 / 2 / 0",
        " / ".join(f"{count:g}" for count in commands),
        verdict(commands == [0, 1, 2, 0]),
    )
    yield "touches of a session", "1 in a tenth of the timeout", "held by a test", "yes"
    for peer, goals in ((COOKIE, (0.25, 0.9, 0.6)), (FLASK_SESSION, (0.12, 0.45, 0.65))):
        for page, goal in zip(pages, goals, strict=False):
            reached = ratio(runs, peer, page)
            yield (
                f"CPU of the session against {peer}: {page}",
                f"{goal}",
                f"{reached:.2f}",
                verdict(reached <= goal),
            )
    floors = [found[BARE_SOCKET] for found in runs["floor"][""]]
    reads = [found[TRANSPORT] for found in runs["floor"][""]]
    over = min(reads) / min(floors)
    yield "a read over a bare socket", "1.4", f"{over:.2f}", verdict(over <= 1.4)
    yield from _race_goals(runs["races"][OURS])
    yield from _outage_goals([found[kind] for found in runs["outage"][OURS] for kind in found])


def _race_goals(races: list[dict[str, Any]]) -> Iterator[tuple[str, str, str, str]]:
    for name, found in (
        ("acknowledged updates lost", max(race["counts lost"] for race in races)),
        ("sessions alive after logout", sum(race["alive after logout"] for race in races)),
        ("cookies overwritten", max(race["login cookie overwritten"] for race in races)),
    ):
        yield name, "0", str(found), verdict(found == 0)


def _outage_goals(outages: list[dict[str, Any]]) -> Iterator[tuple[str, str, str, str]]:
    for name, key, goal in (
        ("longest request while the server hangs or is gone", "longest session page", 0.3),
        ("a refusal while it is known to be away, p95", "a refusal, p95", 0.005),
        ("recovery", "recovery", 1.0),
    ):
        longest = max(WORKERS if found[key] is None else found[key] for found in outages)
        yield name, duration(goal), duration(longest), verdict(longest <= goal)
    errors = max(found["plain errors"] for found in outages)
    yield "errors on pages without a session", "0", str(errors), verdict(errors == 0)
    gone = WORKERS - min(found["logged in"] for found in outages)
    yield "users logged out by an outage", "0", str(gone), verdict(gone == 0)
    yield "failover with sentinels", "down-after + 2 s", "not measured here", NONE
