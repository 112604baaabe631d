"""One peer in one scenario, in a process of its own.

``python -m benchmarks.database.measure PEER SCENARIO URL [--count N]``: for each line that it reads
it answers a block of requests, and writes the µs that one took as a line of JSON. With ``--count``
it answers N requests twice, with a mark for callgrind before, between and after.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import sys
import time
from io import BytesIO
from typing import TYPE_CHECKING, Any

from ..core.measure import WARM, call, check, run_between_marks
from .scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .scenarios import Scenario

LEAD = 2
"""Requests at the beginning of a block that are not counted: others have used the caches."""

BLOCK = 10
"""Requests of a block that are counted: so few that the blocks beside it meet the same machine."""


def runner(app: Any, scenario: Scenario) -> Callable[[int], float]:
    """Return a function that answers ``count`` requests and returns the seconds it took.

    These are seconds of this process on the processor; what the database server takes, and waiting
    for it, are no part.
    """
    requests = scenario.requests()
    for request in requests:
        check(request, *call(app, request, "")[::2])
    environs = [{**request.environ(), "wsgi.input": BytesIO()} for request in requests]
    turns = itertools.cycle(environs)

    def start_response(status: str, headers: list[Any], exc_info: Any = None) -> None:
        pass

    def run(count: int) -> float:
        start = time.process_time()
        for environ in itertools.islice(turns, count):
            chunks = app(environ.copy(), start_response)
            for _chunk in chunks:
                pass
            if hasattr(chunks, "close"):
                chunks.close()
        return time.process_time() - start

    return run


def make_app(peer: str, url: str) -> Any:
    return importlib.import_module(f".apps.{peer}", __package__).make(url)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("peer")
    parser.add_argument("scenario", choices=list(SCENARIOS))
    parser.add_argument("url", help="of the database, which has the tables")
    parser.add_argument("--count", type=int, help="run so many requests under callgrind instead")
    options = parser.parse_args()
    run = runner(make_app(options.peer, options.url), SCENARIOS[options.scenario])
    if options.count:
        run_between_marks(run, options.count)
        return
    run(WARM)
    for _line in sys.stdin:
        run(LEAD)
        sys.stdout.write(json.dumps(run(BLOCK) / BLOCK * 1e6) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
