"""A language and a time zone, and what is written in them."""

from __future__ import annotations

from datetime import UTC
from functools import cached_property
from gettext import NullTranslations
from typing import TYPE_CHECKING, Any

from babel import Locale

from .formats import Formats
from .negotiation import language_tag

if TYPE_CHECKING:
    from datetime import tzinfo


class Localization:
    """What one visitor reads. Requests with the same locale and time zone share one.

    Values for a message are given by name and written as ``%(name)s``. Without any the message is
    taken as it is; with some, a percent sign is written ``%%``.
    """

    def __init__(self, locale: Locale, timezone: tzinfo, translations: NullTranslations) -> None:
        self.locale = locale
        self.timezone = timezone
        self.translations = translations

    def __repr__(self) -> str:
        return f"<Localization {self.locale} {self.timezone}>"

    @cached_property
    def language_tag(self) -> str:
        """The locale as HTTP and HTML write it, ``pt-BR``."""
        return language_tag(self.locale)

    @cached_property
    def format(self) -> Formats:
        """Dates, numbers and lists as the locale writes them."""
        return Formats(self.locale, self.timezone)

    def gettext(self, message: str, /, **values: Any) -> str:
        """Return a message in this language."""
        return _filled(self.translations.gettext(message), values)

    def ngettext(self, singular: str, plural: str, number: int, /, **values: Any) -> str:
        """Return the form of a message for a number, which it can show as ``%(num)s``."""
        text = self.translations.ngettext(singular, plural, number)
        return _filled(text, {"num": number, **values})

    def pgettext(self, context: str, message: str, /, **values: Any) -> str:
        """Return a message that has several meanings in the one of ``context``."""
        return _filled(self.translations.pgettext(context, message), values)

    def npgettext(
        self, context: str, singular: str, plural: str, number: int, /, **values: Any
    ) -> str:
        """Return the form for a number of a message in the meaning of ``context``."""
        text = self.translations.npgettext(context, singular, plural, number)
        return _filled(text, {"num": number, **values})


def _filled(text: str, values: dict[str, Any]) -> str:
    return text % values if values else text


UNTRANSLATED = Localization(Locale("en"), UTC, NullTranslations())
"""Messages as they stand in the code, for where there is no request."""
