"""The languages an app has, and which of them a visitor gets."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, NamedTuple

from ..exceptions import SetupError
from ..sessions.exceptions import SessionConfigError, SessionUnavailable
from .localization import Localization
from .negotiation import best, parse, ranges

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from babel import Locale

    from ..wrappers import Request
    from .catalogues import Catalogues

LOCALE_KEY = "locale"
"""Where a visitor's own choice is kept, in the session or in a cookie of this name."""
TIMEZONE_KEY = "timezone"
MAX_KEPT = 1024
"""So many localizations and headers are remembered; then all are forgotten, for they are sent by
clients."""


class LocaleChoice(NamedTuple):
    """A visitor's locale and messages, and the headers of the request that decided it."""

    localization: Localization
    """In the app's time zone, which says nothing here."""
    vary: tuple[str, ...]


class TimezoneChoice(NamedTuple):
    """A visitor's time zone, and the headers of the request that decided it."""

    timezone: tzinfo
    vary: tuple[str, ...]


class I18n:
    """Chooses the locale and the time zone of each request that asks for them."""

    def __init__(
        self,
        catalogues: Catalogues,
        *,
        default_locale: str,
        default_timezone: str,
        locales: Sequence[str] = (),
    ) -> None:
        """``locales`` are the ones on offer; empty: the default and all with a catalogue.

        :raises SetupError: a locale or the time zone is unknown.
        """
        self.catalogues = catalogues
        self.default_locale = parse(default_locale)
        names = locales or catalogues.identifiers()
        self.locales = tuple(dict.fromkeys([self.default_locale, *map(parse, names)]))
        found = find_timezone(default_timezone)
        if found is None:
            raise SetupError(
                f"default_timezone: {default_timezone!r} is no time zone of this machine. Write one"
                " like 'Europe/Berlin', and see that the package tzdata is installed."
            )
        self.default_timezone = found
        self._by_header: dict[str, LocaleChoice] = {}
        self._localizations: dict[tuple[Locale, tzinfo], Localization] = {}

    def localization(
        self, locale: str | Locale | None = None, timezone: str | tzinfo | None = None
    ) -> Localization:
        """Return the localization for a locale and a time zone, which need not be a visitor's.

        :raises SetupError: one of them is unknown.
        """
        if isinstance(locale, str):
            locale = parse(locale)
        if isinstance(timezone, str):
            found = find_timezone(timezone)
            if found is None:
                raise SetupError(f"{timezone!r} is no time zone. Write one like 'Europe/Berlin'.")
            timezone = found
        return self._kept(locale or self.default_locale, timezone or self.default_timezone)

    def _kept(self, locale: Locale, timezone: tzinfo) -> Localization:
        translations = self.catalogues.translations(locale)
        kept = self._localizations.get((locale, timezone))
        if kept is None or kept.translations is not translations:
            if len(self._localizations) >= MAX_KEPT:
                self._localizations.clear()
            kept = Localization(locale, timezone, translations)
            self._localizations[locale, timezone] = kept
        return kept

    def choose_locale(self, request: Request) -> LocaleChoice:
        """Return the locale that a request is answered in: what is asked first has the say.

        The app's own ``choose_locale``, the session, a cookie, the header Accept-Language, the
        default. What the app has no catalogue for is passed over.
        """
        if len(self.locales) == 1:
            return LocaleChoice(self.localization(), ())
        asked = request.app.choose_locale(request)
        if asked and (locale := best([asked], self.locales)):
            return LocaleChoice(self.localization(locale), ())
        for value in stored(request, LOCALE_KEY):
            if locale := best([value], self.locales):
                return LocaleChoice(self.localization(locale), ("Cookie",))
        return self._from_header(request)

    def _from_header(self, request: Request) -> LocaleChoice:
        header = request.environ.get("HTTP_ACCEPT_LANGUAGE", "")
        choice = self._by_header.get(header)
        if choice is None or self.catalogues.reload:
            if len(self._by_header) >= MAX_KEPT:
                self._by_header.clear()
            locale = best(ranges(request.accept_languages), self.locales)
            choice = LocaleChoice(self.localization(locale), ("Cookie", "Accept-Language"))
            self._by_header[header] = choice
        return choice

    def choose_timezone(self, request: Request) -> TimezoneChoice:
        """Return the time zone for a request, from the same places but the header."""
        asked = request.app.choose_timezone(request)
        if asked and (timezone := find_timezone(asked)):
            return TimezoneChoice(timezone, ())
        for value in stored(request, TIMEZONE_KEY):
            if timezone := find_timezone(value):
                return TimezoneChoice(timezone, ("Cookie",))
        return TimezoneChoice(self.default_timezone, ("Cookie",))

    def check(self) -> None:
        """Load every catalogue that is on offer.

        :raises SetupError: one is damaged.
        """
        for locale in self.locales:
            self.catalogues.translations(locale)


def headers_for(request: Request) -> list[tuple[str, str]]:
    """Return the headers that tell what a request was answered in, and what that was chosen by."""
    chosen = vars(request)
    headers: list[tuple[str, str]] = []
    vary: tuple[str, ...] = ()
    if "locale_choice" in chosen:
        localization, vary = request.locale_choice
        headers.append(("Content-Language", localization.language_tag))
    if "timezone_choice" in chosen:
        vary = tuple(dict.fromkeys(vary + request.timezone_choice.vary))
    if vary:
        headers.append(("Vary", ", ".join(vary)))
    return headers


def stored(request: Request, key: str) -> Iterator[str]:
    """Yield what the visitor chose before: from the session, then from a cookie.

    A store that is away is no reason to refuse a page that only wants to know the language.
    """
    if "HTTP_COOKIE" not in request.environ:
        return
    try:
        value = request.session.get(key)
    except (SessionUnavailable, SessionConfigError):
        value = None
    if isinstance(value, str):
        yield value
    if key in request.cookies:
        yield request.cookies[key]


def find_timezone(name: str) -> tzinfo | None:
    """Return a time zone by its name in the tz database, ``None`` for what is none."""
    if name == "UTC":
        return UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None
