from __future__ import annotations

from gettext import NullTranslations
from typing import TYPE_CHECKING, Any

import jinja2
import pytest

from framework import App, Blueprint, Request, Rule
from framework.exceptions import SetupError
from framework.testing import TestClient

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeApp, WriteTemplates


def test_values_are_escaped_everywhere_but_in_text(
    make_app: MakeApp, write_templates: WriteTemplates
) -> None:
    names = ["a__html", "a__xml", "a__jinja", "a__txt", "a__md", "a__txt__j2"]
    write_templates(**dict.fromkeys(names, "{{ value }}"))
    app = make_app()
    shown = {name: app.render(name.replace("__", "."), value="<") for name in names}
    assert [name for name, text in shown.items() if text == "&lt;"] == names[:3]
    assert [name for name, text in shown.items() if text == "<"] == names[3:]
    assert app.jinja_environment.from_string("{{ value }}").render(value="<") == "&lt;"


def test_url_for_works_in_macros_that_are_imported_without_context(
    make_app: MakeApp, write_templates: WriteTemplates
) -> None:
    write_templates(
        m__html="{% macro link(e) %}{{ url_for(e) }}{% endmacro %}",
        a__html="{% from 'm.html' import link %}{{ link('show') }}",
    )
    app = make_app(Rule("/show", lambda request: request.render("a.html"), endpoint="show"))
    assert TestClient(app).get("/show", base_url="https://h/base").text == "/base/show"
    assert app.render("a.html") == "/show"


def test_filters_tests_and_globals_are_known_to_templates(
    make_app: MakeApp, write_templates: WriteTemplates
) -> None:
    write_templates(a__html="{{ 2|double }} {{ 2 is even_number }} {{ now() }} {{ 3|twice }}")

    def double(value: int) -> int:
        return 2 * value

    app = make_app()
    app.add_template_filter(double)
    app.add_template_filter(double, name="twice")
    app.add_template_test(lambda value: value % 2 == 0, name="even_number")
    app.add_template_global(lambda: "now", name="now")
    assert app.render("a.html") == "4 True now 6"
    with pytest.raises(SetupError, match="'double' comes too late for the templates of <App"):
        app.add_template_filter(double)


def test_missing_template_says_where_it_was_looked_for_and_what_was_meant(
    make_app: MakeApp, write_templates: WriteTemplates, tmp_path: Path
) -> None:
    write_templates(index__html="", about__html="")
    (tmp_path / "shop/templates").mkdir(parents=True)
    app = make_app(Blueprint("shop", templates="shop/templates"))
    with pytest.raises(jinja2.TemplateNotFound) as caught:
        app.render("indx.html")
    assert caught.value.name == "indx.html"
    assert str(caught.value) == (
        f"There is no template 'indx.html' in '{tmp_path / 'templates'}',"
        f" '{tmp_path / 'shop/templates'}'. Did you mean 'index.html'?"
    )


def test_templates_of_blueprints_are_found_after_those_of_the_app(
    make_app: MakeApp, write_templates: WriteTemplates, tmp_path: Path
) -> None:
    write_templates(both__html="app")
    (tmp_path / "shop").mkdir()
    for name in ("both", "own"):
        (tmp_path / "shop" / f"{name}.html").write_text("blueprint")
    app = make_app(Blueprint("shop", templates="shop"))
    assert (app.render("both.html"), app.render("own.html")) == ("app", "blueprint")


@pytest.mark.parametrize(("debug", "expected"), [(True, "new"), (False, "old")])
def test_templates_are_read_again_in_debug_mode_only(
    make_app: MakeApp, write_templates: WriteTemplates, tmp_path: Path, debug: bool, expected: str
) -> None:
    import os

    write_templates(a__html="old")
    app = make_app(debug=debug)
    assert app.render("a.html") == "old"
    (tmp_path / "templates" / "a.html").write_text("new")
    os.utime(tmp_path / "templates" / "a.html", (1, 1))
    assert app.render("a.html") == expected


def test_environment_can_be_replaced(make_app: MakeApp) -> None:
    class TemplateApp(App):
        def make_jinja_environment(self) -> Any:
            return jinja2.Environment(loader=jinja2.DictLoader({"a": "mine"}), autoescape=True)

    assert make_app(app_class=TemplateApp).render("a") == "mine"


def test_broken_templates_are_all_named_with_line_and_cause(
    make_app: MakeApp, write_templates: WriteTemplates, tmp_path: Path
) -> None:
    write_templates(good__html="", one__html="a\n{% if %}", two__html="{{ a|nothing }}")
    (tmp_path / "templates" / "three.txt").write_bytes(b"\xff")
    with pytest.raises(SetupError) as caught:
        make_app().start_worker()
    message = str(caught.value)
    assert "good.html" not in message
    one = tmp_path / "templates" / "one.html"
    assert f"'one.html': Expected an expression, got 'end of statement block' ({one}, line 2)" in (
        message
    )
    assert "'two.html': No filter named 'nothing'." in message
    assert "'three.txt': it is not text in UTF-8" in message


def test_broken_template_is_left_until_it_is_used_in_debug_mode(
    make_app: MakeApp, write_templates: WriteTemplates
) -> None:
    write_templates(a__html="{% if %}")
    app = make_app(debug=True)
    app.start_worker()
    with pytest.raises(jinja2.TemplateSyntaxError):
        app.render("a.html")


class German(NullTranslations):
    def gettext(self, message: str) -> str:
        return {"Hello %(name)s": "Hallo %(name)s", "<b>": "<i>"}.get(message, message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return "ein Ding" if n == 1 else "%(num)s Dinge"

    def pgettext(self, context: str, message: str) -> str:
        return f"{context}: {message}"


def test_templates_are_translated_in_the_language_of_the_request(
    make_app: MakeApp, write_templates: WriteTemplates
) -> None:
    write_templates(
        m__html="{% macro hello(name) %}{{ _('Hello %(name)s', name=name) }}{% endmacro %}",
        a__html="{% from 'm.html' import hello %}{{ hello('<Ada>') }}"
        "|{% trans name='Ada' %}Hello {{ name }}{% endtrans %}"
        "|{{ ngettext('a thing', '%(num)s things', 2) }}"
        "|{{ pgettext('menu', 'open') }}|{{ _('<b>') }}",
    )
    german, none = German(), NullTranslations()

    def translations_for(request: Request | None) -> NullTranslations:
        return german if request is not None and request.args.get("in") == "de" else none

    app = make_app(Rule("/", lambda request: request.render("a.html"), endpoint="a"))
    app.translations_for = translations_for
    client = TestClient(app)
    assert client.get("/?in=de").text == "Hallo &lt;Ada&gt;|Hallo Ada|2 Dinge|menu: open|<i>"
    assert client.get("/").text == "Hello &lt;Ada&gt;|Hello Ada|2 things|open|<b>"
    assert app.render("a.html").startswith("Hello &lt;Ada&gt;|")


def test_translations_may_be_a_method_of_the_app(
    make_app: MakeApp, write_templates: WriteTemplates
) -> None:
    class GermanApp(App):
        def translations_for(self, request: Request | None) -> NullTranslations:
            return German()

    write_templates(a__html="{{ gettext('Hello %(name)s', name='Ada') }}")
    assert make_app(app_class=GermanApp).render("a.html") == "Hallo Ada"


def test_without_translations_messages_are_as_they_stand(
    make_app: MakeApp, write_templates: WriteTemplates
) -> None:
    write_templates(
        a__html="{% trans %}Hello{% endtrans %} {{ _('<b>') }}{{ ngettext('a', 'b', 2) }}"
    )
    assert make_app().render("a.html") == "Hello <b>b"


# Streaming
