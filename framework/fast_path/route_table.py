"""A table of the URL map's rules that finds most paths in a fraction of Werkzeug's time.

It is compiled from the rules as Werkzeug has ordered them and follows the same preferences. It says
:data:`UNSURE` whenever Werkzeug might redirect, refuse the method or do anything but match, and
then Werkzeug is asked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from werkzeug.routing import (
    AnyConverter,
    FloatConverter,
    IntegerConverter,
    PathConverter,
    UnicodeConverter,
    UUIDConverter,
)

from ..werkzeug_internals.requests import decode_path
from ..werkzeug_internals.rules import converters_of, read_states

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from werkzeug.routing import Map
    from werkzeug.routing import Rule as WerkzeugRule

    from .._typing import StartResponse, WSGIEnvironment
    from ..werkzeug_internals.rules import State, Step

    Answer = Callable[[WSGIEnvironment, StartResponse, dict[str, Any]], Iterable[bytes]]

KNOWN_CONVERTERS = frozenset(
    {AnyConverter, FloatConverter, IntegerConverter, PathConverter, UnicodeConverter, UUIDConverter}
)


class Entry:
    """What a path and a method lead to, and how the path's variables become arguments.

    ``names`` are those of the variables, ``conversions`` make values of those that are not text.
    """

    __slots__ = ("conversions", "defaults", "names", "target")

    def __init__(
        self,
        target: Answer,
        names: tuple[str, ...],
        conversions: tuple[tuple[str, Callable[[str], Any]], ...],
        defaults: dict[str, Any],
    ) -> None:
        self.target = target
        self.names = names
        self.conversions = conversions
        self.defaults = defaults

    def arguments(self, values: tuple[str, ...]) -> dict[str, Any]:
        """Return the arguments of the view; ``ValueError`` if Werkzeug may refuse a value."""
        arguments: dict[str, Any] = dict(zip(self.names, values, strict=False))
        for name, convert in self.conversions:
            arguments[name] = convert(arguments[name])
        if self.defaults:
            arguments.update(self.defaults)
        return arguments


Leaf = dict[str, Entry]
"""The entries of one path by method; a method that is missing is for Werkzeug."""

UNSURE: Leaf = {}
"""The leaf of a path that only Werkzeug can tell about."""


class _Node:
    __slots__ = ("dynamic", "leaf", "only_dynamic", "only_static", "static", "takes_slash")

    def __init__(self, leaf: Leaf | None) -> None:
        self.leaf = leaf
        """Where the path ends here; ``None`` if no rule ends here."""
        self.static: dict[str, _Node] = {}
        self.dynamic: list[tuple[Callable[[str], Any], bool, bool, _Node]] = []
        """A test, whether it gives a match with groups, whether it takes the rest, what follows."""
        self.takes_slash = False
        """Whether one slash more at the end may match here too."""
        self.only_static = False
        self.only_dynamic = False
        """Whether what follows is of one kind, so that nothing else has to be tried after it."""


class RouteTable:
    """The rules of a host; ``target_of(rule)`` is what each leads to, ``None`` for the general way.

    :ivar static: the leaves of paths without variables, as they stand in the environ.
    """

    def __init__(
        self, url_map: Map, host: str, target_of: Callable[[WerkzeugRule], Answer | None]
    ) -> None:
        root = read_states(url_map, host)
        self._target_of = target_of
        # Every path starts with a slash, so the first part is empty.
        self._root = self._compile(root.static.get("") or root)
        self.static: dict[str, Leaf] = {}
        self._add_static(self._root, "")

    def find(self, path: str) -> tuple[Leaf, tuple[str, ...]] | None:
        """Return the leaf of a path of the environ and the texts of its variables.

        ``None`` means that no rule matches with any method.
        """
        if not path.isascii():
            path = decode_path(path)
        # Werkzeug drops slashes at the front and may redirect from doubled ones.
        if path[:1] != "/" or "//" in path:
            return UNSURE, ()
        return _walk(self._root, path.split("/"), 1, ())

    def _compile(self, state: State) -> _Node:
        node: _Node = _Node(self._leaf(state))
        node.static = {part: self._compile(after) for part, after in state.static.items()}
        for step in state.dynamic:
            test, has_groups = _test(step)
            node.dynamic.append((test, has_groups, step.takes_rest, self._compile(step.state)))
        node.takes_slash = any(not rule.strict_slashes for rule in state.rules)
        node.only_static = not node.dynamic and not node.takes_slash
        node.only_dynamic = (
            not node.static
            and not node.takes_slash
            and len(node.dynamic) == 1
            and not node.dynamic[0][1]
        )
        return node

    def _leaf(self, state: State) -> Leaf | None:
        slash = state.static.get("")
        if not state.rules:
            return UNSURE if slash is not None and slash.rules else None
        leaf: Leaf = {}
        unusual: set[str] = set()
        for rule in state.rules:
            entry = self._entry(rule)
            if entry is None and rule.methods is None:
                break
            for method in set(rule.methods or ()) - unusual - leaf.keys():
                if entry is None:
                    unusual.add(method)
                else:
                    leaf[method] = entry
        return leaf

    def _entry(self, rule: WerkzeugRule) -> Entry | None:
        converters = converters_of(rule)
        if (
            rule.methods is None
            or rule.websocket
            or rule.alias
            or rule.redirect_to is not None
            or any(type(converter) not in KNOWN_CONVERTERS for converter in converters.values())
            or (rule.map.redirect_defaults and _redirects_defaults(rule))
        ):
            return None
        target = self._target_of(rule)
        if target is None:
            return None
        conversions = tuple(
            (name, convert)
            for name, converter in converters.items()
            if (convert := _convert(converter)) is not None
        )
        return Entry(target, tuple(converters), conversions, dict(rule.defaults or {}))

    def _add_static(self, node: _Node, path: str) -> None:
        for part, after in node.static.items():
            here = f"{path}/{part}"
            # Looked up like any other path, so that whatever comes first is found.
            found = self.find(here) if here.isascii() else None
            if found is not None and found[0] and not found[1]:
                self.static[here] = found[0]
            self._add_static(after, here)


def _redirects_defaults(rule: WerkzeugRule) -> bool:
    """Whether Werkzeug may redirect from this rule to one with the same endpoint and defaults."""
    return any(other.defaults and other is not rule for other in rule.map.iter_rules(rule.endpoint))


def _convert(converter: Any) -> Callable[[str], Any] | None:
    if isinstance(converter, AnyConverter | PathConverter | UnicodeConverter):
        return None
    if isinstance(converter, IntegerConverter) and (
        not converter.fixed_digits and converter.min is None and converter.max is None
    ):
        return int
    convert: Callable[[str], Any] = converter.to_python
    return convert


def _test(step: Step) -> tuple[Callable[[str], Any], bool]:
    """Return what tests a part, and whether it gives a match with the variables as groups.

    The two usual patterns need no regular expression.
    """
    if step.pattern == r"(?P<__werkzeug_0>[^/]{1,})\Z" and not step.takes_rest:
        return len, False
    if step.pattern == r"(?P<__werkzeug_0>\d+)\Z" and not step.takes_rest:
        return str.isdecimal, False
    return re.compile(step.pattern).match, True


def _walk(
    node: _Node, parts: list[str], index: int, values: tuple[str, ...]
) -> tuple[Leaf, tuple[str, ...]] | None:
    end = len(parts)
    while index < end:
        part = parts[index]
        if node.only_dynamic:
            test, _, _, after = node.dynamic[0]
            if not test(part):
                return None
            node = after
            index += 1
            values = (*values, part)
            continue
        static = node.static.get(part)
        if static is not None:
            if node.only_static:
                node = static
                index += 1
                continue
            found = _walk(static, parts, index + 1, values)
            if found is not None:
                return found
        for test, has_groups, takes_rest, after in node.dynamic:
            match = test("/".join(parts[index:]) if takes_rest else part)
            if match:
                found = _walk(
                    after,
                    parts,
                    end if takes_rest else index + 1,
                    values + match.groups() if has_groups else (*values, part),
                )
                if found is not None:
                    return found
        if node.takes_slash and not part and index == end - 1:
            return UNSURE, ()
        return None
    return None if node.leaf is None else (node.leaf, values)
