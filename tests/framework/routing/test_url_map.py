from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from werkzeug.routing import BaseConverter

from framework import App, Blueprint, Mount, Rule
from framework.exceptions import RoutingError, URLBuildError
from framework.testing import TestClient, make_request

if TYPE_CHECKING:
    from conftest import MakeApp


def view(request, **values):
    return {"endpoint": request.endpoint, **values}


def other(request, **values):
    return {"other": request.endpoint, **values}


def test_endpoint_is_the_name_of_the_view_unless_given(make_app: MakeApp) -> None:
    app = make_app(Rule("/a", view), Rule("/b", view, endpoint="other"))
    assert set(app.url_map.endpoints) == {"view", "other"}


def test_converters_and_defaults_give_the_view_its_values(make_app: MakeApp) -> None:
    app = make_app(Rule("/page/<int:number>", view), Rule("/page", view, defaults={"number": 1}))
    client = TestClient(app)
    assert client.get("/page/2").json == {"endpoint": "view", "number": 2}
    assert client.get("/page").json == {"endpoint": "view", "number": 1}
    assert client.get("/page/two").status_code == 404


def test_custom_converters_are_found_by_name(make_app: MakeApp) -> None:
    class Upper(BaseConverter):
        regex = "[A-Z]+"

    class ConverterApp(App):
        url_converters = MappingProxyType({"upper": Upper})

    client = TestClient(make_app(Rule("/<upper:word>", view), app_class=ConverterApp))
    assert client.get("/ABC").json == {"endpoint": "view", "word": "ABC"}
    assert client.get("/abc").status_code == 404


def test_strict_slashes_can_be_switched_off_for_a_rule(make_app: MakeApp) -> None:
    app = make_app(Rule("/cart/", view, strict_slashes=False))
    assert TestClient(app).get("/cart").status_code == 200


def test_one_endpoint_for_two_views_is_refused(make_app: MakeApp) -> None:
    app = make_app(Rule("/a", "shop.views:index"), Rule("/b", "shop.cart:index"))
    with pytest.raises(RoutingError, match=r"'index' stands for two views: .*'/b'.*endpoint="):
        _ = app.url_map


def test_one_view_may_answer_several_rules(make_app: MakeApp) -> None:
    app = make_app(Rule("/a", "shop.views:index"), Rule("/b", "shop.views:index"))
    assert list(app.url_map.endpoints) == ["index"]


@pytest.mark.parametrize("path", ["/<nonsense:x>", "/<int:x", "/<x>/<x>", "/<int(a=1):x>"])
def test_broken_pattern_names_the_rule(make_app: MakeApp, path: str) -> None:
    with pytest.raises(RoutingError, match=r"The rule '/<.*endpoint 'view'.* cannot be used"):
        _ = make_app(Rule(path, view)).url_map


def test_405_names_the_methods_and_options_answers_with_them(make_app: MakeApp) -> None:
    client = TestClient(make_app(Rule("/a", view), Rule("/a", other, methods=["POST"])))
    refused = client.delete("/a")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD, OPTIONS, POST")
    answer = client.options("/a")
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    head = client.head("/a")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == client.get("/a").headers["Content-Length"]


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/branch?a=1&a=%C3%A4", "/branch/?a=1&a=%C3%A4"),
        ("/leaf//x", "/leaf/x"),
        ("/page/1", "/page"),
        ("/page/1?q=2", "/page?q=2"),
    ],
)
def test_url_that_is_nearly_right_is_redirected_for_good(
    make_app: MakeApp, path: str, location: str
) -> None:
    app = make_app(
        Rule("/branch/", view, methods=["GET", "POST"]),
        Rule("/leaf/<x>", other),
        Rule("/page", view, endpoint="page", defaults={"number": 1}),
        Rule("/page/<int:number>", view, endpoint="page"),
    )
    for base in ("https://h.example", "https://h.example/base"):
        answer = TestClient(app, base_url=base).get(path)
        assert (answer.status_code, answer.headers["Location"]) == (308, base + location)
    assert TestClient(app).get("/page").json == {"endpoint": "page", "number": 1}
    assert make_request(app).url_for("page", number=1) == "/page"


def test_slashes_are_kept_where_a_rule_says_so(make_app: MakeApp) -> None:
    client = TestClient(make_app(Rule("/a/<x>", view, merge_slashes=False), Rule("/b/<x>", other)))
    assert client.get("/a//x").status_code == 404
    assert client.get("/b//x").status_code == 308


def mounted(environ, start_response):
    """Answer with what a mounted app sees."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    names = ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO")
    return [" ".join(environ[name] for name in names).encode("latin-1")]


HOSTS = [
    Rule("/", view, endpoint="home"),
    Blueprint(
        "api",
        subdomain="api",
        rules=[
            Rule("/", view, endpoint="home"),
            Blueprint("v2", subdomain="v2", rules=[Rule("/", view, endpoint="home")]),
            Rule("/own", view, endpoint="own", host="own.example:8443"),
        ],
    ),
    Blueprint(
        "tenant",
        host="<tenant>.shops.example",
        prefix="/shop",
        rules=[Rule("/<int:item>", view, endpoint="item"), Mount("/old", mounted)],
    ),
]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://site.example/", {"endpoint": "home"}),
        ("https://SITE.example/", {"endpoint": "home"}),
        ("https://api.site.example/", {"endpoint": "api.home"}),
        ("https://v2.api.site.example/", {"endpoint": "api.v2.home"}),
        ("https://own.example:8443/own", {"endpoint": "api.own"}),
        ("https://a.shops.example/shop/3", {"endpoint": "tenant.item", "tenant": "a", "item": 3}),
        # Where no rule names the host, the site answers: a node's own address, a second name.
        ("http://127.0.0.1:8001/", {"endpoint": "home"}),
        ("https://own.example/", {"endpoint": "home"}),
        ("https://api.site.example/own", None),
        ("https://a.shops.example/", None),
        ("https://site.example/shop/3", None),
    ],
)
def test_rules_on_hosts_answer_there_alone(make_app: MakeApp, url: str, expected: Any) -> None:
    parts = urlsplit(url)
    client = TestClient(make_app(*HOSTS, public_url="https://Site.example"))
    answer = client.get(parts.path, base_url=f"{parts.scheme}://{parts.netloc}")
    assert (answer.json if expected else answer.status_code) == (expected or 404)


def test_mount_on_a_host_is_there_alone(make_app: MakeApp) -> None:
    client = TestClient(make_app(*HOSTS, public_url="https://site.example"))
    on_host = client.get("/shop/old/x", base_url="https://a.shops.example")
    assert on_host.text == "GET /shop/old /x"
    assert client.get("/shop/old/x").status_code == 404


@pytest.mark.parametrize(
    ("endpoint", "values", "expected"),
    [
        ("home", {}, "/"),
        ("home", {"_external": True}, "https://site.example/"),
        ("api.home", {"q": 1}, "https://api.site.example/?q=1"),
        ("api.v2.home", {}, "https://v2.api.site.example/"),
        ("api.own", {"_scheme": "http"}, "http://own.example:8443/own"),
        ("tenant.item", {"tenant": "b", "item": 1}, "https://b.shops.example/shop/1"),
    ],
)
def test_url_on_another_host_is_a_full_one(
    make_app: MakeApp, endpoint: str, values: Any, expected: str
) -> None:
    app = make_app(*HOSTS, public_url="https://site.example")
    assert (
        make_request(app, base_url="https://site.example").url_for(endpoint, **values) == expected
    )
    inside = make_request(app, base_url="https://api.site.example")
    assert inside.url_for("home") == "https://site.example/"
    assert inside.url_for("api.home") == "/"


def test_url_that_lacks_the_variable_of_its_host_says_so(make_app: MakeApp) -> None:
    request = make_request(make_app(*HOSTS, public_url="https://site.example"))
    with pytest.raises(URLBuildError) as caught:
        request.url_for("tenant.item", item=1)
    assert str(caught.value) == (
        "The URL of endpoint 'tenant.item' ('<tenant>.shops.example/shop/<int:item>') needs tenant;"
        " given: item."
    )


@pytest.mark.parametrize("name", ["_externl", "_shceme", "_anchors"])
def test_misspelled_option_of_url_for_is_no_value_of_the_query(
    make_app: MakeApp, name: str
) -> None:
    request = make_request(make_app(Rule("/", view)))
    values: dict[str, Any] = {name: True}
    with pytest.raises(URLBuildError, match=rf"no option '{name}'. Did you mean '_"):
        request.url_for("view", **values)
    assert request.url_for("view", _method="put") == "/?_method=put"


def test_url_outside_a_request_may_have_another_scheme(make_app: MakeApp) -> None:
    app = make_app(Rule("/", view), public_url="https://site.example/base")
    assert app.url_for("view", _scheme="http") == "http://site.example/base/"
    with pytest.raises(URLBuildError, match="'view' needs a host"):
        make_app(Rule("/", view)).url_for("view", _scheme="http")


def test_rules_on_hosts_need_to_know_the_host_of_the_site(make_app: MakeApp) -> None:
    with pytest.raises(RoutingError, match=r"'/' \(endpoint 'api.home'\).*Set PUBLIC_URL, like"):
        _ = make_app(*HOSTS).url_map


@pytest.mark.parametrize(
    ("endpoint", "values", "expected"),
    [
        ("item", {"item_id": 3}, "/items/3"),
        ("item", {"item_id": 3, "b": 2, "a": "x y"}, "/items/3?a=x+y&b=2"),
        ("item", {"item_id": 3, "missing": None}, "/items/3"),
        ("item", {"item_id": 3, "tag": ["a", "b"]}, "/items/3?tag=a&tag=b"),
        ("item", {"item_id": 3, "_anchor": "ä b"}, "/items/3#%C3%A4%20b"),
        ("item", {"item_id": 3, "_external": True}, "https://shop.example/items/3"),
        ("item", {"item_id": 3, "_scheme": "http"}, "http://shop.example/items/3"),
        (".show", {}, "/cart/"),
        (".gifts.show", {}, "/cart/gifts/"),
        ("..item", {"item_id": 3}, "/items/3"),
        ("cart.gifts.show", {}, "/cart/gifts/"),
    ],
)
def test_url_for_in_a_request(make_app: MakeApp, endpoint: str, values: Any, expected: str) -> None:
    gifts = Blueprint("gifts", prefix="/gifts", rules=[Rule("/", view, endpoint="show")])
    cart = Blueprint("cart", prefix="/cart", rules=[Rule("/", view, endpoint="show"), gifts])
    app = make_app(Rule("/items/<int:item_id>", view, endpoint="item"), cart)
    request = make_request(app, "/cart/", base_url="https://shop.example")
    assert request.url_for(endpoint, **values) == expected


def test_url_for_keeps_the_prefix_the_app_is_served_under(make_app: MakeApp) -> None:
    request = make_request(make_app(Rule("/a", view)), "/a", base_url="https://h/base")
    assert request.url_for("view") == "/base/a"


@pytest.mark.parametrize(
    ("endpoint", "values", "message"),
    [
        ("itme", {}, "There is no endpoint 'itme'. Did you mean 'item'?"),
        ("zzz", {}, "There is no endpoint 'zzz'."),
        (
            "item",
            {},
            "The URL of endpoint 'item' ('/items/<int:item_id>') needs item_id; given: nothing.",
        ),
        (
            "item",
            {"item": 1},
            "The URL of endpoint 'item' ('/items/<int:item_id>') needs item_id; given: item.",
        ),
        (
            "item",
            {"item_id": "x"},
            "The URL of endpoint 'item' ('/items/<int:item_id>') does not take the values"
            " {'item_id': 'x'}.",
        ),
    ],
)
def test_url_that_cannot_be_built_says_why(
    make_app: MakeApp, endpoint: str, values: Any, message: str
) -> None:
    request = make_request(make_app(Rule("/items/<int:item_id>", view, endpoint="item")))
    with pytest.raises(URLBuildError) as caught:
        request.url_for(endpoint, **values)
    assert str(caught.value) == message


def test_url_is_the_one_werkzeug_builds(make_app: MakeApp) -> None:
    app = make_app(
        Rule("/", view, endpoint="top"),
        Rule("/items/<int:number>", view, endpoint="item"),
        Rule("/first", view, endpoint="first", defaults={"number": 1}),
        Rule("/files/<path:name>", view, endpoint="file", methods=["POST"]),
        Rule("/page/<word>", view, endpoint="page"),
        Rule("/page", view, endpoint="page", defaults={"word": "start"}),
    )
    for endpoint, values in (
        ("top", {}),
        ("top", {"q": "a b", "page": 2}),
        ("item", {"number": 3}),
        ("item", {"number": 3, "q": None}),
        ("first", {"number": 1}),
        ("file", {"name": "//a ü/?#"}),
        ("page", {"word": "ü/ü"}),
        ("page", {"word": "start"}),
    ):
        request = make_request(app, "/", environ_overrides={"SCRIPT_NAME": "/shop"})
        assert request.url_for(endpoint, **values) == request.url_adapter.build(endpoint, values)
    for endpoint, number in (("item", None), ("first", 2)):
        with pytest.raises(URLBuildError):
            app.url_for(endpoint, number=number)
