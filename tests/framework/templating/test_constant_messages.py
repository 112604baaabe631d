"""Messages taken from a table come out as messages that are called for."""

from __future__ import annotations

import logging
from gettext import NullTranslations
from typing import TYPE_CHECKING, Any

import jinja2
import pytest
from jinja2.compiler import CodeGenerator
from markupsafe import Markup

from framework import App, Rule
from framework.templating.jinja_internals import FastCodeGenerator
from framework.testing import TestClient

if TYPE_CHECKING:
    from collections.abc import Callable

    MakeApp = Callable[..., App]
    WriteTemplates = Callable[..., None]


class Shouting(NullTranslations):
    """Translates into another language, and counts how often."""

    def __init__(self, mark: str) -> None:
        super().__init__()
        self.mark = mark
        self.asked = 0

    def gettext(self, message: str) -> str:
        self.asked += 1
        return f"{self.mark}{message}"

    def pgettext(self, context: str, message: str) -> str:
        self.asked += 1
        return f"{self.mark}{context}:{message}"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"{self.mark}{msgid1 if n == 1 else msgid2}"


TEMPLATES = {
    "base.html": "{% block title %}{{ _('base') }}{% endblock %}|{% block body %}{% endblock %}",
    "child.html": """\
{% extends "base.html" %}{% set kept = _("kept") %}
{% block title %}{{ super() }} {{ _("child") }}{% endblock %}
{% block body %}{{ kept }} {% include "part.html" %}{% block inner %}{{ _("inner") }}{% endblock %}
{% endblock %}""",
    "part.html": "<p>{{ _('part <b>') }}</p> text {{ gettext('two') }}{{ value }}{{ _('three') }}",
    "macros.html": """\
{% macro field(label, hint=_("none")) %}{{ label }}: {{ hint }} {{ _("in a macro") }}{% endmacro %}
{% macro box() %}[{{ caller() }}]{% endmacro %}""",
    "imports.html": """\
{% import "macros.html" as m %}{{ m.field(_("name")) }}
{% call m.box() %}{{ _("boxed") }}{% endcall %}{% from "macros.html" import field with context %}
{{ field(_("other"), hint=_("given")) }}""",
    "loops.html": """\
{% for row in [1, 2] %}{{ _("row") }} {{ row }}{% else %}{{ _("nothing") }}{% endfor %}
{% for node in tree recursive %}{{ _("node") }}{{ loop(node) }}{% endfor %}
{% if value %}{{ _("yes") }}{% else %}{{ _("no") }}{% endif %}
{% filter upper %}{{ _("filtered") }}{% endfilter %}
{% set block %}{{ _("set") }}{% endset %}{{ block }}""",
    "forms.html": """\
{% trans %}plain{% endtrans %}{% trans n=2 %}one{% pluralize %}{{ n }} many{% endtrans %}
{% trans "menu" %}open{% endtrans %}{{ pgettext("door", "open") }}{{ _("value: %(v)s", v="<") }}
{{ _("100%%") }}{{ _("a") ~ _("b") }}{{ _("c")|length }}{{ _("<i>")|e }}{{ [_("d")][0] }}""",
    "escape.html": """\
{% autoescape false %}{{ _("<raw>") }}{{ "<" }}{% endautoescape %}
{% autoescape value %}{{ _("<perhaps>") }}{% endautoescape %}{{ _("<markup>") }}""",
    "names.html": """\
{% for _ in [1, 2] %}{{ _ }}{% endfor %}{{ gettext("still") }}
{% macro local(gettext) %}{{ gettext }}{% endmacro %}{{ local("x") }}""",
    "text.txt": "{{ _('<plain text>') }} and {{ _('more') }}",
}


def environment(generator: type[CodeGenerator], translations: NullTranslations) -> Any:
    made: Any = jinja2.Environment(
        loader=jinja2.DictLoader(TEMPLATES),
        autoescape=jinja2.select_autoescape(disabled_extensions=("txt",), default=True),
        extensions=["jinja2.ext.i18n"],
    )
    made.code_generator_class = generator
    made.translations_for = lambda request: translations
    made.install_gettext_translations(translations, newstyle=True)
    return made


NAMES = [
    {"value": "<v>", "tree": [[[]], []]},
    {"value": "", "tree": []},
    {
        "value": 1,
        "tree": [],
        "_": lambda text: Markup(f"own {text}"),
        "gettext": lambda text: "own",
    },
]


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("names", NAMES)
def test_a_template_renders_as_with_jinjas_own_code(name: str, names: dict[str, Any]) -> None:
    if "_" in names and name in {"names.html", "forms.html"}:
        pytest.skip("it needs Jinja's own verbs")
    plain, fast = Shouting("*"), Shouting("*")
    expected = environment(CodeGenerator, plain).get_template(name).render(names)
    template = environment(FastCodeGenerator, fast).get_template(name)
    assert template.render(names) == expected
    assert template.render(names) == expected


def test_a_constant_message_is_translated_once_a_language() -> None:
    german = Shouting("de:")
    made = environment(FastCodeGenerator, german)
    template = made.get_template("part.html")
    for _ in range(3):
        assert template.render(value=1) == "<p>de:part <b></p> text de:two1de:three"
    assert german.asked == 3
    french = Shouting("fr:")
    made.translations_for = lambda request: french
    assert template.render(value=1) == "<p>fr:part <b></p> text fr:two1fr:three"


def test_a_macro_that_is_imported_once_follows_each_request(
    make_app: MakeApp, write_templates: WriteTemplates
) -> None:
    languages = {"de": Shouting("de:"), "fr": Shouting("fr:")}

    class Site(App):
        def translations_for(self, request: Any) -> NullTranslations:
            return languages[request.args["language"]]

    write_templates(
        macros__html="{% macro label() %}{{ _('label') }}{% endmacro %}",
        page__html="{% import 'macros.html' as m %}{{ m.label() }}",
    )
    page = Rule("/", lambda request: request.render("page.html"), endpoint="page")
    client = TestClient(make_app(page, app_class=Site))
    for language in ("de", "fr", "de"):
        assert client.get(f"/?language={language}").text == f"{language}:label"


def test_the_language_matters_where_a_part_with_messages_ran(
    make_app: MakeApp, write_templates: WriteTemplates
) -> None:
    write_templates(
        page__html="{% if request.args %}{% include 'words.html' %}{% endif %}page",
        words__html="{{ _('words') }}",
    )
    page = Rule("/", lambda request: request.render("page.html"), endpoint="page")
    client = TestClient(make_app(page, locales=("de",)))
    assert "Vary" not in client.get("/").headers
    answer = client.get("/?words")
    assert answer.headers["Vary"] == "Cookie, Accept-Language"
    assert answer.headers["Content-Language"] == "en"


def test_a_translation_that_cannot_be_formatted_is_logged_and_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = Shouting("100 % ")
    template = environment(FastCodeGenerator, broken).get_template("text.txt")
    with caplog.at_level(logging.ERROR):
        assert template.render() == "<plain text> and more"
    assert "The translation '100 % <plain text>' of '<plain text>' cannot be used" in caplog.text
