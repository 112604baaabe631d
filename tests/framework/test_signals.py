from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from framework import Rule, signals
from framework.testing import TestClient

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeApp


def fail(request):
    raise ZeroDivisionError


def test_signals_tell_the_story_of_a_request(make_app: MakeApp, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a.html").write_text("hello")
    app = make_app(
        Rule("/", lambda request: request.render("a.html", name="Ada"), endpoint="view"),
        Rule("/fail", fail),
        debug=True,
    )
    seen: list[Any] = []
    watched: dict[Any, Any] = {
        signals.request_started: lambda sender, request: seen.append("started"),
        signals.template_rendered: lambda sender, template, context, request: seen.append(
            (template, context["name"])
        ),
        signals.request_finished: lambda sender, request, response: seen.append(response.status),
        signals.request_exception: lambda sender, request, error: seen.append(type(error)),
    }
    for signal, receiver in watched.items():
        signal.connect(receiver, sender=app)
    client = TestClient(app)
    client.get("/")
    with pytest.raises(ZeroDivisionError):
        client.get("/fail")
    assert seen == ["started", ("a.html", "Ada"), "200 OK", "started", ZeroDivisionError]


def test_receiver_that_fails_before_the_view_is_answered_as_the_view_would_be(
    make_app: MakeApp,
) -> None:
    app = make_app(Rule("/", lambda request: "view", endpoint="view"))
    app.add_error_handler(ZeroDivisionError, lambda request, error: ("handled", 503))

    def receiver(sender, request):
        raise ZeroDivisionError

    with signals.request_started.connected_to(receiver, sender=app):
        answer = TestClient(app).get("/")
    assert (answer.status_code, answer.text) == (503, "handled")


@pytest.mark.parametrize("is_fast", [True, False])
@pytest.mark.parametrize("path", ["/", "/stream", "/nowhere"])
def test_receiver_that_fails_in_the_end_leaves_the_answer_and_is_logged(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture, is_fast: bool, path: str
) -> None:
    app = make_app(
        Rule("/", lambda request: "view", endpoint="view"),
        Rule("/stream", lambda request: iter(["view"]), endpoint="stream"),
    )
    app.add_error_handler(404, lambda request, error: ("view", 404))
    errors = []
    app.teardown_request(lambda request, error: errors.append(error))
    if is_fast:
        app.start_worker()

    def receiver(sender, request, response):
        response.headers["X-Seen"] = "yes"
        raise ZeroDivisionError

    with signals.request_finished.connected_to(receiver, sender=app):
        answer = TestClient(app).get(path)
    assert (answer.status_code, answer.text) == (404 if path == "/nowhere" else 200, "view")
    assert answer.headers["X-Seen"] == "yes"
    assert errors == [None]
    (record,) = caplog.records
    assert record.message == "A receiver of the signal 'request-finished' failed"
    assert record.exc_info


def test_receiver_of_an_exception_that_fails_hides_neither_its_log_nor_its_page(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(Rule("/fail", fail))
    app.add_error_handler(500, lambda request, error: ("our own page", 500))

    def receiver(sender, request, error):
        raise LookupError

    with signals.request_exception.connected_to(receiver, sender=app):
        answer = TestClient(app).get("/fail")
    assert (answer.status_code, answer.text) == (500, "our own page")
    logged = [record.exc_info[0] for record in caplog.records if record.exc_info]
    assert logged == [LookupError, ZeroDivisionError]
