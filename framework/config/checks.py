"""What a setting may be beyond its type: each function returns what is wrong, or ``None``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def positive(value: float) -> str | None:
    """Refuse zero and what is below."""
    return None if value > 0 else "must be more than 0"


def not_negative(value: float) -> str | None:
    """Refuse what is below zero."""
    return None if value >= 0 else "must not be negative"


def one_of(*words: str) -> Callable[[str], str | None]:
    """Make a check that refuses other words."""
    return lambda value: None if value in words else f"must be one of {', '.join(words)}"


def cookie_name(value: str) -> str | None:
    """Refuse what cannot be the name of a cookie (a token of RFC 9110)."""
    if re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", value, re.ASCII):
        return None
    return "must be letters, digits, '-' and '_' without spaces"


def locale(value: str) -> str | None:
    """Refuse what has not the form of a locale; whether there is such a one, Babel knows."""
    if re.fullmatch(r"[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8})*", value):
        return None
    return f"{value!r} is no locale. Write one like 'de', 'pt_BR' or 'zh_Hant_TW'"


def locales(value: Sequence[str]) -> str | None:
    """Refuse a list in which one has not the form of a locale."""
    return next(filter(None, map(locale, value)), None)


def host_names(value: Sequence[str]) -> str | None:
    """Refuse what is not a host name, or a domain with a dot in front."""
    for name in value:
        if re.fullmatch(r"(\.?[\w-]+(\.[\w-]+)*|\[[0-9a-fA-F:.]+\])(:\d+)?", name) is None:
            return (
                f"{name!r} is not a host name. Write 'example.org', or '.example.org' for its"
                " subdomains too"
            )
    return None


def site_url(value: str) -> str | None:
    """Refuse what is not an http URL of a host, perhaps with a path."""
    message = "must be a URL like https://example.org"
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 a port that is no number raises
    except ValueError:
        return message
    plain = not (parts.query or parts.fragment or parts.username)
    usable = parts.scheme in {"http", "https"} and parts.hostname and plain
    return None if usable else message
