"""Compare session stores in one run: ``python -m benchmarks.sessions [--rounds N] [--json FILE]``.

Every measurement is a fresh process with a Valkey of its own; the peers take turns, so that a slow
minute of the machine hits all alike.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path
from typing import Any

from ..processes import answer_of
from ..progress import tell
from ..tables import table
from .goals import goal_rows
from .peers import FRAMEWORKS, ON_A_SERVER, PEERS
from .tables import conditions, report

MEASUREMENTS = {
    "cost": PEERS,
    "bare": tuple(dict.fromkeys(FRAMEWORKS.values())),
    "floor": ("",),
    "threads": PEERS,
    "greenlets": PEERS,
    "races": PEERS,
    "counters": ("",),
    "outage": ON_A_SERVER,
}
"""What is measured, and of whom."""

LONGEST = 120
"""Seconds a measurement may take before the run is given up."""

Runs = dict[str, dict[str, list[Any]]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sessions", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="fresh processes for each figure")
    parser.add_argument("--json", type=Path, help="also write every single figure to this file")
    options = parser.parse_args()
    runs = measure(options.rounds)
    tell("")
    goals = table(["", "goal", "reached", ""], goal_rows(runs))
    parts = (conditions(), report(runs), "#### Against the goals", goals)
    sys.stdout.write("\n\n".join(parts) + "\n")
    if options.json:
        options.json.write_text(json.dumps(runs, indent=1))


def measure(rounds: int) -> Runs:
    """Return the results by measurement and peer, one a round."""
    runs: Runs = {}
    for number in range(rounds):
        for measurement, peers in MEASUREMENTS.items():
            for peer in random.sample(peers, len(peers)):
                tell(f"round {number + 1} of {rounds}: {measurement} {peer}")
                result = run_child(measurement, peer)
                runs.setdefault(measurement, {}).setdefault(peer, []).append(result)
    return runs


def run_child(measurement: str, peer: str) -> Any:
    """Return what a measuring process found."""
    return answer_of(f"{__package__}.child", measurement, peer, timeout=LONGEST)


if __name__ == "__main__":
    main()
