"""The rules of a map as Werkzeug has compiled them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.routing import BaseConverter, Map
    from werkzeug.routing import Rule as WerkzeugRule


class State(NamedTuple):
    """A point in a path, in Werkzeug's order of preference: static parts, then ``dynamic``."""

    rules: list[WerkzeugRule]
    static: dict[str, State]
    dynamic: list[Step]


class Step(NamedTuple):
    """A variable part of a path and the state behind it."""

    pattern: str
    """A regular expression with a group for each variable."""
    takes_rest: bool
    """Whether it is matched against all that is left of the path."""
    state: State


def read_states(url_map: Map, host: str = "") -> State:
    """Return the rules as Werkzeug has compiled them; for one host, if the map matches hosts."""
    url_map.update()
    hosts = url_map._matcher._root.static
    return _copy_state(hosts[host]) if host in hosts else State([], {}, [])


def has_variable_hosts(url_map: Map) -> bool:
    """Whether a path that no rule of a host matches may be matched by one with variable host."""
    url_map.update()
    return bool(url_map._matcher._root.dynamic)


def _copy_state(state: Any) -> State:
    return State(
        rules=list(state.rules),
        static={part: _copy_state(after) for part, after in state.static.items()},
        dynamic=[
            Step(part.content, part.final, _copy_state(after)) for part, after in state.dynamic
        ],
    )


def converters_of(rule: WerkzeugRule) -> Mapping[str, BaseConverter]:
    """Return the converters of a rule by the name of their variable, in the order of the path."""
    return rule._converters
