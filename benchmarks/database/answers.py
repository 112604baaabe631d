"""What one peer answers in every scenario, on tables made anew for each, as JSON.

``python -m benchmarks.database.answers PEER URL``
"""

from __future__ import annotations

import json
import sys
from typing import Any

from ..core.measure import call, check
from ..processes import answer_of
from .figures import BARE, PEERS
from .measure import make_app
from .models import fill
from .scenarios import SCENARIOS, Scenario


def of_app(app: Any, scenario: Scenario) -> list[bytes]:
    """Return the bodies of all answers to a scenario, asked once in order."""
    bodies = []
    for request in scenario.requests():
        status, _headers, body = call(app, request, "")
        check(request, status, body)
        bodies.append(body)
    return bodies


def of_peer(peer: str, url: str) -> dict[str, list[str]]:
    """Return what a peer answers in each scenario, in a process of its own."""
    found: dict[str, list[str]] = answer_of(f"{__package__}.answers", peer, url)
    return found


def compare(url: str) -> None:
    """Make sure that all peers answer the same; if not, their times mean nothing."""
    expected = of_peer(BARE, url)
    for peer in PEERS:
        found = of_peer(peer, url)
        differ = [name for name in expected if found[name] != expected[name]]
        if differ:
            raise SystemExit(f"{peer} answers otherwise than {BARE}: {', '.join(differ)}")


def main() -> None:
    peer, url = sys.argv[1:]
    app = make_app(peer, url)
    found = {}
    for scenario in SCENARIOS.values():
        fill(url)
        # Flask ends JSON with a line break.
        found[scenario.name] = [body.decode().rstrip("\n") for body in of_app(app, scenario)]
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
