"""Two rules for one URL: only the first would ever be called, so they are refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..exceptions import RoutingError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .rules import PlacedRule

_VARIABLE = r"<(?:([a-zA-Z_]\w*)(\(.*?\))?:)?[a-zA-Z_]\w*>"


def pattern_of(text: str) -> str:
    """Return what ``text`` matches, whatever its variables are called."""

    def converter(variable: re.Match[str]) -> str:
        name = variable[1] or "default"
        return f"<{'default' if name == 'string' else name}{variable[2] or ''}>"

    return re.sub(_VARIABLE, converter, re.sub("/{2,}", "/", text))


def refuse_taken(rule: PlacedRule, same_url: Iterable[PlacedRule]) -> None:
    for other in same_url:
        if rule.methods is None or other.methods is None:
            shared = rule.methods or other.methods or {"every method"}
        else:
            shared = rule.methods & other.methods
        if shared:
            raise RoutingError(
                f"Two rules answer {rule.path!r} for {', '.join(sorted(shared))}: endpoint"
                f" {other.endpoint.name!r}, {other.endpoint.target!r}, and endpoint"
                f" {rule.endpoint.name!r}, {rule.endpoint.target!r}. Only the first would ever be"
                " called. Remove one of them, or give them different methods=."
            )
