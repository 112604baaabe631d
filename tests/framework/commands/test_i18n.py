"""`twofold i18n`, from messages in the code to pages in another language."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from framework.commands.i18n import i18n
from framework.commands.target import load_app
from framework.testing import TestClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = {
    "__init__.py": """\
from framework import App, Blueprint, Rule

from .labels import TITLE


def index(request):
    # Translators: the first words a visitor reads
    welcome = request.gettext("Welcome")
    return welcome + ", " + request.ngettext("one thing", "%(num)s things", 2)


def page(request):
    return request.render("page.html", name="Ada")


CART = Blueprint(
    "cart", prefix="/cart", translations="cart/translations", templates="cart/templates",
    rules=[Rule("/", lambda request: request.render("cart.html"), endpoint="show")],
)
app = App("translated", urls=[Rule("/", index), Rule("/page", page), CART],
          config={"secret_key": "only for these tests"})
""",
    "labels.py": """\
from framework.i18n.lazy import lazy_gettext, lazy_pgettext

TITLE = lazy_gettext("Title"), lazy_pgettext("menu", "Open")
""",
    "templates/page.html": """\
<h1>{{ _("Welcome") }}</h1>{% trans name=name %}Hello {{ name }}{% endtrans %}
""",
    "cart/templates/cart.html": '{{ _("Your basket") }}',
    "translations/.keep": "",
    "cart/translations/.keep": "",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    package = tmp_path / "translated"
    for name, text in FILES.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    (tmp_path / "twofold.toml").write_text('app = "translated:app"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield package
    for name in [name for name in sys.modules if name.partition(".")[0] == "translated"]:
        del sys.modules[name]


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(i18n, arguments, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def translate(path: Path, **texts: str) -> None:
    """Fill in translations by the message, with underscores for spaces."""
    text = path.read_text()
    for message, translation in texts.items():
        key = f'msgid "{message.replace("_", " ")}"\nmsgstr '
        assert f'{key}""' in text, text
        text = text.replace(f'{key}""', f'{key}"{translation}"')
    path.write_text(text)


def test_from_messages_in_the_code_to_a_page_in_another_language(project: Path) -> None:
    assert run("extract").splitlines() == [
        "translated/translations/messages.pot: 5 messages",
        "translated/cart/translations/messages.pot: 1 message",
    ]
    template = (project / "translations/messages.pot").read_text()
    assert "the first words a visitor reads" in template
    assert 'msgctxt "menu"\nmsgid "Open"' in template
    assert "Your basket" not in template
    assert run("init", "de").splitlines() == [
        "translated/translations/de/LC_MESSAGES/messages.po: 5 messages to translate",
        "translated/cart/translations/de/LC_MESSAGES/messages.po: 1 message to translate",
    ]
    edited = project / "translations/de/LC_MESSAGES/messages.po"
    translate(edited, Welcome="Willkommen", Title="Titel", Open="Öffnen")
    told = run("status", code=1)
    assert "translations/de: 3 of 5 messages translated, not compiled" in told
    assert "missing   'one thing', __init__.py:9: not translated" in told
    assert "missing   'Your basket', templates/cart.html:1: not translated" in told

    text = edited.read_text()
    for old, new in (
        ('msgid_plural "%(num)s things"\nmsgstr[0] ""\nmsgstr[1] ""',
         'msgid_plural "%(num)s things"\nmsgstr[0] "ein Ding"\nmsgstr[1] "%(num)s Dinge"'),
        ('msgid "Hello %(name)s"\nmsgstr ""', 'msgid "Hello %(name)s"\nmsgstr "Hallo %(name)s"'),
    ):  # fmt: skip
        assert old in text
        text = text.replace(old, new)
    edited.write_text(text)
    translate(project / "cart/translations/de/LC_MESSAGES/messages.po", Your_basket="Dein Korb")
    run("compile")
    assert run("status").splitlines() == [
        "translated/translations/de: 5 of 5 messages translated",
        "translated/cart/translations/de: 1 of 1 messages translated",
    ]
    client = TestClient(load_app("translated:app"))
    german = {"Accept-Language": "de"}
    assert client.get("/", headers=german).text == "Willkommen, 2 Dinge"
    assert client.get("/page", headers=german).text == "<h1>Willkommen</h1>Hallo Ada"
    assert client.get("/cart/", headers=german).text == "Dein Korb"


def test_a_change_in_the_code_is_taken_over_and_nothing_is_lost(project: Path) -> None:
    run("extract")
    run("init", "de")
    edited = project / "translations/de/LC_MESSAGES/messages.po"
    translate(edited, Welcome="Willkommen", Title="Titel")
    labels = project / "labels.py"
    labels.write_text(labels.read_text().replace('"Title"', '"A new label"'))
    told = run("status", code=1)
    assert "missing   'A new label', labels.py:3: not in the catalogue" in told
    assert "obsolete  'Title'" in told
    run("extract")
    assert "translations/de/LC_MESSAGES/messages.po: 1 of 5 messages translated" in run("update")
    text = edited.read_text()
    assert 'msgid "A new label"\nmsgstr ""' in text
    assert '#~ msgid "Title"\n#~ msgstr "Titel"' in text
    assert "obsolete  'Title'" in run("status", code=1)


def test_what_did_not_change_is_not_written_again(project: Path) -> None:
    run("extract")
    run("init", "de")
    run("update")
    run("compile")
    before = {path: path.stat().st_mtime_ns for path in project.rglob("messages.*")}
    assert len(before) == 6
    for command in ("extract", "update", "compile"):
        assert run(command).count("unchanged") == 2
    assert {path: path.stat().st_mtime_ns for path in project.rglob("messages.*")} == before


def test_a_broken_placeholder_is_not_compiled(project: Path) -> None:
    run("init", "de")
    edited = project / "translations/de/LC_MESSAGES/messages.po"
    text = edited.read_text()
    broken = text.replace(
        'msgid "Hello %(name)s"\nmsgstr ""', 'msgid "Hello %(name)s"\nmsgstr "Hallo %(nmae)s"'
    )
    assert broken != text
    edited.write_text(broken)
    told = run("compile", code=2)
    assert "'Hello %(name)s'" in told
    assert "messages.po:" in told
    assert list(project.rglob("*.mo")) == []
    assert "broken    'Hello %(name)s'" in run("status", code=1)
    found = json.loads(run("status", "--json", code=1))
    assert [len(one["broken"]) for one in found] == [1, 0]


def test_a_fuzzy_translation_is_missing(project: Path) -> None:
    run("init", "de")
    edited = project / "translations/de/LC_MESSAGES/messages.po"
    text = edited.read_text()
    fuzzy = text.replace('msgid "Title"\nmsgstr ""', '#, fuzzy\nmsgid "Title"\nmsgstr "Titel"')
    edited.write_text(fuzzy)
    assert "'Title', labels.py:3: to be checked (fuzzy)" in run("status", code=1)


def test_a_catalogue_that_is_there_or_a_locale_that_is_not_is_refused(project: Path) -> None:
    run("init", "pt-BR")
    assert (project / "translations/pt_BR/LC_MESSAGES/messages.po").exists()
    assert "is there already. `i18n update`" in run("init", "pt_BR", code=2)
    assert "'tlh' is no locale" in run("init", "tlh", code=2)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("templates/page.html", "{% trans %}never closed", "cannot be searched for messages"),
        ("translations/de/LC_MESSAGES/messages.po", "no catalogue", "messages.po cannot be"),
        ("translations/de/LC_MESSAGES/messages.po", "\udcff", "messages.po cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    project: Path, file: str, text: str, words: str
) -> None:
    run("init", "de")
    (project / file).write_bytes(text.encode(errors="surrogateescape"))
    before = {path: path.read_bytes() for path in project.rglob("messages.*")}
    assert words in run("update", code=2)
    assert {path: path.read_bytes() for path in project.rglob("messages.*")} == before


def test_without_a_catalogue_the_first_step_is_told(project: Path) -> None:
    for command in ("compile", "status"):
        assert "Begin one with `i18n init de`" in run(command)
