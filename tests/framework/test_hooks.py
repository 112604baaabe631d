from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.exceptions import Forbidden, HTTPException, NotFound

from framework import Blueprint, Rule
from framework.exceptions import ImportPathError, SetupError
from framework.hooks import Hooks, Pipeline
from framework.testing import TestClient

if TYPE_CHECKING:
    from conftest import MakeApp, WritePackage


def test_hooks_run_inwards_before_the_view_and_outwards_after_it(make_app: MakeApp) -> None:
    seen: list[str] = []

    def watch(scope: Any, name: str) -> None:
        for number in (1, 2):
            label = f"{name}{number}"
            scope.before_request(lambda request, label=label: seen.append(f"before {label}"))
            scope.after_request(
                lambda request, response, label=label: seen.append(f"after {label}")
            )
            scope.teardown_request(lambda request, error, label=label: seen.append(f"end {label}"))

    def view(request):
        seen.append("view")
        return ""

    inner = Blueprint("inner", rules=[Rule("/", view)])
    outer = Blueprint("outer", rules=[inner])
    app = make_app(outer)
    for scope, name in ((app, "app"), (outer, "outer"), (inner, "inner")):
        watch(scope, name)
    TestClient(app).get("/")
    inwards = ["app1", "app2", "outer1", "outer2", "inner1", "inner2"]
    assert seen == [
        *(f"before {label}" for label in inwards),
        "view",
        *(f"after {label}" for label in reversed(inwards)),
        *(f"end {label}" for label in reversed(inwards)),
    ]


def test_before_hook_that_returns_a_value_answers(make_app: MakeApp) -> None:
    app = make_app(Rule("/", lambda request: "view", endpoint="view"))
    seen = []
    app.before_request(lambda request: ("stop", 401))
    app.before_request(lambda request: seen.append("second"))
    answer = TestClient(app).get("/")
    assert (answer.status_code, answer.text, seen) == (401, "stop", [])


def test_after_hook_may_replace_the_response(make_app: MakeApp) -> None:
    app = make_app(Rule("/", lambda request: "view", endpoint="view"))
    app.after_request(lambda request, response: app.response_class("replaced"))
    assert TestClient(app).get("/").text == "replaced"


def test_before_hooks_do_not_run_without_a_matching_url_but_after_hooks_do(
    make_app: MakeApp,
) -> None:
    app = make_app()
    seen = []
    app.before_request(lambda request: seen.append("before"))
    app.after_request(lambda request, response: seen.append("after"))
    assert TestClient(app).get("/").status_code == 404
    assert seen == ["after"]


def test_hook_can_be_named_by_its_import_path(
    make_app: MakeApp, write_package: WritePackage
) -> None:
    name = write_package({"guards.py": "def refuse(request):\n    return 'refused', 403\n"})
    app = make_app(Rule("/", lambda request: "view", endpoint="view"))
    assert app.before_request(f"{name}.guards:refuse") == f"{name}.guards:refuse"
    assert TestClient(app).get("/").text == "refused"


@pytest.mark.parametrize(
    ("register", "hook"),
    [("before_request", print), ("add_error_handler", print), ("on_worker_start", "module:hook")],
)
def test_hook_that_comes_too_late_is_refused(
    make_app: MakeApp, register: str, hook: object
) -> None:
    app = make_app()
    TestClient(app).get("/")
    arguments = [404, hook] if register == "add_error_handler" else [hook]
    with pytest.raises(SetupError, match=r"too late: <App .*Register hooks in the module"):
        getattr(app, register)(*arguments)


def handlers(**scopes: list[Any]) -> Pipeline:
    """Return the pipeline of scopes given from the outermost to the innermost."""
    composed = []
    for name, registered in scopes.items():
        scope = Hooks()
        for key in registered:
            scope.add_error_handler(key, lambda request, error, name=name, key=key: (name, key))
        composed.append(scope)
    return Pipeline.compose(composed)


@pytest.mark.parametrize(
    ("error", "scopes", "expected"),
    [
        (NotFound(), {"app": [404, NotFound]}, ("app", 404)),
        (NotFound(), {"app": [HTTPException, Exception]}, ("app", HTTPException)),
        (NotFound(), {"app": [404], "inner": [Exception]}, ("inner", Exception)),
        (NotFound(), {"app": [404], "inner": [403]}, ("app", 404)),
        (KeyError(), {"app": [Exception, LookupError]}, ("app", LookupError)),
        (Forbidden(), {"app": [404, KeyError]}, None),
        (HTTPException(), {"app": [HTTPException]}, ("app", HTTPException)),
    ],
)
def test_nearest_error_handler_wins(error: Exception, scopes: Any, expected: Any) -> None:
    handler: Any = handlers(**scopes).error_handler(error)
    assert (handler and handler(None, error)) == expected


def test_context_processors_add_names_to_templates(make_app: MakeApp, tmp_path: Any) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a.html").write_text("{{ one }} {{ two }} {{ three }}")
    blueprint = Blueprint(
        "b", rules=[Rule("/", lambda request: request.render("a.html", three=3), endpoint="v")]
    )
    blueprint.context_processor(lambda request: {"two": request.endpoint, "three": "hidden"})
    app = make_app(blueprint)
    app.context_processor(lambda request: {"one": 1, "two": "hidden"})
    assert TestClient(app).get("/").text == "1 b.v 3"


@pytest.mark.parametrize(
    "error", ["404", 200, 999, int, NotFound(), None, lambda request, error: "no parentheses"]
)
def test_error_handler_that_could_never_be_called_is_refused(error: Any) -> None:
    with pytest.raises(
        SetupError, match=r"for the code of an HTTP error, like 404, or for a class"
    ):
        Hooks().error_handler(error)
    with pytest.raises(SetupError, match=r"and not for "):
        Hooks().add_error_handler(error, print)


@pytest.mark.parametrize("hook", [None, 3, ["module:name"]])
def test_hook_that_cannot_be_called_is_refused(hook: Any) -> None:
    with pytest.raises(SetupError, match=r"cannot be a hook of .* the import path of one"):
        Hooks().before_request(hook)
    with pytest.raises(SetupError, match=r"cannot be a hook of"):
        Hooks().add_error_handler(404, hook)


@pytest.mark.parametrize("register", ["after_request", "on_worker_start", "on_worker_stop"])
@pytest.mark.parametrize(
    ("path", "message"),
    [("math:pi", r"'math:pi' is 3.14.*cannot be called"), ("math:pie", r"Did you mean 'pi'")],
)
def test_hook_whose_import_path_is_wrong_is_noticed_at_start(
    make_app: MakeApp, register: str, path: str, message: str
) -> None:
    app = make_app(debug=True)
    getattr(app, register)(path)
    with pytest.raises(ImportPathError, match=message):
        app.start_worker()
