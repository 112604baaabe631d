"""One measurement of one peer, in a process of its own, printed as a line of JSON.

``python -m benchmarks.sessions.child MEASUREMENT [PEER]``
"""

from __future__ import annotations

import json
import logging
import sys

GREENLETS = 150
THREADS = 8


def main() -> None:
    measurement, peer = (*sys.argv[1:], "")[:2]
    if measurement == "greenlets":
        # Before anything else is imported, as a gevent worker does.
        from gevent import monkey

        monkey.patch_all()
    logging.disable(logging.CRITICAL)
    from . import cost, load, outage, races

    result = {
        "cost": lambda: cost.measure(peer),
        "bare": lambda: cost.measure_bare(peer),
        "floor": lambda: cost.measure_floor(),
        "threads": lambda: load.measure(peer, THREADS),
        "greenlets": lambda: load.measure(peer, GREENLETS, take_turns=True),
        "races": lambda: races.measure(peer),
        "counters": lambda: races.measure_counters(),
        "outage": lambda: outage.measure(peer),
    }[measurement]()
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
