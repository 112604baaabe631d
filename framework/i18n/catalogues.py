"""The compiled catalogues of an app: ``translations/de/LC_MESSAGES/messages.mo`` and the like.

A folder belongs to the app or to a blueprint. Where several translate a message, the first wins.
"""

from __future__ import annotations

import struct
from gettext import NullTranslations
from typing import TYPE_CHECKING

from babel.support import Translations

from ..exceptions import SetupError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from babel import Locale

DOMAIN = "messages"
COMPILED = f"LC_MESSAGES/{DOMAIN}.mo"


class Catalogues:
    """Translations by locale, each loaded when it is first needed."""

    def __init__(self, folders: Sequence[Path], *, reload: bool = False) -> None:
        """``reload``: look each time whether a file has changed, for development."""
        self.folders = folders
        self.reload = reload
        self._loaded: dict[Locale, tuple[NullTranslations, list[tuple[Path, float]]]] = {}

    def identifiers(self) -> list[str]:
        """Return the names of the locales that there is a compiled catalogue for."""
        found = {path.parents[1].name for folder in self.folders for path in compiled(folder)}
        return sorted(found)

    def translations(self, locale: Locale) -> NullTranslations:
        """Return the translations for a locale; what it does not have, its language may.

        :raises SetupError: a catalogue is damaged.
        """
        loaded = self._loaded.get(locale)
        if loaded is None or (self.reload and loaded[1] != self._files(locale)):
            files = self._files(locale)
            loaded = self._loaded[locale] = merged([path for path, _ in files]), files
        return loaded[0]

    def _files(self, locale: Locale) -> list[tuple[Path, float]]:
        """Return the files for a locale, the one that is asked first in front, and their ages."""
        names = dict.fromkeys([str(locale), locale.language])
        paths = [folder / name / COMPILED for name in names for folder in self.folders]
        return [(path, path.stat().st_mtime) for path in paths if path.is_file()]


def compiled(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*/{COMPILED}"))


def merged(files: Sequence[Path]) -> NullTranslations:
    """Return one catalogue with the messages of several; the first has the last word."""
    if not files:
        return NullTranslations()
    first, *others = map(read, reversed(files))
    for translations in others:
        first.merge(translations)
    return first


def read(path: Path) -> Translations:
    try:
        with path.open("rb") as file:
            return Translations(file, domain=DOMAIN)
    except (OSError, ValueError, struct.error, LookupError) as error:
        raise SetupError(
            f"The catalogue {path} cannot be read: {error}. Compile it again with `i18n compile`."
        ) from None
