"""Compare the frameworks in one run: ``python -m benchmarks.core``; ``--help`` shows shorter ones.

Every time is the best of short batches, each in a fresh process; the processes of all frameworks
take turns, so that a slow minute of the machine hits all alike.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
from pathlib import Path
from typing import Any

from .. import readme
from ..processes import answer_of
from ..progress import tell
from ..tables import as_json, conditions, versions
from . import instructions, starts, tables
from .figures import OURS, Figures
from .scenarios import SCENARIOS

FRAMEWORKS = ("bare", OURS, "falcon", "bottle", "starlette", "django", "flask")
PACKAGES = ("werkzeug", "jinja2", "falcon", "bottle", "starlette", "django", "flask")
COUNTED = ("hello", "JSON", "template dicts", "session")
"""Scenarios whose instructions are counted unless others are asked for."""


def main() -> None:
    options = parse()
    figures = Figures(options.frameworks, options.scenarios)
    load = os.getloadavg()[0]
    measure_times(figures, options.rounds, options.seconds)
    if options.starts:
        figures.starts = starts.measure(figures.frameworks, options.starts, tell)
    if options.growth:
        figures.growth = run_module("growth")
    if options.instructions:
        count_instructions(figures, options.instructions)
    text = tables.report(figures, conditions(versions(PACKAGES), options.rounds, load))
    sys.stdout.write(text)
    if options.json:
        options.json.write_text(json.dumps(as_json(figures), indent=1) + "\n")
    if options.readme:
        readme.write("core", text)


def parse() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.core", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=4, help="fresh processes for each time (default: 4)")
    add("--seconds", type=float, default=0.5, help="of batches in each process (default: 0.5)")
    add("--scenarios", type=names_of(SCENARIOS), default=list(SCENARIOS), help="all by default")
    add("--frameworks", type=names_of(FRAMEWORKS), default=list(FRAMEWORKS), help="all by default")
    add("--starts", type=int, default=20, help="starts of each framework; 0 for none (default: 20)")
    add(
        "--instructions",
        type=names_of(SCENARIOS),
        default=list(COUNTED),
        metavar="SCENARIOS",
        help="scenarios to count instructions of, '' for none; needs valgrind",
    )
    add("--no-growth", dest="growth", action="store_false", help="do not look at memory over time")
    add("--json", type=Path, help="also write every single figure to this file")
    add("--readme", action="store_true", help="also put the tables into benchmarks/README.md")
    options = parser.parse_args()
    if OURS not in options.frameworks:
        options.frameworks.insert(0, OURS)
    if options.instructions and shutil.which("valgrind") is None:
        parser.error("valgrind is missing; install it, or do without by --instructions ''")
    return options


def names_of(known: Any) -> Any:
    """Return what parses names separated by commas."""

    def names(text: str) -> list[str]:
        found = [name.strip() for name in text.split(",") if name.strip()]
        if unknown := sorted(set(found) - set(known)):
            raise argparse.ArgumentTypeError(f"{unknown} is none of {', '.join(known)}")
        return found

    return names


def measure_times(figures: Figures, rounds: int, seconds: float) -> None:
    """Measure each framework in each scenario, once a round."""
    batches = ("--seconds", str(seconds))
    figures.loop = run_module("measure", "loop", "hello", *batches)
    for number in range(rounds):
        for scenario in figures.scenarios:
            for framework in random.sample(figures.frameworks, len(figures.frameworks)):
                time = run_module("measure", framework, scenario, *batches)
                if time is not None:
                    figures.times.setdefault((framework, scenario), []).append(time)
            tell(f"round {number + 1} of {rounds}: {scenario}")


def count_instructions(figures: Figures, scenarios: list[str]) -> None:
    """Count the instructions of requests, and of starts if those were timed."""
    for scenario in scenarios:
        for framework in figures.frameworks:
            counts = instructions.of_request(framework, scenario)
            if counts is not None:
                figures.counts[framework, scenario] = counts
            tell(f"instructions of {scenario}: {framework}")
    starts.count_instructions(figures.starts, tell)


def run_module(name: str, *arguments: str) -> Any:
    """Return what a module of this package found in a process of its own."""
    return answer_of(f"{__package__}.{name}", *arguments)


if __name__ == "__main__":
    main()
