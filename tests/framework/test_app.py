from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.exceptions import (
    Conflict,
    Forbidden,
    HTTPException,
    InternalServerError,
    NotFound,
    abort,
)

from framework import App, Blueprint, Response, Rule
from framework.context import current_request
from framework.sessions import SessionInterface
from framework.testing import TestClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import MakeApp, WritePackage


def hello(request, name="world"):
    return f"hello {name}"


def fail(request):
    raise ZeroDivisionError("secret detail")


class SpySessionInterface(SessionInterface):
    """Keeps one session for everybody and counts."""

    def __init__(self, error: Exception | None = None) -> None:
        self.session: Any = {}
        self.error = error
        self.opened = self.saved = self.closed = 0

    def open(self, request, *, exclusive=False):
        self.opened += 1
        return self.session

    def save(self, request, session, response):
        self.saved += 1
        if self.error:
            raise self.error

    def close(self):
        self.closed += 1


# Answering


def test_view_gets_the_request_and_the_values_of_the_url(make_app: MakeApp) -> None:
    app = make_app(Rule("/<name>", hello))
    assert TestClient(app).get("/ada").text == "hello ada"


def test_urls_module_may_import_the_module_of_the_app(write_package: WritePackage) -> None:
    name = write_package(
        {
            "site.py": "from framework import App\n"
            "app = App('{name}', urls='{name}.urls', config={'debug': True})\n",
            "urls.py": "from framework import Rule\nfrom .site import app\n"
            "urls = [Rule('/', '{name}.views:index')]\n",
            "views.py": "def index(request):\n    return 'index'\n",
        }
    )
    site = __import__(f"{name}.site", fromlist=["app"])
    assert TestClient(site.app).get("/").text == "index"


def test_head_answers_like_get_without_a_body(make_app: MakeApp) -> None:
    client = TestClient(make_app(Rule("/", hello)))
    answer = client.head("/")
    assert answer.data == b""
    assert dict(answer.headers) == dict(client.get("/").headers)


def test_wrong_method_is_405_and_names_the_right_ones(make_app: MakeApp) -> None:
    app = make_app(
        Rule("/", hello, endpoint="show"), Rule("/", hello, endpoint="add", methods=["post"])
    )
    answer = TestClient(app).put("/")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


def test_options_is_answered_with_the_methods_of_the_url(make_app: MakeApp) -> None:
    app = make_app(Rule("/", hello, methods=["GET", "POST"]))
    seen = []
    app.before_request(lambda request: seen.append(request.endpoint))
    answer = TestClient(app).options("/")
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    assert seen == ["hello"]


def test_view_that_names_options_answers_them_itself(make_app: MakeApp) -> None:
    app = make_app(Rule("/", hello, methods=["OPTIONS"]))
    assert TestClient(app).options("/").text == "hello world"


def test_missing_slash_redirects_and_keeps_the_query(make_app: MakeApp) -> None:
    app = make_app(Rule("/cart/", hello))
    app.add_error_handler(Exception, lambda request, error: "not for redirects")
    answer = TestClient(app).get("/cart?a=ä&b=2")
    assert answer.status_code == 308
    assert answer.headers["Location"] == "https://localhost/cart/?a=%C3%A4&b=2"


def test_middleware_wraps_the_inner_method(make_app: MakeApp) -> None:
    app = make_app(Rule("/", lambda request: request.environ["wrapped"], endpoint="view"))
    inner = app.wsgi_app

    def middleware(environ, start_response):
        return inner({**environ, "wrapped": "yes"}, start_response)

    app.wsgi_app = middleware
    assert TestClient(app).get("/").text == "yes"


def test_steps_can_be_overridden(make_app: MakeApp) -> None:
    class LoudApp(App):
        def make_response(self, request, value):
            return super().make_response(request, value.upper())

    assert TestClient(make_app(Rule("/", hello), app_class=LoudApp)).get("/").text == "HELLO WORLD"


# Errors


def test_unknown_url_is_a_page_with_404(make_app: MakeApp) -> None:
    answer = TestClient(make_app()).get("/nowhere")
    assert answer.status_code == 404
    assert "Not Found" in answer.text


def test_exception_is_logged_and_shown_without_detail(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    answer = TestClient(make_app(Rule("/", fail))).get("/")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    (record,) = caplog.records
    assert record.getMessage() == "GET / (endpoint 'fail') failed"
    assert record.exc_info
    assert record.exc_info[0] is ZeroDivisionError


def test_exception_is_raised_in_debug_mode(make_app: MakeApp) -> None:
    with pytest.raises(ZeroDivisionError):
        TestClient(make_app(Rule("/", fail), debug=True)).get("/")


def test_handler_of_an_exception_class_answers(make_app: MakeApp) -> None:
    app = make_app(Rule("/", fail))
    app.add_error_handler(ArithmeticError, lambda request, error: (f"caught {error}", 418))
    answer = TestClient(app).get("/")
    assert (answer.status_code, answer.text) == (418, "caught secret detail")


def test_handler_of_500_gets_the_original_exception(make_app: MakeApp) -> None:
    app = make_app(Rule("/", fail))
    seen = []

    @app.error_handler(500)
    def show(request, error):
        seen.append(error.original_exception)
        return "sorry", 500

    assert TestClient(app).get("/").text == "sorry"
    assert isinstance(seen[0], ZeroDivisionError)


def test_handler_of_500_that_fails_leaves_the_plain_page(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(Rule("/", fail))
    app.add_error_handler(InternalServerError, fail_in_handler)
    answer = TestClient(app).get("/")
    assert answer.status_code == 500
    assert "Internal Server Error" in answer.text
    assert "The error handler of endpoint 'fail' failed" in caplog.text


def fail_in_handler(request: object, error: object) -> str:
    raise KeyError("handler")


def test_handler_may_raise_another_http_error(make_app: MakeApp) -> None:
    app = make_app(Rule("/", fail))

    @app.error_handler(ZeroDivisionError)
    def refuse(request, error):
        raise Forbidden

    assert TestClient(app).get("/").status_code == 403


def test_handler_that_fails_is_a_500_of_its_own(make_app: MakeApp) -> None:
    app = make_app(Rule("/", fail))
    app.add_error_handler(ZeroDivisionError, fail_in_handler)
    assert TestClient(app).get("/").status_code == 500


def test_after_hook_that_fails_closes_the_response_it_replaces(make_app: MakeApp) -> None:
    closed: list[bool] = []

    def view(request):
        response = app.response_class(iter(["never sent"]))
        response.call_on_close(lambda: closed.append(True))
        return response

    app = make_app(Rule("/", view))

    @app.after_request
    def refuse(request, response):
        raise Conflict

    assert TestClient(app).get("/").status_code == 409
    assert closed == [True]


@pytest.mark.parametrize("host", ["bad host", "a:b", "evil.example", ""])
def test_untrusted_or_broken_host_is_400(make_app: MakeApp, host: str) -> None:
    app = make_app(Rule("/", hello), trusted_hosts=["example.org"])
    assert TestClient(app).get("/", headers={"Host": host}).status_code == 400
    assert TestClient(app).get("/", headers={"Host": "example.org:81"}).status_code == 200


@pytest.mark.parametrize("host", ["a b", "a/b", "a@b", "localhost:x", "h:99999", "\xff"])
def test_host_that_is_none_is_400_whoever_is_trusted(make_app: MakeApp, host: str) -> None:
    app = make_app(Rule("/", hello))
    assert TestClient(app).get("/", headers={"Host": host}).status_code == 400


# The end of a request


def test_teardown_runs_at_once_when_the_body_is_complete(make_app: MakeApp) -> None:
    app = make_app(Rule("/", hello))
    seen = []
    app.teardown_request(lambda request, error: seen.append((request.endpoint, error)))
    body = app({**environ_for("/")}, lambda status, headers, exc_info=None: lambda data: None)
    assert seen == [("hello", None)]
    assert b"".join(body) == b"hello world"


def test_teardown_runs_after_the_last_byte_of_a_stream(make_app: MakeApp) -> None:
    seen: list[Any] = []

    def stream(request) -> Iterator[str]:
        yield "a"
        seen.append(current_request() is request)
        yield "b"

    app = make_app(Rule("/", stream))
    app.teardown_request(lambda request, error: seen.append("teardown"))
    answer = TestClient(app).get("/", buffered=False)
    assert seen == []
    assert answer.text == "ab"
    answer.close()
    assert seen == [True, "teardown"]


def test_teardown_gets_the_exception_that_nobody_handled(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(Rule("/", fail))
    seen = []
    app.teardown_request(lambda request, error: seen.append(error))
    TestClient(app).get("/")
    assert isinstance(seen[0], ZeroDivisionError)


def test_teardown_runs_when_the_worker_is_stopped_inside_a_view(make_app: MakeApp) -> None:
    def leave(request):
        raise SystemExit

    app = make_app(Rule("/", leave))
    seen = []
    app.teardown_request(lambda request, error: seen.append(type(error)))
    with pytest.raises(SystemExit):
        TestClient(app).get("/")
    assert seen == [SystemExit]


def test_teardown_that_fails_is_logged_and_the_others_run(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(Rule("/", hello))
    seen = []
    app.teardown_request(lambda request, error: seen.append("first"))
    app.teardown_request(lambda request, error: 1 // 0)
    assert TestClient(app).get("/").status_code == 200
    assert seen == ["first"]
    assert "A teardown hook of endpoint 'hello' failed" in caplog.text


def environ_for(path: str) -> dict[str, Any]:
    from werkzeug.test import create_environ

    return create_environ(path)


# Sessions


def test_untouched_session_is_neither_opened_nor_saved(make_app: MakeApp) -> None:
    app = make_app(Rule("/", hello))
    app.session_interface = spy = SpySessionInterface()
    TestClient(app).get("/")
    assert (spy.opened, spy.saved) == (0, 0)


def test_session_is_opened_once_and_saved_once(make_app: MakeApp) -> None:
    app = make_app(Rule("/", lambda request: str(request.session is request.session), endpoint="v"))
    app.session_interface = spy = SpySessionInterface()
    assert TestClient(app).get("/").text == "True"
    assert (spy.opened, spy.saved) == (1, 1)


def test_session_is_saved_when_the_view_answers_with_an_error(make_app: MakeApp) -> None:
    def refuse(request):
        request.session["seen"] = True
        raise NotFound

    app = make_app(Rule("/", refuse))
    app.session_interface = spy = SpySessionInterface()
    assert TestClient(app).get("/").status_code == 404
    assert spy.saved == 1


def test_error_in_save_replaces_the_answer(make_app: MakeApp) -> None:
    app = make_app(Rule("/", lambda request: str(request.session), endpoint="v"))
    app.session_interface = SpySessionInterface(Conflict("changed meanwhile"))
    answer = TestClient(app).get("/")
    assert answer.status_code == 409
    assert "changed meanwhile" in answer.text


# Configuration


# URLs outside a request


def test_app_is_called_by_its_import_name() -> None:
    assert repr(App("shop", urls=[])) == "<App 'shop'>"


def test_blueprint_hooks_and_handlers_apply_to_its_views_only(make_app: MakeApp) -> None:
    inner = Blueprint("inner", prefix="/inner", rules=[Rule("/", fail)])
    inner.add_error_handler(ZeroDivisionError, lambda request, error: "handled inside")
    app = make_app(inner, Rule("/outer", fail, endpoint="outer"))
    client = TestClient(app)
    assert client.get("/inner/").text == "handled inside"
    logging.disable(logging.ERROR)
    try:
        assert client.get("/outer").status_code == 500
    finally:
        logging.disable(logging.NOTSET)


def test_http_error_without_a_code_is_a_logged_500(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    class Forgotten(HTTPException):
        description = "its class has no code"

    def view(request):
        raise Forgotten

    assert TestClient(make_app(Rule("/", view))).get("/").status_code == 500
    assert "Forgotten" in caplog.text


@pytest.mark.parametrize("in_handler", [False, True])
def test_response_that_a_view_aborts_with_is_the_answer(
    make_app: MakeApp, in_handler: bool
) -> None:
    def answer(request, error=None):
        abort(Response("mine", 418))

    app = make_app(Rule("/", fail if in_handler else answer, endpoint="view"))
    app.add_error_handler(ZeroDivisionError, answer)
    app.add_error_handler(HTTPException, lambda request, error: ("taken away", 500))
    page = TestClient(app).get("/")
    assert (page.status_code, page.text) == (418, "mine")
