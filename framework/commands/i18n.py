"""`i18n`: from messages in the code to catalogues that visitors are answered from."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..exceptions import SetupError
from .target import app_argument, load_app

if TYPE_CHECKING:
    from ..i18n.message_files import Status, TranslationFolder

INCOMPLETE = 1


class CatalogueError(click.ClickException):
    """A file is not as it has to be; nothing was changed by it, and the exit code is 2."""

    exit_code = 2


class Group(click.Group):
    """Turns what is wrong with a file into a message."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except SetupError as error:
            raise CatalogueError(str(error)) from None


@click.group(cls=Group)
def i18n() -> None:
    """Translate an app: extract its messages, and keep the catalogues up to date.

    Messages are found in Python files and templates. A blueprint with a folder of translations has
    catalogues of its own. First `extract` and `init de`; after changes in the code `extract` and
    `update`; after changes in a catalogue `compile`. `status` says what is left to do.
    """


@i18n.command()
@app_argument
def extract(app: str) -> None:
    """Write the messages of APP's code to messages.pot."""
    from ..i18n import message_files as files

    for folder in folders_of(app):
        code = folder.extract()
        text = files.written(code)
        if files.same_messages(files.content(folder.template), text):
            tell(folder.template, f"{counted(len(code))}, unchanged")
        else:
            files.save(folder.template, text)
            tell(folder.template, counted(len(code)))


@i18n.command()
@click.argument("locale")
@app_argument
def init(locale: str, app: str) -> None:
    """Begin to translate APP into LOCALE, such as de or pt_BR."""
    from ..i18n import message_files as files
    from ..i18n.negotiation import parse

    parsed = parse(locale)
    folders = folders_of(app)
    for folder in folders:
        if (path := folder.edited(str(parsed))).exists():
            raise SetupError(f"{path} is there already. `i18n update` takes new messages over.")
    for folder in folders:
        catalogue = folder.extract()
        catalogue.locale = parsed
        catalogue.fuzzy = False
        files.save(folder.edited(str(parsed)), files.written(catalogue))
        tell(folder.edited(str(parsed)), f"{counted(len(catalogue))} to translate")


@i18n.command()
@app_argument
def update(app: str) -> None:
    """Take new messages of APP's code over into its catalogues."""
    from ..i18n import message_files as files

    for folder in folders_of(app):
        code = folder.extract()
        for locale in folder.locales():
            path = folder.edited(locale)
            catalogue = files.read(path, locale)
            files.update(catalogue, code)
            text = files.written(catalogue)
            if files.same_messages(files.content(path), text):
                tell(path, "unchanged")
            else:
                files.save(path, text)
                tell(path, counts(folder.status(locale, code)))


@i18n.command()
@app_argument
def compile(app: str) -> None:
    """Compile APP's catalogues, if no translation has a broken placeholder."""
    from ..i18n import message_files as files
    from ..i18n.catalogues import COMPILED

    folders = folders_of(app)
    compiled = {}
    problems = []
    for folder, locale in files.everything(folders):
        path = folder.edited(locale)
        catalogue = files.read(path, locale)
        problems += list(files.broken(catalogue, path))
        compiled[folder.path / locale / COMPILED] = files.compiled_from(catalogue)
    if problems:
        lines = [f"{problem.place}: {problem.message!r}: {problem.what}" for problem in problems]
        raise SetupError("\n  ".join(["Nothing is compiled, for translations are broken:", *lines]))
    for path, data in compiled.items():
        changed = files.content(path) != data
        if changed:
            files.save(path, data)
        tell(path, "compiled" if changed else "unchanged")
    if not compiled:
        click.echo("There is no catalogue yet. Begin one with `i18n init de`.")


@i18n.command()
@app_argument
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def status(context: click.Context, app: str, as_json: bool) -> None:
    """Say what is missing, obsolete or broken in APP's catalogues; exit 1 if visitors notice.

    That is a message without a translation, a broken placeholder, or a catalogue that was changed
    and not compiled.
    """
    found = [
        folder.status(locale, code)
        for folder in folders_of(app)
        for code in [folder.extract()]
        for locale in folder.locales()
    ]
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(one) for one in found], default=str, indent=2))
    elif not found:
        click.echo("There is no catalogue yet. Begin one with `i18n init de`.")
    else:
        for one in found:
            print_status(one)
    if not all(one.is_complete for one in found):
        context.exit(INCOMPLETE)


def counted(messages: int) -> str:
    """Return a number of messages as people write it."""
    return "1 message" if messages == 1 else f"{messages} messages"


def print_status(status: Status) -> None:
    click.echo(f"{shown(status.folder / status.locale)}: {counts(status)}")
    for problem in status.missing:
        click.echo(f"  missing   {problem.message!r}, {problem.place}: {problem.what}")
    for problem in status.broken:
        click.echo(f"  broken    {problem.message!r}, {shown_place(problem.place)}: {problem.what}")
    for message in status.obsolete:
        click.echo(f"  obsolete  {message!r}")


def counts(status: Status) -> str:
    parts = [f"{status.messages - len(status.missing)} of {status.messages} messages translated"]
    parts += [f"{len(status.broken)} broken"] if status.broken else []
    parts += [f"{len(status.obsolete)} obsolete"] if status.obsolete else []
    parts += [] if status.is_compiled else ["not compiled"]
    return ", ".join(parts)


def folders_of(app: str) -> list[TranslationFolder]:
    from ..i18n import message_files as files

    return files.folders_of(load_app(app))


def tell(path: Path, what: str) -> None:
    click.echo(f"{shown(path)}: {what}")


def shown(path: Path) -> str:
    """The path as it is shortest from here."""
    here = Path.cwd().resolve()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def shown_place(place: str) -> str:
    path, _, line = place.rpartition(":")
    return f"{shown(Path(path))}:{line}"
