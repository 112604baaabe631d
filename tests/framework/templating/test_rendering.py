from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import jinja2
import pytest

from framework import App, Blueprint, Rule, signals
from framework.context import current_request
from framework.testing import TestClient, make_request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import MakeApp, WriteTemplates


def test_template_knows_the_request_and_builds_relative_urls(
    make_app: MakeApp, write_templates: WriteTemplates
) -> None:
    write_templates(a__html="{{ request.endpoint }} {{ url_for('.show', page=2) }}")
    show = Rule("/show", lambda request: request.render("a.html"), endpoint="show")
    app = make_app(Blueprint("cart", prefix="/cart", rules=[show]))
    assert TestClient(app).get("/cart/show").text == "cart.show /cart/show?page=2"


def test_session_is_opened_by_the_template_that_uses_it_only(
    make_app: MakeApp, write_templates: WriteTemplates
) -> None:
    write_templates(with__html="{{ session.name }}", without__html="nothing")
    app = make_app()
    opened = []

    class Interface:
        def open(self, request, *, exclusive=False):
            opened.append(request)
            return {"name": "Ada"}

    app.session_interface = Interface()
    assert make_request(app).render("without.html") == "nothing"
    assert opened == []
    assert make_request(app).render("with.html") == "Ada"
    assert len(opened) == 1
    with pytest.raises(jinja2.UndefinedError, match="'session' is undefined"):
        app.render("with.html")


def test_values_of_the_view_come_before_everything_else(
    make_app: MakeApp, write_templates: WriteTemplates
) -> None:
    write_templates(a__html="{{ session }} {{ request }} {{ shop }}")
    app = make_app()
    app.add_template_global("global", name="shop")
    app.context_processor(lambda request: {"shop": "processor"})
    request = make_request(app)
    assert request.app.render("a.html", session=1) == "1  global"
    assert request.render("a.html", session=1).endswith("processor")
    assert request.render("a.html", session=1, shop="view").endswith("view")


def test_name_that_a_template_sets_comes_before_one_it_is_given(
    make_app: MakeApp, write_templates: WriteTemplates
) -> None:
    write_templates(a__html="{% set session = 1 %}{% block b %}{{ session }}{% endblock %}")
    assert make_app().render("a.html", session=2) == "1"


def test_streamed_template_is_sent_in_parts_and_torn_down_after_the_last(
    make_app: MakeApp, write_templates: WriteTemplates
) -> None:
    write_templates(
        a__html="{% for row in rows %}{{ row }} {{ current().path }}\n{% endfor %}{{ p }}"
    )
    steps: list[str] = []

    def rows() -> Iterator[str]:
        for number in range(3):
            steps.append(f"row {number}")
            yield str(number) * 9000

    app = make_app(
        Rule("/a", lambda request: request.render_stream("a.html", rows=rows()), endpoint="a")
    )
    app.add_template_global(current_request, name="current")
    app.context_processor(lambda request: {"p": "processed"})
    app.teardown_request(lambda request, error: steps.append("teardown"))
    answer = TestClient(app).get("/a", buffered=False)
    body = iter(answer.response)
    received: list[Any] = []
    for part in body:
        received.append(part)
        steps.append("sent")
    answer.close()
    assert (
        b"".join(received).decode() == "".join(f"{n}" * 9000 + " /a\n" for n in "012") + "processed"
    )
    assert steps == ["row 0", "sent", "row 1", "sent", "row 2", "sent", "sent", "teardown"]


def test_short_parts_are_sent_together(make_app: MakeApp, write_templates: WriteTemplates) -> None:
    write_templates(a__html="{% for n in range(4000) %}{{ n }},{% endfor %}", empty__html="")
    parts = list(make_app().render_stream("a.html"))
    assert "".join(parts) == make_app().render("a.html")
    assert 2 <= len(parts) <= 4
    assert "".join(make_app().render_stream("empty.html")) == ""


def test_error_in_the_first_part_of_a_stream_is_an_error_page(
    make_app: MakeApp, write_templates: WriteTemplates
) -> None:
    write_templates(a__html="{{ 1 / n }}")
    view = Rule("/", lambda request: request.render_stream("a.html", n=0), endpoint="a")
    assert TestClient(make_app(view)).get("/").status_code == 500


def test_error_in_a_later_part_reaches_the_teardown(
    make_app: MakeApp, write_templates: WriteTemplates
) -> None:
    write_templates(a__html="{{ 'x' * 9000 }}{{ 1 / 0 }}")
    app = make_app(Rule("/", lambda request: request.render_stream("a.html"), endpoint="a"))
    errors = []
    app.teardown_request(lambda request, error: errors.append(type(error)))
    answer = TestClient(app).get("/", buffered=False)
    with pytest.raises(ZeroDivisionError):
        list(answer.response)
    answer.close()
    assert errors == [ZeroDivisionError]


def test_client_that_leaves_ends_the_template(
    make_app: MakeApp, write_templates: WriteTemplates
) -> None:
    write_templates(a__html="{% for row in rows %}{{ row }}{% endfor %}")
    ended = []

    def rows() -> Iterator[str]:
        try:
            while True:
                yield "x" * 9000
        finally:
            ended.append("rows")

    app = make_app(
        Rule("/", lambda request: request.render_stream("a.html", rows=rows()), endpoint="a")
    )
    app.teardown_request(lambda request, error: ended.append("teardown"))
    answer = TestClient(app).get("/", buffered=False)
    next(iter(answer.response))
    answer.close()
    gc.collect()
    assert sorted(ended) == ["rows", "teardown"]
    assert TestClient(app).head("/").data == b""


def test_signal_is_sent_when_a_template_is_rendered_or_streamed_to_its_end(
    make_app: MakeApp, write_templates: WriteTemplates
) -> None:
    write_templates(a__html="{{ x }}")
    app = make_app()
    seen = []

    def receive(sender: App, **values: Any) -> None:
        seen.append((values["template"], values["context"], values["request"]))

    with signals.template_rendered.connected_to(receive, sender=app):
        app.render("a.html", x=1)
        parts = app.render_stream("a.html", x=2)
        next(parts)
        assert len(seen) == 1
        assert list(parts) == []
    assert seen == [("a.html", {"x": 1}, None), ("a.html", {"x": 2}, None)]
