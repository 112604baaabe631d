"""The types a setting can have, and how each is read from text, from TOML and from code."""

from __future__ import annotations

import math
import typing
from typing import Any, NamedTuple

from ..exceptions import SetupError

if typing.TYPE_CHECKING:
    from collections.abc import Callable


class Kind(NamedTuple):
    """A type a setting can have. Values are read by :meth:`from_text` and :meth:`from_object`."""

    name: str
    parse: Callable[[str], Any]
    accepts: Callable[[Any], bool]
    convert: Callable[[Any], Any]
    optional: bool = False

    def from_text(self, text: str) -> Any:
        """Return the value of an environment variable; ``ValueError`` if it is none."""
        return None if self.optional and not text else self.parse(text)

    def from_object(self, value: Any) -> Any:
        """Return a value from code or TOML as the declared type; ``ValueError`` if it is none."""
        if value is None and self.optional:
            return None
        if not self.accepts(value):
            raise ValueError(f"{value!r} is not {self.name}")
        return self.convert(value)


def kind_of(name: str, annotation: Any) -> Kind:
    """Return the kind for the annotation of the setting ``name``."""
    members = typing.get_args(annotation)
    optional = len(members) == 2 and type(None) in members
    if optional:
        annotation = members[members[0] is type(None)]
    kind = _KINDS.get(annotation)
    if kind is None:
        raise SetupError(
            f"The setting {name} has the type {annotation!r}. A setting is bool, int, float, str or"
            " tuple[str, ...], each also '| None'."
        )
    return kind._replace(optional=optional)


def _parse_bool(text: str) -> bool:
    word = text.strip().lower()
    if word in {"true", "yes", "on", "1"}:
        return True
    if word in {"false", "no", "off", "0"}:
        return False
    raise ValueError(text)


def _parse_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _parse_tuple(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _is_whole_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return _is_whole_number(value) or (isinstance(value, float) and math.isfinite(value))


def _is_strings(value: object) -> bool:
    return isinstance(value, tuple | list) and all(isinstance(part, str) for part in value)


_KINDS: dict[Any, Kind] = {
    bool: Kind("true or false", _parse_bool, lambda value: isinstance(value, bool), bool),
    int: Kind("a whole number", int, _is_whole_number, int),
    float: Kind("a number", _parse_float, _is_number, float),
    str: Kind("text", str, lambda value: isinstance(value, str), str),
    tuple[str, ...]: Kind("a list of texts, separated by commas", _parse_tuple, _is_strings, tuple),
}
