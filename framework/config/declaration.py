"""How a setting is declared: default, help, and what it may be beyond its type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Check = Callable[[Any], str | None]


class Setting:
    """A setting as it is declared; the attribute of the class it stands in is its name."""

    name: str

    def __init__(self, default: Any, help: str, *, secret: bool, check: Check | None) -> None:
        self.default = default
        self.help = help
        self.secret = secret
        self.check = check

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name


def setting(default: Any, help: str, *, secret: bool = False, check: Check | None = None) -> Any:
    """Declare a setting of a :class:`Config`.

    A secret is never printed, and ``NAME_FILE`` may name a file that holds it. ``check`` gets a
    value of the right type that is not ``None``, and returns what is wrong with it or ``None``.
    """
    return Setting(default, help, secret=secret, check=check)
