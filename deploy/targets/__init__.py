"""Where nodes run: a module each, found by name and imported when it is used."""

import difflib
import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from ..errors import EngineError, NotRunning, SettingsError

if TYPE_CHECKING:
    from .base import Target

TARGETS: Mapping[str, str] = MappingProxyType(
    {
        "local": "deploy.targets.local:LocalTarget",
        "compose": "deploy.targets.compose:ComposeTarget",
        "swarm": "deploy.targets.swarm:SwarmTarget",
    }
)
DEFAULT_TARGET = "local"


def is_target(value: object) -> str | None:
    """What is wrong with it, or None."""
    if value in TARGETS:
        return None
    close = difflib.get_close_matches(str(value), TARGETS, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(TARGETS)}"
    return f"no such target; {hint}"


def load_target(name: str = DEFAULT_TARGET) -> "type[Target]":
    """The class of that target.

    :raises SettingsError: there is none of that name.
    """
    problem = is_target(name)
    if problem:
        raise SettingsError(f"target = {name!r}: {problem}")
    module, _, attribute = TARGETS[name].partition(":")
    return cast("type[Target]", getattr(importlib.import_module(module), attribute))


def find_target(name: str | None = None, target: str | None = None) -> "Target":
    """The running deployment of that name, or the only one there is, on that target.

    Without a target, deployments on this machine come first: asking for them needs no engine.

    :raises NotRunning: there is none, or there are several.
    """
    if target is not None:
        return load_target(target).find(name)
    try:
        return load_target().find(name)
    except NotRunning as error:
        for other in TARGETS:
            if other != DEFAULT_TARGET:
                try:
                    return load_target(other).find(name)
                except (NotRunning, EngineError):
                    continue
        raise error from None
