"""Tables in Markdown, and what stands above them: who was compared, and where."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NONE = "-"
"""Stands for what a peer does not have, or what was not measured."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]], align: str = "--:") -> str:
    """Return a table whose first column is text."""
    lines = [head, ["---", *[align] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def verdict(reached: bool) -> str:
    """Return what a table of goals says."""
    return "yes" if reached else "**no**"


def versions(packages: Iterable[str]) -> str:
    """Return Python's version and those of the packages that are installed."""
    found = []
    for name in packages:
        with suppress(metadata.PackageNotFoundError):
            found.append(f"{name} {metadata.version(name)}")
    return f"Python {platform.python_version()}; {', '.join(found)}"


def processor() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def conditions(compared: str, rounds: int, load: float) -> str:
    """Return what was measured on what, and how busy that was: ``load`` is that of the start."""
    load_now = os.getloadavg()[0]
    return (
        f"{compared}. {processor()}, {os.cpu_count()} cores;"
        f" {rounds} rounds. Load average {load:.1f} at the start, {load_now:.1f} at the end;"
        " this run by itself makes 1.0."
    )


def as_json(figures: Any) -> dict[str, Any]:
    """Return every single figure of a dataclass with ``times`` and ``counts`` by pairs of names."""
    found = asdict(figures)
    for name in ("times", "counts"):
        found[name] = {" / ".join(key): value for key, value in found[name].items()}
    return found
