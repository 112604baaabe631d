"""The catalogues that people edit: taken from the code, kept up to date, checked and compiled.

A folder of translations belongs to the folder it lies in: it holds the messages of the Python files
and templates there, less those below another such folder. It has a template, ``messages.pot``, and
for each locale ``de/LC_MESSAGES/messages.po`` with what is compiled from it, ``messages.mo``.
"""

from __future__ import annotations

import io
import os
import re
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from babel.messages import mofile, pofile
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir

from ..exceptions import SetupError
from .catalogues import COMPILED, DOMAIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from babel import Locale
    from babel.messages.catalog import Message

    from ..app_parts import AppParts

TEMPLATE = f"{DOMAIN}.pot"
EDITED = f"LC_MESSAGES/{DOMAIN}.po"
KEYWORDS = {
    **DEFAULT_KEYWORDS,
    "lazy_gettext": None,
    "lazy_ngettext": (1, 2),
    "lazy_pgettext": ((1, "c"), 2),
    "lazy_npgettext": ((1, "c"), 2, 3),
}
# To be repeated to translators: what a comment right above a message says after this.
COMMENT_TAGS = ("Translators:",)
JINJA = "jinja2.ext.babel_extract"
METHODS = [
    ("**.py", "python"),
    *((f"**.{ending}", JINJA) for ending in ("html", "htm", "xml", "svg", "txt", "md", "j2")),
]
# A template that cannot be read is told, instead of its messages being left out.
OPTIONS = {pattern: {"silent": "false"} for pattern, method in METHODS if method == JINJA}
DATES = re.compile(rb'^"(POT-Creation|PO-Revision)-Date:.*\n', re.MULTILINE)


@dataclass(frozen=True)
class Problem:
    """What is wrong with one message of a catalogue."""

    message: str
    place: str
    """Where it stands in the code, or else in the catalogue."""
    what: str


@dataclass(frozen=True)
class Status:
    """How far the translation into a locale is."""

    folder: Path
    locale: str
    messages: int
    """In the code."""
    missing: list[Problem]
    broken: list[Problem]
    obsolete: list[str]
    """Messages that the code no longer has."""
    is_compiled: bool
    """Whether visitors get what the catalogue says."""

    @property
    def is_complete(self) -> bool:
        return not (self.missing or self.broken) and self.is_compiled


@dataclass(frozen=True)
class TranslationFolder:
    """One folder of translations."""

    path: Path
    left_out: frozenset[Path]
    """Folders inside the one it lies in that have translations of their own."""

    @property
    def source(self) -> Path:
        return self.path.parent

    @property
    def template(self) -> Path:
        return self.path / TEMPLATE

    def edited(self, locale: str) -> Path:
        return self.path / locale / EDITED

    def locales(self) -> list[str]:
        return sorted(path.parents[1].name for path in self.path.glob(f"*/{EDITED}"))

    def extract(self) -> Catalog:
        """Return the messages that the code has now.

        :raises SetupError: a file cannot be read.
        """
        catalogue = Catalog(project=self.source.name, charset="utf-8")
        found = extract_from_dir(
            self.source, METHODS, OPTIONS, KEYWORDS, COMMENT_TAGS, directory_filter=self._is_source
        )
        try:
            for file, line, message, comments, context in found:
                catalogue.add(
                    message, locations=[(file, line)], auto_comments=comments, context=context
                )
        except Exception as error:  # of Python's tokenizer, of Jinja's parser, of decoding
            raise SetupError(
                f"A file in {self.source} cannot be searched for messages: {error}"
            ) from error
        return catalogue

    def _is_source(self, folder: str | os.PathLike[str]) -> bool:
        path = Path(folder)
        hidden = path.name.startswith((".", "__pycache__"))
        return not hidden and path != self.path and path not in self.left_out

    def status(self, locale: str, code: Catalog) -> Status:
        """Compare a catalogue with the messages in the code."""
        path = self.edited(locale)
        catalogue = read(path, locale)
        missing = [
            Problem(text_of(message), place_of(message), why)
            for message in messages_in(code)
            if (why := why_missing(catalogue.get(message.id, message.context)))
        ]
        obsolete = [
            text_of(message)
            for message in messages_in(catalogue)
            if code.get(message.id, message.context) is None
        ]
        return Status(
            self.path,
            locale,
            sum(1 for _ in messages_in(code)),
            missing,
            list(broken(catalogue, path)),
            obsolete + [str(text) for text in catalogue.obsolete],
            is_compiled=compiled_from(catalogue) == content(self.path / locale / COMPILED),
        )


def folders_of(app: AppParts) -> list[TranslationFolder]:
    """Return the app's folder of translations and those of its blueprints."""
    paths = list(dict.fromkeys(path.resolve() for path in app.translation_folders()))
    return [
        TranslationFolder(
            path, frozenset(other.parent for other in paths if other.parent != path.parent)
        )
        for path in paths
    ]


def messages_in(catalogue: Catalog) -> Iterator[Message]:
    """Yield the messages without the header."""
    return (message for message in catalogue if message.id)


def text_of(message: Message) -> str:
    text = message.id if isinstance(message.id, str) else message.id[0]
    return f"{text} ({message.context})" if message.context else text


def place_of(message: Message) -> str:
    return ", ".join(f"{file}:{line}" for file, line in message.locations[:1])


def why_missing(message: Message | None) -> str | None:
    if message is None:
        return "not in the catalogue"
    texts = [message.string] if isinstance(message.string, str) else message.string
    if not texts or not all(texts):
        return "not translated"
    return "to be checked (fuzzy)" if message.fuzzy else None


def broken(catalogue: Catalog, path: Path) -> Iterator[Problem]:
    """Yield translations whose placeholders are not those of the message."""
    for message in messages_in(catalogue):
        if not message.fuzzy:
            for error in message.check(catalogue):
                yield Problem(text_of(message), f"{path}:{message.lineno}", str(error))


def read(path: Path, locale: str | Locale) -> Catalog:
    """Return the catalogue in a file.

    :raises SetupError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return pofile.read_po(file, locale, abort_invalid=True)
    except (OSError, ValueError, pofile.PoFileError) as error:
        raise SetupError(f"The catalogue {path} cannot be read: {error}") from None


def written(catalogue: Catalog) -> bytes:
    """Return a catalogue as the text that people edit."""
    buffer = io.BytesIO()
    pofile.write_po(buffer, catalogue, width=100)
    return buffer.getvalue()


def compiled_from(catalogue: Catalog) -> bytes:
    buffer = io.BytesIO()
    mofile.write_mo(buffer, catalogue)
    return buffer.getvalue()


def content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def same_messages(before: bytes | None, after: bytes) -> bool:
    """Whether two texts of a catalogue differ in their dates at most."""
    return before is not None and DATES.sub(b"", before) == DATES.sub(b"", after)


def save(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    :raises SetupError: it cannot be written; what was there is still there.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        with open(number, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            with suppress(OSError):
                os.unlink(temporary)
        raise SetupError(f"{path} cannot be written: {error.strerror}.") from None


def update(catalogue: Catalog, code: Catalog) -> None:
    """Take the messages of the code over; what it no longer has is kept as obsolete.

    A message that was changed a little keeps its translation, marked fuzzy: to be checked.
    """
    catalogue.update(code, update_creation_date=False)


def everything(folders: Sequence[TranslationFolder]) -> Iterator[tuple[TranslationFolder, str]]:
    """Yield each folder with each locale it has a catalogue for."""
    for folder in folders:
        for locale in folder.locales():
            yield folder, locale
