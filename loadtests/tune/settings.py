"""What `twofold tune` searches for, and how long.

The traffic and its limits are those of the table [loadtests], which `twofold verify` reads too; the
command line comes before it. The rest is the command line's alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadtests.locust_run import find_suite
from loadtests.settings import converted, factor, load_settings, seconds, some_seconds
from loadtests.tune.measuring import Manner

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SHARED = ("suite", "max_p99", "max_errors", "load_generators")
"""Settings of the table that hold here too."""
CONVERTERS = {
    "max_time": some_seconds,
    "duration": some_seconds,
    "warm_up": seconds,
    "max_warm_up": seconds,
    "users_per_slot": factor,
}
DEFAULTS = {
    "max_time": 600.0,
    "duration": 3.0,
    "warm_up": 2.0,
    "max_warm_up": 10.0,
    "users_per_slot": 1.0,
}


@dataclass(frozen=True, slots=True)
class TuneSettings:
    """Times are in seconds."""

    manner: Manner
    max_time: float
    max_p99: float | None


def tune_settings(
    table: Mapping[str, object], options: Mapping[str, object], directory: Path
) -> TuneSettings:
    """Settings from the [loadtests] table and the command line's options (None: not given)."""
    shared = load_settings(table, {name: options.get(name) for name in SHARED})
    own = dict(DEFAULTS)
    for name, convert in CONVERTERS.items():
        if options.get(name) is not None:
            own[name] = converted(convert, options[name], f"--{name.replace('_', '-')}")
    manner = Manner(
        suite=find_suite(shared.suite, directory),
        duration=own["duration"],
        warm_up=own["warm_up"],
        max_warm_up=max(own["max_warm_up"], own["warm_up"]),
        users_per_slot=own["users_per_slot"],
        max_errors=shared.max_errors,
        load_generators=shared.load_generators,
    )
    return TuneSettings(manner, own["max_time"], shared.max_p99)
