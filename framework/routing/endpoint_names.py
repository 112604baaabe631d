"""The dotted names of endpoints: relative ones, and what a wrong one may have meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..exceptions import URLBuildError
from ..suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable


def absolute_endpoint(endpoint: str, blueprint: str | None) -> str:
    """Return the full name of ``endpoint``; one dot in front means "in this blueprint".

    Each further dot goes up one blueprint.
    """
    name = endpoint.lstrip(".")
    level = len(endpoint) - len(name)
    if level == 0:
        return name
    parents = blueprint.split(".") if blueprint else []
    if level - 1 > len(parents):
        raise URLBuildError(
            f"The endpoint {endpoint!r} has more dots than there are blueprints around"
            f" {blueprint or 'the app'!r}."
        )
    return ".".join([*parents[: len(parents) - level + 1], name])


def nearest_endpoint(name: str, known: Iterable[str]) -> str:
    """Return a suggestion: the same view in a blueprint comes before a similar spelling."""
    _, _, view = name.rpartition(".")
    same = [other for other in known if other.rpartition(".")[2] == view]
    if len(same) == 1:
        return f" Did you mean {same[0]!r}?"
    return did_you_mean(name, same or known)
