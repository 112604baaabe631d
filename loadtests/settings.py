"""What `twofold verify` measures and demands.

The command line comes before the table [loadtests] of twofold.toml, that before the defaults. Both
write a value the same way, so one converter reads either, and its error names where it came from.
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from loadtests.errors import LoadTestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DURATION = re.compile(r"(?P<number>[0-9]{1,9}(?:\.[0-9]+)?)\s*(?P<unit>ms|s|m|min|h)?")
NUMBER = re.compile(r"[0-9]{1,9}")
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, None: 1.0}


def seconds(value: object) -> float:
    """Seconds from ``200ms``, ``10s``, ``2m`` or a number of seconds."""
    match = DURATION.fullmatch(str(value).strip())
    if isinstance(value, bool) or match is None:
        raise ValueError("write a duration such as 200ms, 10s or 2m")
    return float(match["number"]) * SECONDS[match["unit"]]


def some_seconds(value: object) -> float:
    number = seconds(value)
    if number <= 0:
        raise ValueError("write a duration longer than nothing, such as 10s")
    return number


def sizes(value: object) -> tuple[int, ...]:
    """Two or more different sizes in ascending order, from ``1,2,4`` or a TOML array."""
    items = value if isinstance(value, list | tuple) else str(value).split(",")
    numbers = [whole_number(item, least=1) for item in items]
    if len(set(numbers)) < len(numbers):
        raise ValueError("name each size once; --rounds repeats them")
    if len(numbers) < 2:
        raise ValueError("name at least two sizes, such as 1,2,4: scaling compares them")
    return tuple(sorted(numbers))


def whole_number(value: object, least: int) -> int:
    if isinstance(value, bool) or not NUMBER.fullmatch(str(value).strip()):
        raise ValueError(f"write whole numbers from {least} up")
    number = int(str(value))
    if number < least:
        raise ValueError(f"{number} is too small: write whole numbers from {least} up")
    return number


def count(value: object) -> int:
    return whole_number(value, least=1)


def limit(value: object) -> int:
    return whole_number(value, least=0)


def factor(value: object) -> float:
    """A finite number above zero."""
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number) or number <= 0:
        raise ValueError("write a number above 0, such as 1.5")
    return number


def surplus(value: object) -> float:
    """A factor above 1."""
    number = factor(value)
    if number <= 1:
        raise ValueError("write a number above 1, such as 1.5: with fewer users slots stay idle")
    return number


def share(value: object) -> float:
    """A part of a whole: above 0, below 1."""
    number = factor(value)
    if number >= 1:
        raise ValueError("write a share between 0 and 1, such as 0.7")
    return number


def text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("write a text")
    return value


def setting(convert: Callable[[object], Any], default: Any) -> Any:
    return field(default=default, metadata={"convert": convert})


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifySettings:
    """The settings of a scaling run. Durations are seconds."""

    suite: str = setting(text, "front")
    """A name in `loadtests/suites`, or the path of a locustfile relative to twofold.toml."""
    nodes: tuple[int, ...] | None = setting(sizes, None)
    """Numbers of nodes to compare."""
    workers: tuple[int, ...] | None = setting(sizes, None)
    """Numbers of workers on one node to compare, instead of nodes."""
    rounds: int | None = setting(count, None)
    """How often each size is measured; None to repeat until `precision` is reached."""
    precision: float = setting(share, 0.03)
    """How far the 95 % interval of the efficiency at the largest size may reach to either side."""
    max_time: float | None = setting(some_seconds, None)
    """How long the whole run may take; None for ten minutes, or with `rounds` for no limit."""
    seed: int | None = setting(limit, None)
    """Of the order of the points; None for one of chance."""
    duration: float = setting(some_seconds, 10.0)
    """How long each point is measured."""
    warm_up: float = setting(seconds, 3.0)
    """How long traffic runs before that at least."""
    max_warm_up: float = setting(seconds, 30.0)
    """How long it may run until throughput and latency have settled."""
    users_per_slot: float = setting(surplus, 1.5)
    """Users for each request a deployment can serve at once; above 1 every slot is kept busy."""
    load_generators: int = setting(count, 1)
    """Locust processes that make the traffic."""
    latency_at: float | None = setting(share, None)
    """The share of each size's throughput at which to measure its latency besides."""
    min_efficiency: float = setting(factor, 0.9)
    """The least efficiency at any size."""
    max_p99: float | None = setting(some_seconds, None)
    """The highest p99 latency at any size."""
    max_errors: int = setting(limit, 0)
    """The most failed requests in a point."""


ALTERNATIVES = (
    ("nodes", "workers", "Vary one of them; --workers-per-node sets the workers of every node."),
    ("rounds", "precision", "Repeat a number of times, or until the efficiency is known."),
)
"""Settings that exclude each other, and what to do instead."""


def load_settings(table: Mapping[str, object], options: Mapping[str, object]) -> VerifySettings:
    """Settings from the [loadtests] table and the command line's options (None: not given)."""
    known = {field.name: field.metadata["convert"] for field in fields(VerifySettings)}
    for key in table:
        if key not in known:
            raise LoadTestError(unknown_key(key, list(known)))
    given = {key: value for key, value in options.items() if value is not None}
    for one, other, advice in ALTERNATIVES:
        table = without_alternatives(one, other, advice, table, given)
    origins = {key: f"loadtests.{key} in twofold.toml" for key in table}
    origins |= {key: f"--{key.replace('_', '-')}" for key in given}
    values = {
        key: converted(known[key], value, origins[key]) for key, value in {**table, **given}.items()
    }
    return VerifySettings(**values)


def without_alternatives(
    one: str, other: str, advice: str, table: Mapping[str, object], given: Mapping[str, object]
) -> Mapping[str, object]:
    """The table without the two keys if the command line gives either of them."""
    if one in given and other in given:
        raise LoadTestError(f"--{one} and --{other} were both given. {advice}")
    if one in given or other in given:
        return {key: value for key, value in table.items() if key not in (one, other)}
    if one in table and other in table:
        raise LoadTestError(
            f"twofold.toml sets both loadtests.{one} and loadtests.{other}. Keep one of them."
        )
    return table


def converted(convert: Callable[[object], Any], value: object, origin: str) -> Any:
    try:
        return convert(value)
    except ValueError as error:
        raise LoadTestError(f"{origin} is {value!r}: {error}.") from None


def unknown_key(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(known)}."
    return f"twofold.toml has an unknown key loadtests.{key}. {hint}"
