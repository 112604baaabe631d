"""Every hook for subclasses: overridden here one by one, and listed in the reference.

The tests hold for each path a request may take, however it is made fast: an override counts.
"""

from __future__ import annotations

import re
from gettext import NullTranslations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import pytest
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.formparser import FormDataParser
from werkzeug.routing import BaseConverter

from framework import App, Config, Request, Response, Rule
from framework.app_parts import AppParts
from framework.database import Database, DatabaseSession
from framework.json_provider import JSONProvider
from framework.sessions.cookie import SignedCookieSessionInterface
from framework.sessions.session import Session
from framework.testing import TestClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeApp

    Effect = Callable[[MakeApp], None]

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "subclassing.md"

# Public names of the classes that are for calling, or are replaced by overriding another one.
CALLED = {
    *("App.add_template_filter", "App.add_template_global", "App.add_template_test"),
    *("App.compose_fast_path", "App.config", "App.folder", "App.jinja_environment", "App.site"),
    *("App.session_interface", "App.url_map", "App.i18n", "App.database"),
    *("Request.endpoint", "Request.blueprint", "Request.open_session", "Request.error"),
    *("Request.state", "Request.stream", "Request.open_db", "Request.has_opened"),
    *("Request.is_answered", "Request.must_close"),
    *("Request.localized", "Request.locale_choice", "Request.timezone_choice", "Request.locale"),
    *("Request.timezone", "Request.localization", "Request.translations", "Request.format"),
    *("Request.gettext", "Request.ngettext", "Request.pgettext"),
}


def fail(request):
    raise ZeroDivisionError


def refuse(request):
    raise NotFound


def body(request):
    return f"{request.form.to_dict()} {request.get_json(silent=True)}"


URLS = [
    Rule("/", lambda request: "hello", endpoint="index"),
    Rule("/<path:name>.txt", lambda request, name: name, endpoint="text"),
    Rule("/json", lambda request: {"a": 1}, endpoint="json"),
    Rule("/stream", lambda request: iter(["a", "b"]), endpoint="stream"),
    Rule("/page", lambda request: request.render("page.html"), endpoint="page"),
    Rule("/parts", lambda request: request.render_stream("page.html"), endpoint="parts"),
    Rule("/session", lambda request: str(request.session.incr("n")), endpoint="session"),
    Rule("/rows", lambda request: request.db, endpoint="rows"),
    Rule("/url", lambda request: request.url_for("text", name="x"), endpoint="url"),
    Rule("/go", lambda request: request.redirect("index"), endpoint="go"),
    Rule("/body", body, methods=["POST"]),
    Rule("/read", lambda request: [request.get_json()], endpoint="read", methods=["POST"]),
    Rule("/fail", fail),
    Rule("/refuse", refuse),
]

EFFECTS: dict[str, Effect] = {}


def effect_of(name: str) -> Callable[[Effect], Effect]:
    def register(test: Effect) -> Effect:
        EFFECTS[name] = test
        return test

    return register


def subclass(base: type, **members: Any) -> Any:
    return type(f"Own{base.__name__}", (base,), members)


def visit(make_app: MakeApp, app_class: type[App], *urls: Any, **config: Any) -> TestClient:
    app = make_app(*(urls or URLS), app_class=app_class, **config)
    (app.folder / "templates").mkdir(exist_ok=True)
    (app.folder / "templates" / "page.html").write_text("page")
    (app.folder / "static").mkdir(exist_ok=True)
    (app.folder / "static" / "a.txt").write_text("static file")
    app.start_worker()
    return TestClient(app)


# Attributes


@effect_of("App.request_class")
def request_class(make_app: MakeApp) -> None:
    own = subclass(Request, render=lambda self, template: type(self).__name__)
    assert visit(make_app, subclass(App, request_class=own)).get("/page").text == "OwnRequest"


@effect_of("App.response_class")
def response_class(make_app: MakeApp) -> None:
    own = subclass(Response, default_mimetype="text/plain")
    client = visit(make_app, subclass(App, response_class=own))
    assert client.get("/").mimetype == "text/plain"
    assert client.get("/missing").mimetype == "text/html"


@effect_of("App.config_class")
def config_class(make_app: MakeApp) -> None:
    own = subclass(Config, check=lambda self: None)
    client = visit(make_app, subclass(App, config_class=own), secret_key=None)
    assert client.get("/").text == "hello"


@effect_of("App.json_provider_class")
def json_provider_class(make_app: MakeApp) -> None:
    own = subclass(JSONProvider, dumps=lambda self, value: '"encoded"')
    assert visit(make_app, subclass(App, json_provider_class=own)).get("/json").json == "encoded"


@effect_of("App.url_converters")
def url_converters(make_app: MakeApp) -> None:
    own = subclass(BaseConverter, to_python=lambda self, value: value.upper())
    rule = Rule("/<loud:word>", lambda request, word: word, endpoint="v")
    assert visit(make_app, subclass(App, url_converters={"loud": own}), rule).get("/a").text == "A"


SLASHES = [
    Rule("/branch/", lambda request: "branch", endpoint="branch"),
    Rule("/leaf/<x>", lambda request, x: x, endpoint="leaf"),
]


@effect_of("App.strict_slashes")
def strict_slashes(make_app: MakeApp) -> None:
    assert visit(make_app, subclass(App), *SLASHES).get("/branch").status_code == 308
    client = visit(make_app, subclass(App, strict_slashes=False), *SLASHES)
    assert [client.get(path).text for path in ("/branch", "/branch/")] == ["branch", "branch"]


@effect_of("App.merge_slashes")
def merge_slashes(make_app: MakeApp) -> None:
    assert visit(make_app, subclass(App), *SLASHES).get("/leaf//a").status_code == 308
    client = visit(make_app, subclass(App, merge_slashes=False), *SLASHES)
    assert client.get("/leaf//a").status_code == 404


@effect_of("App.redirect_defaults")
def redirect_defaults(make_app: MakeApp) -> None:
    def page(request: Request, number: int) -> str:
        return f"page {number}"

    rules = [Rule("/page", page, defaults={"number": 1}), Rule("/page/<int:number>", page)]
    assert visit(make_app, subclass(App), *rules).get("/page/1").status_code == 308
    client = visit(make_app, subclass(App, redirect_defaults=False), *rules)
    assert client.get("/page/1").text == "page 1"


@effect_of("App.template_folder")
def template_folder(make_app: MakeApp) -> None:
    app = make_app(*URLS, app_class=subclass(App, template_folder="other"))
    (app.folder / "other").mkdir()
    (app.folder / "other" / "page.html").write_text("other page")
    assert TestClient(app).get("/page").text == "other page"


@effect_of("App.static_folder")
def static_folder(make_app: MakeApp) -> None:
    app = make_app(app_class=subclass(App, static_folder="other"))
    (app.folder / "other").mkdir()
    (app.folder / "other" / "b.txt").write_text("b")
    assert TestClient(app).get("/static/b.txt").text == "b"


@effect_of("App.static_path")
def static_path(make_app: MakeApp) -> None:
    client = visit(make_app, subclass(App, static_path="/files"))
    assert client.get("/files/a.txt").text == "static file"


# Steps: the override is called, and what it changes arrives


def step(name: str, path: str, status: int = 200) -> None:
    """Register a test that ``App.name`` is called for ``path`` and may change its result."""

    def test(make_app: MakeApp) -> None:
        calls: list[Any] = []

        def override(self: App, *arguments: Any, **options: Any) -> Any:
            calls.append(name)
            result = getattr(super(own, self), name)(*arguments, **options)
            if hasattr(result, "headers"):
                result.headers["X-Override"] = name
            return result

        own = subclass(App, **{name: override})
        client = visit(make_app, own)
        for _ in range(2):
            calls.clear()
            answer = client.get(path)
            assert answer.status_code == status
            assert calls
            if name in ANSWERING:
                assert answer.headers["X-Override"] == name

    EFFECTS[f"App.{name}"] = test


ANSWERING = {
    *("handle", "complete", "dispatch", "make_response", "finalize", "error_page"),
    *("handle_exception", "handle_unhandled", "internal_server_error"),
}
for name in ("wsgi_app", "answer_probe", "handle", "complete", "dispatch", "match"):
    step(name, "/")
for name in ("make_response", "finalize", "send", "teardown"):
    step(name, "/x.txt")
for name in ("handle_exception", "handle_unhandled", "error_page"):
    step(name, "/refuse", status=404)
step("internal_server_error", "/fail", status=500)
step("render", "/page")
step("render_stream", "/parts")


@pytest.mark.parametrize("path", ["/", "/json", "/stream", "/session", "/missing", "/static/a.txt"])
@pytest.mark.parametrize(
    "name", ["wsgi_app", "handle", "complete", "finalize", "send", "teardown", "answer_probe"]
)
def test_step_is_taken_by_every_request(make_app: MakeApp, name: str, path: str) -> None:
    calls = []

    def override(self: App, *arguments: Any) -> Any:
        calls.append(name)
        return getattr(super(own, self), name)(*arguments)

    own = subclass(App, **{name: override})
    client = visit(make_app, own)
    for count in (1, 2):
        client.get(path)
        assert calls == [name] * count


@pytest.mark.parametrize("name", ["wsgi_app", "handle", "dispatch", "make_response", "finalize"])
def test_step_that_is_assigned_to_the_app_counts_as_well(make_app: MakeApp, name: str) -> None:
    client = visit(make_app, App)
    assert client.get("/").text == "hello"
    own, calls = getattr(client.app, name), []

    def override(*arguments: Any) -> Any:
        calls.append(name)
        return own(*arguments)

    setattr(client.app, name, override)
    client.get("/")
    assert calls == [name]


@effect_of("App.url_for")
def url_for(make_app: MakeApp) -> None:
    app = make_app(*URLS, app_class=subclass(App, url_for=lambda self, *a, **v: "/own"))
    assert app.url_for("index") == "/own"


@effect_of("App.translations_for")
def translations_for(make_app: MakeApp) -> None:
    own = subclass(NullTranslations, gettext=lambda self, text: f"translated {text}")
    app = make_app(*URLS, app_class=subclass(App, translations_for=lambda self, request: own()))
    (app.folder / "templates").mkdir()
    (app.folder / "templates" / "page.html").write_text("{{ _('page') }}")
    assert TestClient(app).get("/page").text == "translated page"


@effect_of("App.choose_locale")
@effect_of("App.choose_timezone")
@effect_of("App.localization_headers")
def localization(make_app: MakeApp) -> None:
    own = subclass(
        App,
        choose_locale=lambda self, request: "pt-BR",
        choose_timezone=lambda self, request: "Asia/Tokyo",
        localization_headers=lambda self, request: [("Content-Language", "own")],
    )
    here = Rule("/here", lambda request: f"{request.locale} {request.timezone}", endpoint="here")
    answer = visit(make_app, own, *URLS, here, locales=("pt_BR",)).get("/here")
    assert answer.text == "pt_BR Asia/Tokyo"
    assert answer.headers.getlist("Content-Language") == ["own"]
    assert "Vary" not in answer.headers


@effect_of("App.translation_folder")
@effect_of("App.translation_folders")
def translation_folders(make_app: MakeApp) -> None:
    for own in (
        {"translation_folder": "words"},
        {"translation_folders": lambda self: [self.folder / "words"]},
    ):
        app = make_app(*URLS, app_class=subclass(App, **own))
        assert app.i18n.catalogues.folders == [app.folder / "words"]


@effect_of("App.make_jinja_environment")
def make_jinja_environment(make_app: MakeApp) -> None:
    loader = jinja2.DictLoader({"page.html": "from a dict"})
    own = subclass(App, make_jinja_environment=lambda self: jinja2.Environment(loader=loader))
    app = make_app(*URLS, app_class=own)
    assert app.render("page.html") == "from a dict"


@effect_of("App.make_session_interface")
def make_session_interface(make_app: MakeApp) -> None:
    made: list[Any] = []

    def override(self: App) -> Any:
        made.append(SignedCookieSessionInterface.from_config(self.config))
        return made[-1]

    client = visit(make_app, subclass(App, make_session_interface=override))
    assert [client.get("/session").text for _ in range(2)] == ["1", "2"]
    assert made == [client.app.session_interface]


MODELS = "tests.framework.database.notes:Base"


@effect_of("App.make_database")
def make_database(make_app: MakeApp) -> None:
    class OwnSession(DatabaseSession):
        def answer(self) -> str:
            return "own session"

    class OwnDatabase(Database):
        session_class = OwnSession

    own = subclass(App, make_database=lambda self: OwnDatabase("sqlite://"))
    rule = Rule("/own", lambda request: request.db.answer(), endpoint="own")
    client = visit(make_app, own, rule)
    assert client.get("/own").text == "own session"
    client.app.database.close()


@effect_of("App.load_metadata")
def load_metadata(make_app: MakeApp) -> None:
    calls: list[App] = []
    app = make_app(*URLS, app_class=subclass(App, load_metadata=lambda self: calls.append(self)))
    app.models = MODELS
    app.start_worker()
    assert calls == [app]


@effect_of("App.save")
@effect_of("App.database_error")
@effect_of("App.answer_failed_save")
def saving(make_app: MakeApp) -> None:
    def refuse(self: App, request: Request, response: Any) -> None:
        raise TimeoutError

    def explain(self: App, request: Request, error: Exception) -> Exception:
        return BadRequest("own words") if isinstance(error, TimeoutError) else error

    def add_header(self: App, request: Request, error: Exception) -> Any:
        response = App.answer_failed_save(self, request, error)
        response.headers["X-Own"] = "own"
        return response

    own = subclass(App, save=refuse, database_error=explain, answer_failed_save=add_header)
    rule = Rule("/db", lambda request: str(request.db.is_active), endpoint="db")
    client = visit(make_app, own, rule, database_url="sqlite://")
    answer = client.get("/db")
    assert answer.status_code == 400
    assert "own words" in answer.text
    assert answer.headers["X-Own"] == "own"
    client.app.database.close()


@effect_of("App.template_folders")
def template_folders(make_app: MakeApp) -> None:
    own = subclass(App, template_folders=lambda self: [self.folder / "elsewhere"])
    app = make_app(*URLS, app_class=own)
    (app.folder / "elsewhere").mkdir()
    (app.folder / "elsewhere" / "page.html").write_text("from elsewhere")
    assert TestClient(app).get("/page").text == "from elsewhere"


@effect_of("App.static_rules")
def static_rules(make_app: MakeApp) -> None:
    client = visit(make_app, subclass(App, static_rules=lambda self: []), *URLS[:1])
    assert client.get("/static/a.txt").status_code == 404


@effect_of("App.pipeline")
def pipeline(make_app: MakeApp) -> None:

    def override(self: App, blueprint: str | None) -> Any:
        composed = App.pipeline(self, blueprint)
        return composed._replace(before=(lambda request: "guarded",))

    assert visit(make_app, subclass(App, pipeline=override)).get("/").text == "guarded"


@effect_of("App.start_worker")
@effect_of("App.check_services")
@effect_of("App.stop_worker")
@effect_of("App.close_session_interface")
@effect_of("App.close_database")
def life_of_a_worker(make_app: MakeApp) -> None:
    calls = []

    def recording(name: str) -> Any:
        def override(self: App) -> None:
            calls.append(name)
            getattr(App, name)(self)

        return override

    names = ("start_worker", "check_services", "stop_worker")
    closing = ("close_session_interface", "close_database")
    recorded = {name: recording(name) for name in (*names, *closing)}
    app = make_app(*URLS, app_class=subclass(App, **recorded))
    TestClient(app).get("/")
    app.check_services()
    app.stop_worker()
    assert calls == [*names, *closing]


# The request


def on_request(path: str, expected: str, **members: Any) -> Effect:
    """Return a test that a request class with ``members`` makes ``path`` answer ``expected``."""

    def test(make_app: MakeApp) -> None:
        client = visit(make_app, subclass(App, request_class=subclass(Request, **members)))
        answer = client.post(path, data={"a": "1"}) if path == "/body" else client.get(path)
        assert answer.text == expected or answer.headers.get("Location") == expected

    return test


class OneSession(Session):
    def __init__(self) -> None:
        pass

    def incr(self, key: str, by: int = 1) -> int:
        return 99


EFFECTS |= {
    "Request.session": on_request("/session", "99", session=property(lambda self: OneSession())),
    "Request.db": on_request("/rows", "own", db=property(lambda self: "own")),
    "Request.url_for": on_request("/url", "/own", url_for=lambda self, endpoint, **v: "/own"),
    "Request.render": on_request("/page", "own", render=lambda self, template, **v: "own"),
    "Request.render_stream": on_request(
        "/parts", "own", render_stream=lambda self, template, **v: iter(["own"])
    ),
    "Request.redirect": on_request("/go", "own", redirect=lambda self, location, **v: "own"),
    "Request.parameter_storage_class": on_request(
        "/body",
        "own None",
        parameter_storage_class=subclass(ImmutableMultiDict, to_dict=lambda self: "own"),
    ),
}


@effect_of("Request.__init__")
def request_init(make_app: MakeApp) -> None:
    def init(self: Any, environ: Any, app: App) -> None:
        Request.__init__(self, {**environ, "PATH_INFO": "/x.txt"}, app)

    own = subclass(App, request_class=subclass(Request, __init__=init))
    assert visit(make_app, own).get("/").text == "x"


@effect_of("Request.url_adapter")
def url_adapter(make_app: MakeApp) -> None:
    def bind(self: Any) -> Any:
        return self.app.url_map.map.bind("other.example", path_info="/x.txt")

    own = subclass(App, request_class=subclass(Request, url_adapter=property(bind)))
    assert visit(make_app, own).get("/").text == "x"


@effect_of("Request.json_module")
def json_module(make_app: MakeApp) -> None:
    decoder = subclass(JSONProvider, loads=lambda self, text: "decoded")()
    own = subclass(App, request_class=subclass(Request, json_module=decoder))
    assert visit(make_app, own).post("/read", json=1).json == ["decoded"]


@effect_of("Request.on_json_loading_failed")
def on_json_loading_failed(make_app: MakeApp) -> None:
    def override(self: Any, error: ValueError | None) -> Any:
        raise BadRequest("own words")

    own = subclass(App, request_class=subclass(Request, on_json_loading_failed=override))
    answer = visit(make_app, own).post("/read", data="{", content_type="application/json")
    assert answer.status_code == 400
    assert "own words" in answer.text


@effect_of("Request.form_data_parser_class")
def form_data_parser_class(make_app: MakeApp) -> None:
    def parse(self: Any, stream: Any, *arguments: Any, **options: Any) -> Any:
        return stream, ImmutableMultiDict({"parsed": "own"}), ImmutableMultiDict()

    parser = subclass(FormDataParser, parse=parse)
    own = subclass(App, request_class=subclass(Request, form_data_parser_class=parser))
    assert "own" in visit(make_app, own).post("/body", data={"a": "1"}).text


# The response


def on_response(path: str, expected: str, **members: Any) -> Effect:
    """Return a test that a response class with ``members`` makes ``path`` answer ``expected``."""

    def test(make_app: MakeApp) -> None:
        client = visit(make_app, subclass(App, response_class=subclass(Response, **members)))
        for _ in range(2):
            answer = client.get(path)
            assert expected in f"{answer.status} {answer.headers} {answer.text}"

    return test


def with_header(method: str) -> Any:
    def override(self: Any, *arguments: Any, **options: Any) -> Any:
        self.headers["X-Own"] = "own"
        return getattr(Response, method)(self, *arguments, **options)

    return override


def init_with_header(self: Any, *arguments: Any, **options: Any) -> None:
    Response.__init__(self, *arguments, **options)
    self.headers["X-Own"] = "own"


EFFECTS |= {
    "Response.default_mimetype": on_response("/", "text/csv", default_mimetype="text/csv"),
    "Response.default_status": on_response("/", "207 MULTI", default_status=207),
    "Response.__init__": on_response("/", "X-Own: own", __init__=init_with_header),
    "Response.__call__": on_response("/", "X-Own: own", __call__=with_header("__call__")),
    "Response.get_wsgi_response": on_response(
        "/", "X-Own: own", get_wsgi_response=with_header("get_wsgi_response")
    ),
    "Response.get_wsgi_headers": on_response(
        "/", "X-Own: own", get_wsgi_headers=with_header("get_wsgi_headers")
    ),
    "Response.get_app_iter": on_response(
        "/", "own body", get_app_iter=lambda self, environ: [b"own body"]
    ),
    "Response.iter_encoded": on_response(
        "/stream", "own parts", iter_encoded=lambda self: iter([b"own parts"])
    ),
    "Response.autocorrect_location_header": on_response(
        "/go", "Location: https://localhost/", autocorrect_location_header=True
    ),
}


# All of them


@pytest.mark.parametrize("name", sorted(EFFECTS))
def test_override_takes_effect(make_app: MakeApp, name: str) -> None:
    EFFECTS[name](make_app)


def documented() -> list[str]:
    return re.findall(r"^\| `(\w+\.\w+)", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)


def test_reference_lists_each_hook_once() -> None:
    assert sorted(documented()) == sorted(EFFECTS)


@pytest.mark.parametrize(
    ("owner", "defined_in"),
    [("App", App), ("App", AppParts), ("Request", Request), ("Response", Response)],
)
def test_every_public_name_is_in_the_reference_or_is_no_hook(owner: str, defined_in: type) -> None:
    public = {f"{owner}.{name}" for name in vars(defined_in) if not name.startswith("_")}
    assert public - CALLED - set(documented()) == set()


def test_no_name_is_left_over() -> None:
    owners = {"App": App, "Request": Request, "Response": Response}
    for name in CALLED:
        owner, _, member = name.partition(".")
        assert hasattr(owners[owner], member), name
