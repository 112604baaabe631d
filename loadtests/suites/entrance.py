"""Lets each worker of Locust come in by an entrance of its own: TWOFOLD_HOST, before --host.

A deployment with several balancers has as many entrances. Locust's master tells all its workers the
same host; what stands in a worker's environment counts more.
"""

import os
from typing import Any

from locust import events


def choose(environment: Any, **_: object) -> None:
    """Locust's event at the start of a test, after the master has told its host."""
    environment.host = os.environ.get("TWOFOLD_HOST") or environment.host


events.test_start.add_listener(choose)
