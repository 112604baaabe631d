"""The figures as tables in Markdown."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from ..tables import NONE, table, verdict
from .goals import goals
from .memory import CONNECTIONS, WORKERS
from .servers import ALL, OURS, PROFILES, STOCK, STOCK_FAST
from .times import SHOP_PAGES, SHOPS, with_framework

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .figures import Figures, Memory, Way

BUSY = 0.95
"""Part of its core from which on the client sets the pace."""

AT_THE_LIMIT = "≥ "
"""Stands before a throughput that the client did not let become higher."""


def report(figures: Figures, conditions: str) -> str:
    """Return all that was measured."""
    parts = [conditions, "#### Against the goals", _goals(figures)]
    hello, shop = figures.ways("hello"), figures.ways(*SHOP_PAGES)
    if hello:
        names = [server.name for server in ALL]
        parts += ["#### Hello: µs of processor time a request", times(figures, names, hello)]
        parts += ["#### Hello: processor time beside others'", ratios(figures, _rivals(), hello)]
        parts += ["#### Hello: requests/s on one core (p99 in ms)", rates(figures, names, hello)]
    if shop:
        parts += ["#### The shop: µs of processor time a request", times(figures, SHOPS, shop)]
        parts += ["#### The shop: beside Flask on gunicorn", ratios(figures, _shops(), shop)]
        parts += ["#### The shop: requests/s on one core (p99 in ms)", rates(figures, SHOPS, shop)]
    if any(memory.workers == 1 for memory in figures.memory):
        parts += ["#### Memory of a hello app", memory(figures)]
    if any(memory.workers > 1 for memory in figures.memory):
        title = f"#### MiB a worker of the shop takes, {WORKERS} workers, preload off and on"
        parts += [title, preload(figures)]
    wrong = "; ".join(figures.errors()) or "none"
    return "\n\n".join([*parts, f"Errors that the client met: {wrong}."]) + "\n"


def _goals(figures: Figures) -> str:
    rows = [(goal.text, goal.measured, verdict(goal.reached)) for goal in goals(figures)]
    return table(("goal", "measured", "reached"), rows)


def times(figures: Figures, servers: Iterable[str], ways: list[Way]) -> str:
    """Return the median of the rounds, the lowest and the highest."""
    rows = [
        (server, *(_with_range(figures.microseconds(server, way), ".0f") for way in ways))
        for server in servers
        if any(figures.of(server, way) for way in ways)
    ]
    return table(("", *map(str, ways)), rows)


def ratios(figures: Figures, pairs: Iterable[tuple[str, str]], ways: list[Way]) -> str:
    """Return the median, the lowest and the highest of the rounds' ratios."""
    rows = [
        (f"{ours} / {other}", *(_with_range(figures.ratios(ours, other, way)) for way in ways))
        for ours, other in pairs
        if any(figures.ratios(ours, other, way) for way in ways)
    ]
    return table(("", *map(str, ways)), rows)


def _with_range(values: list[float], form: str = ".2f") -> str:
    if not values:
        return NONE
    middle = statistics.median(values)
    return f"{middle:{form}} ({min(values):{form}}..{max(values):{form}})"


def rates(figures: Figures, servers: Iterable[str], ways: list[Way]) -> str:
    """Return the median throughput and p99."""
    rows = [
        (server, *(_rate(figures, server, way) for way in ways))
        for server in servers
        if any(figures.of(server, way) for way in ways)
    ]
    return table(("", *map(str, ways)), rows)


def _rate(figures: Figures, server: str, way: Way) -> str:
    visits = figures.of(server, way)
    if not visits:
        return NONE
    rate = statistics.median(visit.requests / visit.seconds for visit in visits)
    p99 = statistics.median(visit.p99 for visit in visits) * 1000
    limited = statistics.median(visit.busy for visit in visits) > BUSY
    return f"{AT_THE_LIMIT if limited else ''}{rate:,.0f} ({p99:.1f})"


def _rivals() -> Iterator[tuple[str, str]]:
    for others in (STOCK, STOCK_FAST):
        for profile in PROFILES:
            yield OURS[profile].name, others[profile].name


def _shops() -> Iterator[tuple[str, str]]:
    for profile in PROFILES:
        yield with_framework("Twofold", OURS[profile]), with_framework("Flask", STOCK[profile])
    flask = with_framework("Flask", STOCK["threads"])
    yield with_framework("Twofold", STOCK["threads"]), flask
    yield with_framework("Flask", OURS["threads"]), flask


def memory(figures: Figures) -> str:
    """Return what a worker takes, and what a connection adds."""
    head = (
        *("", "MiB a worker at start", "after requests", "of them"),
        f"KiB an idle connection ({CONNECTIONS:,})",
    )
    found = [figures.memory_of(server.name) for server in ALL]
    return table(head, (_memory_row(memory) for memory in found if memory))


def _memory_row(memory: Memory) -> tuple[str, ...]:
    connection = NONE if memory.connection is None else f"{memory.connection:.1f}"
    return (
        memory.server,
        f"{memory.start:.1f}",
        f"{memory.end:.1f}",
        f"{memory.requests:,}",
        connection,
    )


def preload(figures: Figures) -> str:
    """Return what a worker takes at start and after many requests, and what the node takes."""
    head = ("", "start: off", "on", "after requests: off", "on", "whole node then: off", "on")
    rows = []
    requests = min(memory.requests for memory in figures.memory if memory.workers > 1)
    for profile in PROFILES:
        for server in (OURS[profile].name, STOCK[profile].name):
            off, on = (
                figures.memory_of(server, preload=preload, workers=WORKERS)
                for preload in (False, True)
            )
            if off and on:
                pairs = (off.start, on.start, off.end, on.end, off.end_all, on.end_all)
                rows.append((server, *(f"{value:.1f}" for value in pairs)))
    note = f"Between the two, each answered {requests:,} requests or more for the page of an item."
    return f"{table(head, rows)}\n\n{note}"
