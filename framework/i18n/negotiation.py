"""Which of the locales that an app has fits best what a visitor asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from babel import Locale, UnknownLocaleError

from ..exceptions import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAX_RANGES = 20
"""So many language ranges of a header are looked at; nobody speaks more, and clients send them."""


def parse(identifier: str) -> Locale:
    """Return the locale of ``de``, ``pt_BR``, ``zh-Hant-TW``.

    :raises SetupError: there is no such locale.
    """
    try:
        return Locale.parse(identifier.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        raise SetupError(
            f"{identifier!r} is no locale that Babel knows. Write a language, and where it matters"
            " a script and a territory, as in 'de', 'pt_BR' or 'zh_Hant_TW'."
        ) from None


def language_tag(locale: Locale) -> str:
    """Return the locale as HTTP and HTML write it, ``pt-BR``."""
    return str(locale).replace("_", "-")


def best(wanted: Iterable[str], offered: Sequence[Locale]) -> Locale | None:
    """Return the offered locale for the first of ``wanted`` that there is one for, else ``None``.

    Each is looked up as in RFC 4647, 3.4, with more and more of its end left out; what is still not
    found gets a more special one of the same language, as in ``pt`` and ``pt_BR``.
    """
    by_tag = {language_tag(locale).lower(): locale for locale in reversed(offered)}
    for text in wanted:
        for tag in shortened(text):
            if tag in by_tag:
                return by_tag[tag]
        language = text.replace("_", "-").lower().partition("-")[0]
        for locale in offered:
            if locale.language == language:
                return locale
    return None


def shortened(text: str) -> Iterator[str]:
    """Yield ``zh-hant-tw``, then ``zh-hant``, then ``zh``."""
    parts = text.replace("_", "-").lower().split("-")
    while parts:
        yield "-".join(parts)
        parts.pop()
        # A single letter opens an extension, and says nothing by itself.
        if parts and len(parts[-1]) == 1:
            parts.pop()


def ranges(header: Iterable[tuple[str, float]]) -> list[str]:
    """Return the languages of a parsed Accept-Language header, the most wanted first.

    ``*`` stands for any language, which the app's default is as good for as any.
    """
    wanted = sorted((entry for entry in header if entry[1] > 0), key=lambda entry: -entry[1])
    return [tag for tag, _ in wanted[:MAX_RANGES] if tag != "*"]
