from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.routing import BaseConverter

from framework import App, Blueprint, Mount, Rule
from framework.exceptions import ImportPathError, RoutingError
from framework.testing import TestClient

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeApp, WritePackage

    from framework.routing.blueprints import Item


def view(request):
    return f"{request.blueprint}: {request.endpoint}"


def test_blueprints_nest_with_dotted_endpoints_and_joined_prefixes(make_app: MakeApp) -> None:
    users = Blueprint("users", prefix="/users", rules=[Rule("/edit", view, endpoint="edit")])
    app = make_app(Blueprint("admin", prefix="/admin", rules=[users, Rule("", view)]))
    client = TestClient(app)
    assert client.get("/admin/users/edit").text == "admin.users: admin.users.edit"
    assert client.get("/admin").text == "admin: admin.view"


def test_rules_name_functions_of_the_views_module_and_pass_it_inwards(
    make_app: MakeApp, write_package: WritePackage
) -> None:
    name = write_package(
        {
            "views.py": "def show(request):\n    return 'show'\n"
            "def add(request):\n    return 'add'\n",
            "other.py": "def show(request):\n    return 'other'\n",
        }
    )
    inner = Blueprint("inner", prefix="/inner", rules=[Rule("/", "add")])
    other = Blueprint("other", prefix="/other", views=f"{name}.other", rules=[Rule("/", "show")])
    rules: list[Item] = [
        Rule("/", "show"),
        Rule("/x", f"{name}.other:show", endpoint="x"),
        inner,
        other,
    ]
    client = TestClient(make_app(Blueprint("cart", views=f"{name}.views", rules=rules)))
    assert [client.get(path).text for path in ("/", "/x", "/inner/", "/other/")] == [
        "show",
        "other",
        "add",
        "other",
    ]


def test_blueprint_takes_its_rules_from_a_module_of_its_own(
    make_app: MakeApp, write_package: WritePackage
) -> None:
    rules = "from framework import Rule\n{list} = [Rule('/', 'page')]\n"
    name = write_package(
        {
            "urls.py": rules.replace("{list}", "urls"),
            "more.py": rules.replace("{list}", "api_urls"),
            "views.py": "def page(request):\n    return request.endpoint\n",
        }
    )
    views = f"{name}.views"
    app = make_app(
        Blueprint("admin", prefix="/admin", views=views, urls=f"{name}.urls"),
        Blueprint("api", prefix="/api", views=views, urls=f"{name}.more:api_urls"),
    )
    assert TestClient(app).get("/admin/").text == "admin.page"
    assert TestClient(app).get("/api/").text == "api.page"


@pytest.mark.parametrize(
    ("code", "urls", "message"),
    [
        ("urls = 'text'", "urls", r"urls' \(blueprint 'admin'\) has no list called 'urls'.*Write"),
        ("pages = []", "urls", r"has no list called 'urls'.*did you mean '.*\.urls:pages'\?"),
        (
            "pages = ''",
            "urls:pages",
            r"urls:pages' \(blueprint 'admin'\) is ''. It has to be a list",
        ),
    ],
)
def test_url_module_without_a_list_is_refused(
    make_app: MakeApp, write_package: WritePackage, code: str, urls: str, message: str
) -> None:
    name = write_package({"urls.py": code})
    with pytest.raises(RoutingError, match=message):
        _ = make_app(Blueprint("admin", urls=f"{name}.{urls}")).url_map


@pytest.mark.parametrize("inside", ["urls", "more"])
def test_url_module_that_contains_itself_is_refused(
    write_package: WritePackage, inside: str
) -> None:
    again = "from framework import Blueprint\nurls = [Blueprint('a', urls='{name}.LIST')]\n"
    name = write_package(
        {"urls.py": again.replace("LIST", inside), "more.py": again.replace("LIST", "more")}
    )
    with pytest.raises(RoutingError, match=rf"takes its rules from '{name}\.{inside}', which it"):
        _ = App("no_such_package", urls=f"{name}.urls", config={}).url_map


def test_missing_url_module_is_named(make_app: MakeApp, write_package: WritePackage) -> None:
    name = write_package({"urls.py": "urls = []\n"})
    with pytest.raises(ImportPathError, match=f"Did you mean '{name}.urls'"):
        _ = make_app(Blueprint("admin", urls=f"{name}.ulrs")).url_map


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (Rule("add", view), "'add' must start with a slash: '/add'"),
        (Mount("old", "old:app"), "'old' must start with a slash: '/old'"),
        (Rule("/", "show"), "names no module.*'package.module:show'.*views="),
        (Rule("/", lambda request: "", methods=["GET"]), "has no name.*Give the rule an endpoint="),
        (Rule("/", partial(view)), "has no name"),
        (Rule("/", view, endpoint="a.b"), "'a.b' has a dot in it"),
        ("shop.urls", r"'shop.urls' cannot be part of a URL list \(of the app\): it takes Rule"),
        (Blueprint("cart", rules=[[]]), r"\[\] cannot be part .*of blueprint 'cart'"),  # type: ignore[list-item]
    ],
)
def test_item_that_makes_no_sense_says_why(make_app: MakeApp, item: Any, message: str) -> None:
    with pytest.raises(RoutingError, match=message):
        _ = make_app(item).url_map


def test_blueprint_registered_twice_is_refused(make_app: MakeApp) -> None:
    app = make_app(Blueprint("cart", prefix="/a"), Blueprint("cart", prefix="/b"))
    with pytest.raises(
        RoutingError, match=r"Two blueprints are called 'cart', at '/b' and at '/a'\. Remove one"
    ):
        _ = app.url_map


def test_converters_of_a_blueprint_are_for_the_patterns_inside(make_app: MakeApp) -> None:
    class Upper(BaseConverter):
        regex = "[A-Z]+"

    class Short(BaseConverter):
        regex = "[A-Z]{1,2}"

    def word(request, word):
        return f"{request.endpoint}: {word}"

    rules = [Rule("/<code:word>", word)]
    app = make_app(
        Blueprint(
            "outer",
            prefix="/outer",
            converters={"code": Upper},
            rules=[
                *rules,
                Blueprint("inner", prefix="/inner", rules=rules),
                Blueprint("own", prefix="/own", converters={"code": Short}, rules=rules),
            ],
        )
    )
    client = TestClient(app)
    assert client.get("/outer/ABC").text == "outer.word: ABC"
    assert client.get("/outer/abc").status_code == 404
    assert client.get("/outer/inner/ABC").text == "outer.inner.word: ABC"
    assert client.get("/outer/own/AB").text == "outer.own.word: AB"
    assert client.get("/outer/own/ABC").status_code == 404
    with pytest.raises(RoutingError, match="there is no converter 'code'"):
        _ = make_app(Blueprint("outer", converters={"code": Upper}), *rules).url_map


def test_mount_is_an_endpoint_called_by_its_path(make_app: MakeApp) -> None:
    app = make_app(
        Mount("/old/v1.0", "old:app"),
        Mount("/x", "old:app", endpoint="legacy"),
        Mount("/", "old:app"),
    )
    assert list(app.url_map.endpoints) == ["old_v1_0", "legacy", "mount"]


def test_blueprint_has_its_own_templates_and_static_files(
    make_app: MakeApp, tmp_path: Path
) -> None:
    for folder in ("templates", "shop/templates", "shop/static"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "shop/templates/page.html").write_text("{{ url_for('.static', filename='a.css') }}")
    (tmp_path / "shop/templates/both.html").write_text("of the blueprint")
    (tmp_path / "templates/both.html").write_text("of the app")
    (tmp_path / "shop/static/a.css").write_text("body {}")

    def page(request):
        return request.render("page.html")

    def both(request):
        return request.render("both.html")

    rules = [Rule("/page", page), Rule("/both", both)]
    client = TestClient(
        make_app(
            Blueprint(
                "shop", prefix="/s", templates="shop/templates", static="shop/static", rules=rules
            )
        )
    )
    url = client.get("/s/page").text
    assert url.startswith("/s/static/a.")
    assert client.get(url).text == "body {}"
    assert client.get("/s/both").text == "of the app"


def test_static_folder_that_does_not_exist_is_named(make_app: MakeApp, tmp_path: Path) -> None:
    blueprint = Blueprint("cart", static="cart/fiels")
    with pytest.raises(RoutingError, match=rf"'cart' has static='cart/fiels'.*'{tmp_path}/cart/fi"):
        _ = make_app(blueprint).url_map


@pytest.mark.parametrize("rules", ["shop.urls", Rule("/", print), None, {}, iter([])])
def test_rules_that_are_no_list_are_refused(make_app: MakeApp, rules: Any) -> None:
    with pytest.raises(RoutingError, match=r"The rules of blueprint 'cart' are .* named by urls="):
        _ = make_app(Blueprint("cart", rules=rules)).url_map
    if not isinstance(rules, str):
        with pytest.raises(RoutingError, match=r"The rules of the app are .* a list of Rule"):
            _ = App("no_such_package", urls=rules, config={}).url_map


def test_long_value_in_place_of_a_url_list_is_shortened(make_app: MakeApp) -> None:
    with pytest.raises(RoutingError) as caught:
        _ = make_app(Blueprint("admin", urls="os:environ")).url_map
    assert len(str(caught.value)) < 200
