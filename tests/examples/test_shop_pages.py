"""The example shop: every page is whole, and a page that needs no session opens none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from framework.sessions import SessionInterface, SessionUnavailable
from framework.testing import TestClient, make_request
from tests.examples.shop_visitors import add

if TYPE_CHECKING:
    from collections.abc import Callable

    from shop import Shop

PAGES = ["/", "/items/1", "/items/12", "/cart/", "/served-by"]
FORMS = [*PAGES, "/account/login", "/account/register"]
ITEMS = range(1, 13)


def test_a_worker_starts_with_every_view_and_template(app: Shop) -> None:
    app.start_worker()

    assert TestClient(app).get("/readyz").status_code == 200


@pytest.mark.parametrize("path", FORMS)
def test_every_page_is_a_whole_page(client: TestClient, path: str) -> None:
    page = client.get(path)

    assert page.status_code == 200
    assert '<html lang="en" dir="ltr">' in page.text
    assert page.text.count("<h1") == 1
    assert 'href="#main"' in page.text
    assert "Answered by <b>local</b>, worker <b>1</b>" in page.text


@pytest.mark.parametrize("path", [*PAGES, "/items/99"])
def test_everything_a_page_links_to_exists(client: TestClient, path: str) -> None:
    links = re.findall(r'(?:href|src|data-[a-z-]+)="(/[^"]*)"', client.get(path).text)

    assert len(links) > 5
    for link in sorted(set(links)):
        assert client.get(link.replace("&amp;", "&"), follow_redirects=True).status_code == 200


def test_the_forms_of_a_page_lead_to_views_that_take_them(client: TestClient) -> None:
    add(client)
    actions = {
        path: re.findall('<form[^>]* method="post" action="([^"]+)"', client.get(path).text)
        for path in ["/", "/items/3", "/cart/", "/checkout", "/account/register"]
    }

    assert actions == {
        "/": ["/cart/add"] * len(ITEMS) + ["/language"],
        "/items/3": ["/cart/add", "/language"],
        "/cart/": ["/cart/update", "/cart/remove", "/language"],
        "/checkout": ["/checkout", "/language"],
        "/account/register": ["/account/register", "/language"],
    }


def test_the_catalogue_shows_each_item_with_its_price(client: TestClient) -> None:
    page = client.get("/").text

    for item_id in ITEMS:
        assert f'href="/items/{item_id}"' in page
    assert page.count('class="price"') == len(ITEMS)
    assert "€14.90" in page


def test_every_item_has_a_picture_of_its_own(client: TestClient) -> None:
    sources = re.findall('<img class="picture" src="([^"]+)"', client.get("/").text)

    assert len({client.get(source).data for source in sources}) == len(ITEMS)


@pytest.mark.parametrize("path", ["/", "/items/3", "/stock/3", "/recommendations/3"])
def test_pages_without_a_cart_leave_the_session_alone(app: Shop, path: str) -> None:
    client = TestClient(app)
    add(client)
    request = make_request(app, path, headers={"Cookie": cookie_of(client)})

    assert app.handle(request).status_code == 200
    assert request.open_session is None


def cookie_of(client: TestClient) -> str:
    cookie = client.get_cookie("session")
    assert cookie is not None
    return f"session={cookie.value}"


def test_looking_at_an_empty_cart_makes_no_session(client: TestClient) -> None:
    for path in ["/cart/", "/cart/contents", "/served-by", "/checkout"]:
        assert "Set-Cookie" not in client.get(path).headers


@pytest.mark.parametrize(
    "path", ["/items/99", "/items/0", "/items/x", f"/items/{'9' * 400}", "/stock/99", "/nowhere"]
)
def test_what_does_not_exist_is_a_404_page_of_the_shop(client: TestClient, path: str) -> None:
    page = client.get(path)

    assert page.status_code == 404
    assert "One of a kind" in page.text


def test_an_error_is_json_for_clients_that_prefer_it(client: TestClient) -> None:
    response = client.get("/recommendations/99", headers={"Accept": "application/json"})

    assert response.status_code == 404
    assert response.get_json()["status"] == 404


def test_a_wrong_method_names_the_right_ones(client: TestClient) -> None:
    response = client.get("/cart/add")

    assert response.status_code == 405
    assert response.headers["Allow"] == "OPTIONS, POST"
    assert "That did" in response.text


def test_without_the_session_store_only_the_cart_is_away(make_shop: Callable[..., Shop]) -> None:
    class Away(SessionInterface):
        def open(self, request: object, *, exclusive: bool = False) -> Any:
            raise SessionUnavailable("pulled the plug")

    app = make_shop()
    app.session_interface = Away()
    client = TestClient(app)

    assert client.get("/").status_code == 200
    assert client.get("/items/3").status_code == 200
    refused = client.get("/cart/")
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "1"
    assert "Half of us" in refused.text
    assert add(client).status_code == 503
