"""What the figures are held against."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from .memory import WORKERS
from .servers import OURS, PROFILES, STOCK
from .times import SHOP_PAGES, with_framework

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .figures import Figures

HELLO = 0.30
"""Of the processor time of gunicorn's own class of the profile."""

FRAMEWORK = 0.20
"""Of the processor time of Flask on gunicorn's own class."""

WORKER = 2.0
"""MiB that a worker may take above gunicorn's own."""

CONNECTION = 20.0
"""KiB that an idle connection may take."""


class Goal(NamedTuple):
    """A limit, and what was measured."""

    text: str
    measured: str
    reached: bool


def goals(figures: Figures) -> list[Goal]:
    """Return the goals of which something was measured."""
    return [*_hello(figures), *_framework(figures), *_worker(figures), *_connection(figures)]


def _hello(figures: Figures) -> Iterator[Goal]:
    for profile in PROFILES:
        for connections in sorted({way.connections for way in figures.ways("hello")}):
            ways = [way for way in figures.ways("hello") if way.connections == connections]
            found = {
                "new" if way.close else "kept": ratio
                for way in ways
                if (ratio := figures.ratio(OURS[profile].name, STOCK[profile].name, way))
            }
            if found:
                clients = "1 connection" if connections == 1 else f"{connections} connections"
                yield Goal(
                    f"hello, {profile}, {clients}: at most {HELLO:.2f}x {STOCK[profile].name}",
                    ", ".join(f"{ratio:.2f}x {kind}" for kind, ratio in found.items()),
                    max(found.values()) <= HELLO,
                )


def _framework(figures: Figures) -> Iterator[Goal]:
    pairs = [
        (with_framework("Twofold", OURS[profile]), with_framework("Flask", STOCK[profile]))
        for profile in PROFILES
    ]
    for page in SHOP_PAGES:
        found = [
            ratio
            for ours, other in pairs
            for way in figures.ways(page)
            if (ratio := figures.ratio(ours, other, way))
        ]
        if found:
            yield Goal(
                f"{page} page, all profiles: at most {FRAMEWORK:.2f}x Flask on gunicorn",
                f"{min(found):.2f}x to {max(found):.2f}x",
                max(found) <= FRAMEWORK,
            )


def _worker(figures: Figures) -> Iterator[Goal]:
    apps = {1: "hello", WORKERS: "the shop"}
    for profile, workers in product(PROFILES, apps):
        ours = figures.memory_of(OURS[profile].name, workers=workers)
        other = figures.memory_of(STOCK[profile].name, workers=workers)
        if ours and other:
            more = ours.start - other.start, ours.end - other.end
            yield Goal(
                f"{apps[workers]}, a worker of {profile}: at most {WORKER:g} MiB above "
                f"{other.server}'s",
                f"{more[0]:+.1f} MiB at start, {more[1]:+.1f} MiB at the end",
                max(more) <= WORKER,
            )


def _connection(figures: Figures) -> Iterator[Goal]:
    for profile in PROFILES:
        ours = figures.memory_of(OURS[profile].name)
        if ours and ours.connection is not None:
            yield Goal(
                f"an idle connection of {profile}: at most {CONNECTION:g} KiB",
                f"{ours.connection:.1f} KiB",
                ours.connection <= CONNECTION,
            )
