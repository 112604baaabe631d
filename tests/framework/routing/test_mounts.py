from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.test import create_environ

from framework import Blueprint, Mount, Rule
from framework.context import current_request
from framework.testing import TestClient, make_request

if TYPE_CHECKING:
    from conftest import MakeApp, WritePackage


def view(request, **values):
    return {"endpoint": request.endpoint, **values}


def echo(environ, start_response):
    """Answer with what a mounted app sees."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    names = ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO")
    return [" ".join(environ[name] for name in names).encode("latin-1")]


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/legacy", "GET /legacy "),
        ("/legacy/", "GET /legacy /"),
        ("/legacy/a/b", "GET /legacy /a/b"),
        ("/legacy//a//", "GET /legacy //a//"),
        ("/base/legacy/x", "GET /base/legacy /x"),
    ],
)
def test_mounted_app_sees_its_prefix_and_the_rest_of_the_path(
    make_app: MakeApp, path: str, seen: str
) -> None:
    app = make_app(Mount("/legacy", echo))
    base = "https://h/base" if path.startswith("/base") else "https://h"
    answer = TestClient(app).get(path.removeprefix("/base"), base_url=base)
    assert answer.data.decode("latin-1") == seen


def test_mount_at_the_root_takes_what_no_rule_takes(make_app: MakeApp) -> None:
    client = TestClient(make_app(Mount("/", echo), Rule("/new", view)))
    assert client.get("/old/page").text == "GET  /old/page"
    assert client.get("/").text == "GET  /"
    assert client.get("/new").json == {"endpoint": "view"}


def test_rules_under_a_mount_come_first_by_path_and_by_method(make_app: MakeApp) -> None:
    client = TestClient(make_app(Mount("/legacy", echo), Rule("/legacy/new", view)))
    assert client.get("/legacy/new").json == {"endpoint": "view"}
    assert client.post("/legacy/new").text == "POST /legacy /new"
    assert client.options("/legacy/new").text == "OPTIONS /legacy /new"
    assert client.get("/legacynew").status_code == 404


def test_mounted_app_gets_the_path_as_it_was_sent(make_app: MakeApp) -> None:
    environ = {**create_environ("/"), "PATH_INFO": "/legacy/\xff/\xc3\xa4"}
    body = make_app(Mount("/legacy", echo))(environ, lambda *arguments: print)
    assert b"".join(body) == b"GET /legacy /\xff/\xc3\xa4"


def test_slashes_in_front_do_not_reach_the_mounted_app_as_its_prefix(make_app: MakeApp) -> None:
    # "//legacy" as a prefix would make the app's own URLs lead to the host "legacy".
    environ = {**create_environ("/"), "PATH_INFO": "//legacy/x", "SCRIPT_NAME": "/"}
    body = make_app(Mount("/legacy", echo))(environ, lambda *arguments: print)
    assert b"".join(body) == b"GET /legacy /x"


def test_mount_gets_paths_with_line_breaks_and_prefixes_of_any_depth(make_app: MakeApp) -> None:
    tenant = Blueprint("tenant", prefix="/<path:tenant>/at", rules=[Mount("/old", echo)])
    client = TestClient(make_app(tenant))
    assert client.get("/a/b/at/old/x%0Ay/z").text == "GET /a/b/at/old /x\ny/z"
    assert client.get("/a%2Fb/at/old").text == "GET /a/b/at/old "


@pytest.mark.parametrize(
    ("endpoint", "values", "expected"),
    [
        ("legacy", {}, "/legacy"),
        ("legacy", {"mounted_path": "/a b/c"}, "/legacy/a%20b/c"),
        ("legacy", {"mounted_path": "a/b", "q": 1}, "/legacy/a/b?q=1"),
        ("root", {}, "/"),
        ("root", {"mounted_path": "/a"}, "/a"),
    ],
)
def test_url_of_a_mount_takes_the_rest_of_the_path(
    make_app: MakeApp, endpoint: str, values: Any, expected: str
) -> None:
    app = make_app(Mount("/legacy", echo), Mount("/", echo, endpoint="root"))
    assert make_request(app).url_for(endpoint, **values) == expected


def test_apps_in_apps_know_where_they_are(make_app: MakeApp) -> None:
    def here(request):
        return f"{request.url_for('here')} {current_request() is request}"

    def stream(request):
        yield request.url_for("stream", _external=True)

    inner = make_app(Rule("/", here), Rule("/s", stream), Rule("/d/", here), Mount("/m", echo))
    middle = make_app(Mount("/inner", inner), Rule("/", here))
    client = TestClient(make_app(Mount("/middle", middle), Rule("/", here)))
    assert client.get("/middle/").text == "/middle/ True"
    assert client.get("/middle/inner/").text == "/middle/inner/ True"
    assert client.get("/middle/inner").text == "/middle/inner/ True"
    assert client.get("/middle/inner/s").text == "https://localhost/middle/inner/s"
    assert client.get("/middle/inner/m/x").text == "GET /middle/inner/m /x"
    assert client.get("/middle/inner/d").location == "https://localhost/middle/inner/d/"
    assert client.get("/middle/inner/none").status_code == 404


def test_mount_in_a_blueprint_by_import_path(
    make_app: MakeApp, write_package: WritePackage
) -> None:
    name = write_package(
        {"old.py": "from werkzeug.wrappers import Response\napp = Response('old')\n"}
    )
    blueprint = Blueprint("tenant", prefix="/<tenant>", rules=[Mount("/old", f"{name}.old:app")])
    app = make_app(blueprint)
    seen = []
    app.before_request(lambda request: seen.append((request.endpoint, request.blueprint)))
    assert TestClient(app).get("/a/old/x").text == "old"
    assert seen == [("tenant.old", "tenant")]
