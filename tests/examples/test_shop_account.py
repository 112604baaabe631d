"""The example shop: accounts, the administration, and what strangers may not do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from shop.account import passwords
from shop.admin import __main__ as admin
from shop.models import User
from shop.redirects import safe_path
from sqlalchemy import select

from framework.testing import TestClient
from tests.examples.shop_visitors import (
    PASSWORD,
    add,
    contents,
    make_admin,
    order,
    register,
    send,
    token_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from shop import Shop


def log_in(client: TestClient, email: str, password: str = PASSWORD, **fields: str) -> str | int:
    """Log in, and return where that leads, or the status if it leads nowhere."""
    response = send(client, "/account/login", email=email, password=password, **fields)
    return response.location or response.status_code


# Accounts


def test_a_customer_registers_logs_out_and_logs_in_again(client: TestClient) -> None:
    assert register(client, "Ada@Example.org ").location == "/orders/"
    assert "You are Ada, <bdi>ada@example.org</bdi>." in client.get("/orders/").text

    assert send(client, "/account/logout", page="/orders/").location == "/"
    assert client.get("/orders/").location == "/account/login?next=/orders/"
    assert log_in(client, " ADA@example.org") == "/orders/"
    assert client.get("/orders/").status_code == 200


def test_a_login_gives_the_session_a_new_id_and_keeps_the_cart(merging_app: Shop) -> None:
    client = TestClient(merging_app)
    register(client)
    send(client, "/account/logout", page="/orders/")
    add(client, 3, 2)
    before = client.get_cookie("session")

    log_in(client, "ada@example.org")

    after = client.get_cookie("session")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    assert contents(client)["items"] == {"3": 2}


def test_a_logout_ends_the_cart_with_the_session(client: TestClient) -> None:
    register(client)
    add(client)

    send(client, "/account/logout", page="/orders/")

    assert contents(client)["items"] == {}


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ada@example.org", "wrong horse battery"),
        ("ada@example.org", ""),
        ("ada@example.org", PASSWORD + "x" * 10_000),
        ("nobody@example.org", PASSWORD),
        ("", ""),
    ],
)
def test_a_wrong_login_does_not_say_what_was_wrong(
    make_shop: Callable[..., Shop], email: str, password: str
) -> None:
    client = TestClient(make_shop())
    register(client)
    send(client, "/account/logout", page="/orders/")

    response = send(client, "/account/login", email=email, password=password)

    assert response.status_code == 422
    assert "do not belong together" in response.text
    assert client.get("/orders/").status_code == 303


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", "Please tell us your name."),
        ("name", "A" * 101, "no more than 100"),
        ("email", "ada", "like ada@example.org"),
        ("email", f"{'a' * 250}@example.org", "no more than 254"),
        ("password", "short", "a password of 10 to 200 characters"),
        ("password", "x" * 201, "a password of 10 to 200 characters"),
    ],
)
def test_what_cannot_be_registered_is_shown_at_its_field(
    make_shop: Callable[..., Shop], field: str, value: str, message: str
) -> None:
    client = TestClient(make_shop())

    response = register(client, **{field: value})

    assert response.status_code == 422
    assert message in response.text
    assert f'aria-describedby="{field}-error"' in response.text
    assert value not in response.text or field != "password"


def test_an_address_has_one_account(app: Shop) -> None:
    register(TestClient(app))

    response = register(TestClient(app), "ADA@example.org")

    assert response.status_code == 422
    assert "There is an account with this address already." in response.text


def test_passwords_are_kept_as_hashes(app: Shop, client: TestClient) -> None:
    register(client)

    with app.database.session() as db:
        kept = db.scalars(select(User.password_hash)).one()
    assert kept.startswith("scrypt:")
    assert PASSWORD not in kept
    assert passwords.is_right(kept, PASSWORD)
    assert not passwords.is_right(kept, "")
    assert not passwords.is_right(None, "")


def test_the_checkout_knows_the_customer(client: TestClient) -> None:
    register(client)
    add(client)

    page = client.get("/checkout").text

    assert 'value="Ada"' in page
    assert 'value="ada@example.org"' in page


def test_whoever_is_logged_in_is_not_asked_again(client: TestClient) -> None:
    register(client)

    for path in ["/account/login", "/account/register"]:
        assert client.get(path).location == "/orders/"
        assert client.get(f"{path}?next=/checkout").location == "/checkout"


# Where a form leads


def test_a_login_leads_on_to_where_the_visitor_was_going(client: TestClient) -> None:
    register(client)
    send(client, "/account/logout", page="/orders/")

    assert log_in(client, "ada@example.org", next="/checkout") == "/checkout"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "///evil.example",
        "/\t/evil.example",
        " /orders/",
        "javascript:alert(1)",
        "orders/",
        "/orders\r\nSet-Cookie: a=b",
        "",
    ],
)
def test_no_form_leads_to_another_site(make_shop: Callable[..., Shop], elsewhere: str) -> None:
    client = TestClient(make_shop())
    register(client)
    send(client, "/account/logout", page="/orders/")

    assert safe_path(elsewhere) is None
    assert log_in(client, "ada@example.org", next=elsewhere) == "/orders/"
    assert client.post("/language", data={"locale": "de", "next": elsewhere}).location == "/"


def test_paths_of_this_site_are_safe() -> None:
    assert safe_path("/") == "/"
    assert safe_path("/orders/?page=2#top") == "/orders/?page=2#top"
    assert safe_path(None) is None


# What other sites may not do


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://localhost"},
    ],
)
def test_a_form_of_another_site_is_refused(
    make_shop: Callable[..., Shop], headers: dict[str, str]
) -> None:
    client = TestClient(make_shop())

    assert client.post("/cart/add", data={"item_id": 3}, headers=headers).status_code == 403
    assert contents(client)["items"] == {}
    assert client.get("/", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://localhost"},
    ],
)
def test_a_form_of_the_shop_is_taken(
    make_shop: Callable[..., Shop], headers: dict[str, str]
) -> None:
    client = TestClient(make_shop())

    assert client.post("/cart/add", data={"item_id": 3}, headers=headers).status_code == 303


@pytest.mark.parametrize("path", ["/account/login", "/account/register", "/account/logout"])
def test_an_account_needs_the_token_of_the_form(client: TestClient, path: str) -> None:
    form = {"name": "Ada", "email": "ada@example.org", "password": PASSWORD}

    assert client.post(path, data=form).status_code == 403
    token = token_of(TestClient(client.app), "/account/login")
    assert client.post(path, data={"csrf_token": token, **form}).status_code == 403


def test_every_answer_restricts_what_a_page_may_do(client: TestClient) -> None:
    for path in ["/", "/orders/", "/nowhere", "/stock/3"]:
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "same-origin"


# The administration


@pytest.mark.parametrize("path", ["/admin/", "/admin/stock"])
def test_only_administrators_are_let_in(app: Shop, path: str) -> None:
    stranger, customer, admin = TestClient(app), TestClient(app), TestClient(app)
    register(customer)
    make_admin(app, admin)

    assert stranger.get(path).location == f"/account/login?next={path}"
    assert customer.get(path).status_code == 403
    assert admin.get(path).status_code == 200
    assert "Run the shop" in admin.get("/orders/").text
    assert "Run the shop" not in customer.get("/orders/").text


def test_only_who_has_an_account_becomes_an_administrator(app: Shop) -> None:
    with pytest.raises(SystemExit, match=r"no account with the address 'grace@example\.org'"):
        admin.make_admin(app, "grace@example.org")


def test_nobody_else_changes_the_stock(app: Shop) -> None:
    stranger, customer = TestClient(app), TestClient(app)
    register(customer)
    form = {"item_id": 3, "pairs": "99", "csrf_token": token_of(customer, "/orders/")}

    assert stranger.post("/admin/stock", data=form).location == "/account/login"
    assert customer.post("/admin/stock", data=form).status_code == 403
    assert stranger.get("/stock/3").get_json()["pairs_left"] == 7


def test_an_administrator_changes_the_stock(app: Shop, client: TestClient) -> None:
    make_admin(app, client)

    response = send(client, "/admin/stock", item_id=3, pairs=" 60 ")

    assert response.location == "/admin/stock"
    assert "Candlesticks: now 60." in client.get("/admin/stock").text
    assert client.get("/stock/3").get_json()["pairs_left"] == 60
    assert client.post("/admin/stock", data={"item_id": 3, "pairs": "1"}).status_code == 403


def test_a_bad_number_of_pairs_is_shown_at_its_line(app: Shop, client: TestClient) -> None:
    make_admin(app, client)

    for pairs in ["-1", "10000", "many", "", "1.5"]:
        response = send(client, "/admin/stock", item_id=3, pairs=pairs)
        assert response.status_code == 422, pairs
        assert 'aria-describedby="pairs-3-error"' in response.text
        assert response.text.count("aria-invalid") == 1
    assert send(client, "/admin/stock", item_id=99, pairs=1).status_code == 404


def test_an_administrator_sees_all_orders_the_latest_first(app: Shop) -> None:
    admin = TestClient(app)
    make_admin(app, admin)
    for number in range(22):
        visitor = TestClient(app)
        add(visitor, 10)
        order(visitor, name=f"Visitor {number}")

    first = admin.get("/admin/").text
    (older,) = [link for link in first.split('"') if "after=" in link]
    second = admin.get(older.replace("&amp;", "&")).text

    assert first.index("Visitor 21") < first.index("Visitor 20")
    assert "Visitor 1<" not in first
    assert "Visitor 1<" in second
    assert "Visitor 2<" not in second
