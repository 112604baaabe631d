"""The example shop: the checkout, the orders it makes, and the stock they take from."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

import pytest
from shop import stock
from shop.cart.cart import new_order_number
from shop.models import Order, Stock
from sqlalchemy import func, select

from framework.database.migrations import upgrade
from framework.database.migrations.operations import Migrations
from framework.testing import TestClient, make_request
from tests.examples.shop_visitors import (
    ADDRESS,
    add,
    build_app,
    contents,
    make_admin,
    order,
    orders,
    register,
    send,
    token_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from shop import Shop

    from tests.postgres import PostgresDatabase


def pairs_of(app: Shop, item_id: int) -> int:
    with app.database.session() as db:
        return db.scalars(select(Stock.pairs).where(Stock.item_id == item_id)).one()


def count_orders(app: Shop) -> int:
    with app.database.session() as db:
        return db.scalars(select(func.count()).select_from(Order)).one()


def begin_order(app: Shop, client: TestClient) -> Any:
    """Return an order that has opened the client's session and has not been answered yet."""
    form = {"csrf_token": token_of(client, "/checkout"), **ADDRESS}
    cookie = client.get_cookie("session")
    assert cookie is not None
    headers = {"Cookie": f"session={cookie.value}"}
    request = make_request(app, "/checkout", method="POST", data=form, headers=headers)
    assert "visitor" in request.session
    return request


# The checkout


def test_an_order_is_confirmed_empties_the_cart_and_takes_from_the_stock(
    app: Shop, client: TestClient
) -> None:
    add(client, 3, 2)
    add(client, 5, 1)
    assert "€167.00" in client.get("/checkout").text

    response = order(client)

    assert (response.status_code, response.location) == (303, "/checkout/thanks")
    page = client.get("/checkout/thanks").text
    assert re.search(r"order<br>[2-9A-Z]{5}-[2-9A-Z]{5}", page)
    assert "3 pairs for €167.00, Ada" in page
    assert contents(client)["items"] == {}
    assert contents(client)["visitor"]
    assert (pairs_of(app, 3), pairs_of(app, 5)) == (5, 2)
    assert add(client).status_code == 303


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "  ", "Please tell us your name."),
        ("name", "A" * 101, "no more than 100"),
        ("email", "ada", "like ada@example.org"),
        ("email", "ada@example", "like ada@example.org"),
        ("email", "a b@example.org", "like ada@example.org"),
        ("email", f"{'a' * 250}@example.org", "no more than 254"),
        ("address", "London", "street, place and country"),
        ("address", "A" * 501, "no more than 500"),
    ],
)
def test_what_is_missing_is_shown_at_its_field(
    make_shop: Callable[..., Shop], field: str, value: str, message: str
) -> None:
    client = TestClient(make_shop())
    add(client)

    response = order(client, **{field: value})

    assert response.status_code == 422
    assert message in response.text
    assert response.text.count("aria-invalid") == 1
    assert f'aria-describedby="{field}-error"' in response.text
    assert contents(client)["count"] == 1


def test_a_form_without_fields_says_what_it_needs(client: TestClient) -> None:
    add(client)

    response = send(client, "/checkout")

    assert response.status_code == 422
    assert response.text.count("aria-invalid") == 3


def test_what_was_typed_stays_and_is_escaped(client: TestClient) -> None:
    add(client)

    page = order(client, name="<Ada>", email="").text

    assert 'value="&lt;Ada&gt;"' in page
    assert "12 St James&#39;s Square, London</textarea>" in page


def test_an_empty_cart_cannot_be_checked_out(client: TestClient) -> None:
    add(client)
    token = token_of(client, "/checkout")
    client.post("/cart/remove", data={"item_id": 3})

    for response in [
        client.get("/checkout"),
        client.post("/checkout", data={"csrf_token": token, **ADDRESS}),
    ]:
        assert (response.status_code, response.location) == (303, "/cart/")
    assert client.get("/checkout/thanks").location == "/cart/"


def test_an_order_without_the_token_of_the_form_is_refused(app: Shop, client: TestClient) -> None:
    add(client)

    assert client.post("/checkout", data=ADDRESS).status_code == 403
    assert count_orders(app) == 0


def test_order_numbers_do_not_repeat() -> None:
    assert len({new_order_number() for _ in range(1000)}) == 1000


# Two at a time


def test_of_two_simultaneous_orders_one_is_refused(merging_app: Shop) -> None:
    client = TestClient(merging_app)
    add(client, 3)
    slow = begin_order(merging_app, client)
    assert order(client).status_code == 303
    confirmed = client.get("/checkout/thanks").text

    refused = merging_app.handle(slow)
    merging_app.teardown(slow, None)

    assert refused.status_code == 409
    assert "Two hands" in refused.get_data(as_text=True)
    assert client.get("/checkout/thanks").text == confirmed
    assert (count_orders(merging_app), pairs_of(merging_app, 3)) == (1, 6)


def test_a_cart_that_is_sent_twice_is_ordered_once(make_shop: Callable[..., Shop]) -> None:
    app = make_shop()  # with sessions in the cookie, where nothing else would tell
    client = TestClient(app)
    add(client, 3)
    slow = begin_order(app, client)
    assert order(client).status_code == 303

    answer = app.handle(slow)
    app.teardown(slow, None)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/checkout/thanks")
    assert (count_orders(app), pairs_of(app, 3)) == (1, 6)


def test_an_order_that_meets_a_change_of_the_cart_leaves_nothing_behind(
    merging_app: Shop,
) -> None:
    client = TestClient(merging_app)
    add(client, 3)
    slow = begin_order(merging_app, client)
    add(client, 3)

    assert merging_app.handle(slow).status_code == 409
    merging_app.teardown(slow, None)
    assert contents(client)["items"] == {"3": 2}
    assert (count_orders(merging_app), pairs_of(merging_app, 3)) == (0, 7)


# The stock


def test_what_is_sold_out_stays_in_the_cart_and_nothing_is_taken(
    app: Shop, client: TestClient
) -> None:
    add(client, 2, 1)
    add(client, 5, 4)  # there are three

    response = order(client)

    assert response.status_code == 422
    assert "Somebody was faster" in response.text
    assert "Only 3 pairs are left." in response.text
    assert response.text.count("aria-invalid") == 1
    assert contents(client)["items"] == {"2": 1, "5": 4}
    assert (count_orders(app), pairs_of(app, 2), pairs_of(app, 5)) == (0, 40, 3)


def test_where_stock_is_delivered_nothing_sells_out(make_shop: Callable[..., Shop]) -> None:
    app = make_shop(restock=10)
    client = TestClient(app)
    add(client, 5, 4)

    assert order(client).status_code == 303
    assert pairs_of(app, 5) == 9


@pytest.mark.integration
def test_no_pair_is_sold_twice(postgres: PostgresDatabase) -> None:
    app = build_app(database_url=postgres.url, worker_concurrency=8)
    upgrade(app)
    sold: list[int] = []
    failures: list[BaseException] = []
    together = threading.Barrier(8)

    def buy(turn: int) -> None:
        """Buy both of two scarce items, in either order, for as long as there are any."""
        quantities = {5: 1, 11: 1} if turn % 2 else {11: 1, 5: 1}
        together.wait(60)
        try:
            while True:
                with app.database.session() as db:
                    stock.take(db, quantities)
                sold.append(turn)
        except stock.SoldOut:
            pass
        except BaseException as error:
            failures.append(error)

    buyers = [threading.Thread(target=buy, args=[turn]) for turn in range(8)]
    for buyer in buyers:
        buyer.start()
    for buyer in buyers:
        buyer.join(60)

    assert failures == []
    assert len(sold) == 3  # there were three of one and five of the other
    assert (pairs_of(app, 5), pairs_of(app, 11)) == (0, 2)
    app.close_database()


@pytest.mark.integration
def test_the_shop_runs_on_postgresql(postgres: PostgresDatabase) -> None:
    app = build_app(database_url=postgres.url)
    migrations = Migrations(app)
    migrations.upgrade()
    assert migrations.differences() == []
    client = TestClient(app)
    make_admin(app, client)
    add(client, 3, 2)

    assert order(client).status_code == 303
    (found,) = orders(client)
    for path in [
        "/",
        "/cart/",
        "/orders/",
        f"/orders/{found['number']}",
        "/admin/",
        "/admin/stock",
    ]:
        assert client.get(path).status_code == 200, path
    assert pairs_of(app, 3) == 5
    app.close_database()


def test_the_migrations_make_what_the_models_say(make_shop: Callable[..., Shop]) -> None:
    migrations = Migrations(make_shop())
    assert migrations.differences() == []
    migrations.downgrade("base")
    migrations.upgrade()
    assert migrations.differences() == []


# The orders of a customer


def test_an_order_is_found_again_in_the_account(
    app: Shop, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWOFOLD_NODE", "node1")
    register(client)
    add(client, 3, 2)
    order(client)
    monkeypatch.setenv("TWOFOLD_NODE", "node2")

    answer = client.get("/orders/contents").get_json()

    (found,) = answer["orders"]
    number = found.pop("number")
    assert found == {"items": {"3": 2}, "total": "128.00", "node": "node1"}
    assert (answer["node"], answer["customer"]) == ("node2", "ada@example.org")
    assert number in client.get("/orders/").text
    page = client.get(f"/orders/{number}").text
    assert "Candlesticks" in page
    assert "<bdi>node1</bdi>" in page


def test_the_latest_order_is_the_first(client: TestClient) -> None:
    register(client)
    for item_id in [1, 2, 3]:
        add(client, item_id)
        order(client)

    assert [list(found["items"]) for found in orders(client)] == [["3"], ["2"], ["1"]]


def test_the_orders_of_others_are_not_found(app: Shop) -> None:
    ada, grace = TestClient(app), TestClient(app)
    register(ada)
    add(ada)
    order(ada)
    (own,) = orders(ada)
    register(grace, "grace@example.org")

    assert ada.get(f"/orders/{own['number']}").status_code == 200
    assert grace.get(f"/orders/{own['number']}").status_code == 404
    assert orders(grace) == []


def test_an_order_without_an_account_is_in_nobodys_list(client: TestClient) -> None:
    add(client)
    order(client)
    register(client)

    assert orders(client) == []
