"""The memory of one process that answers many mixed requests: it must not grow."""

from __future__ import annotations

import gc
import json
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .apps.twofold import make
from .measure import call, make_runner
from .scenarios import SCENARIOS, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable

REQUESTS = 100_000
MOST_AT_ONCE = 5


def main() -> None:
    """Write memory and live blocks after a warm-up and after the requests, as a line of JSON."""
    chance = random.Random(1)  # noqa: S311
    # A page of 1,000 routes says nothing more than one of ten.
    names = [name for name in SCENARIOS if name not in {"200 routes", "1000 routes"}]
    runners = [run for name in names if (run := make_runner("twofold", name)) is not None]
    runners.append(strangers(chance))

    def answer(count: int) -> tuple[float, int]:
        while count > 0:
            requests = min(chance.randint(1, MOST_AT_ONCE), count)
            chance.choice(runners)(requests)
            count -= requests
        gc.collect()
        return _resident(), sys.getallocatedblocks()

    before, after = answer(REQUESTS // 10), answer(REQUESTS)
    sys.stdout.write(json.dumps({"before": before, "after": after}) + "\n")


def strangers(chance: random.Random) -> Callable[[int], float]:
    """Return what sends requests no two of which are alike, every other to no rule."""
    app = make("10 routes")

    def run(count: int) -> float:
        for _ in range(count):
            number = chance.randrange(10**9)
            path = f"/section5/{number}/part/{number}" if number % 2 else f"/{number}"
            call(app, Scenario("any", "any", path, b""), f"session={number}")
        return 0.0

    return run


def _resident() -> float:
    """Return the resident memory of this process in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    line = next(line for line in lines if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
