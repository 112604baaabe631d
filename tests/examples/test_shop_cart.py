"""The example shop: the life of a cart, what visitors get wrong, and two at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from framework.testing import TestClient, make_request
from tests.examples.shop_visitors import add, contents

if TYPE_CHECKING:
    from shop import Shop


def test_an_added_item_is_in_the_cart(client: TestClient) -> None:
    response = add(client, 3, 2)

    assert response.status_code == 303
    assert response.location == "/cart/"
    answer = contents(client)
    assert answer.pop("visitor")
    assert answer == {
        "items": {"3": 2},
        "count": 2,
        "total": "128.00",
        "node": "local",
        "slot": "1",
    }


def test_the_cart_of_a_stranger_is_empty(client: TestClient) -> None:
    answer = contents(client)

    assert (answer["items"], answer["count"], answer["total"]) == ({}, 0, "0.00")
    assert answer["visitor"] is None
    assert "nothing in it" in client.get("/cart/").text


def test_adding_again_adds_up(client: TestClient) -> None:
    add(client, 2, 1)
    add(client, 2, 3)
    add(client, 10, 1)

    assert contents(client)["items"] == {"2": 4, "10": 1}
    assert contents(client)["total"] == "118.00"


def test_the_quantity_is_one_unless_given(client: TestClient) -> None:
    client.post("/cart/add", data={"item_id": "5"})

    assert contents(client)["items"] == {"5": 1}


def test_a_visitor_keeps_one_value_and_shares_it_with_nobody(app: Shop) -> None:
    one, other = TestClient(app), TestClient(app)
    add(one)
    add(other)
    visitor = contents(one)["visitor"]
    add(one, 4)
    one.post("/cart/remove", data={"item_id": 3})

    assert contents(one)["visitor"] == visitor
    assert contents(other)["visitor"] != visitor
    assert contents(other)["items"] == {"3": 1}


def test_a_change_is_confirmed_on_the_next_page_only(client: TestClient) -> None:
    add(client, 3, 2)

    assert "Candlesticks: 2 added to your cart." in client.get("/cart/").text
    assert "added to your cart" not in client.get("/cart/").text


def test_messages_that_nobody_reads_do_not_pile_up(client: TestClient) -> None:
    for _ in range(20):
        add(client, 3)
        client.post("/cart/remove", data={"item_id": 3})

    page = client.get("/cart/").text
    assert page.count("taken out") <= 16
    assert "taken out" in page


def test_a_quantity_can_be_changed(client: TestClient) -> None:
    add(client, 3, 2)

    response = client.post("/cart/update", data={"item_id": 3, "quantity": " 7 "})

    assert (response.status_code, response.location) == (303, "/cart/")
    assert contents(client)["items"] == {"3": 7}
    add(client, 3, 1)
    assert contents(client)["items"] == {"3": 8}


def test_an_item_can_be_removed_more_than_once(client: TestClient) -> None:
    add(client, 3)
    add(client, 4)

    for _ in range(2):
        response = client.post("/cart/remove", data={"item_id": 3})
        assert (response.status_code, response.location) == (303, "/cart/")
    assert contents(client)["items"] == {"4": 1}


@pytest.mark.parametrize("path", ["/cart/add", "/cart/update", "/cart/remove"])
def test_an_unknown_item_is_a_404_page(client: TestClient, path: str) -> None:
    for item_id in ["99", "0", "-1", "", "three", "3.0", "9" * 20, "9" * 5000]:
        response = client.post(path, data={"item_id": item_id, "quantity": "1"})
        assert response.status_code == 404, item_id
    assert contents(client)["items"] == {}


BAD_QUANTITIES = ["0", "-1", "100", "1.5", "two", "", "٣", "1e1", "9" * 5000, "<b>"]


def test_a_bad_quantity_is_shown_at_its_field(client: TestClient) -> None:
    for quantity in BAD_QUANTITIES:
        response = add(client, 3, quantity)
        assert response.status_code == 422, quantity
        assert "Please enter a whole number from 1 to 99." in response.text
        assert 'aria-invalid="true" aria-describedby="quantity-error"' in response.text
        assert 'value="<b>' not in response.text
    assert contents(client)["items"] == {}


def test_a_bad_change_is_shown_at_its_line(client: TestClient) -> None:
    add(client, 3, 2)
    add(client, 4, 1)

    for quantity in BAD_QUANTITIES:
        response = client.post("/cart/update", data={"item_id": 3, "quantity": quantity})
        assert response.status_code == 422, quantity
        assert response.text.count("aria-invalid") == 1
        assert 'id="quantity-3-error"' in response.text
    assert contents(client)["items"] == {"3": 2, "4": 1}


def test_a_cart_does_not_take_too_many_of_a_kind(client: TestClient) -> None:
    add(client, 3, 98)

    response = add(client, 3, 2)

    assert response.status_code == 422
    assert "up to 99 pairs" in response.text
    assert contents(client)["items"] == {"3": 98}
    assert add(client, 3, 1).status_code == 303


# Two at a time


def begin(app: Shop, client: TestClient, path: str, **form: object) -> Any:
    """Return a request that has opened the client's session and has not been answered yet."""
    cookie = client.get_cookie("session")
    assert cookie is not None
    headers = {"Cookie": f"session={cookie.value}"}
    request = make_request(app, path, method="POST", data=form, headers=headers)
    assert "visitor" in request.session
    return request


def test_simultaneous_additions_of_different_items_are_both_kept(merging_app: Shop) -> None:
    client = TestClient(merging_app)
    add(client, 1)
    slow = begin(merging_app, client, "/cart/add", item_id=2, quantity=2)
    add(client, 3, 3)

    assert merging_app.handle(slow).status_code == 303
    assert contents(client)["items"] == {"1": 1, "2": 2, "3": 3}


def test_simultaneous_additions_of_one_item_add_up(merging_app: Shop) -> None:
    client = TestClient(merging_app)
    add(client, 3)
    slow = begin(merging_app, client, "/cart/add", item_id=3, quantity=2)
    add(client, 3, 3)

    assert merging_app.handle(slow).status_code == 303
    assert contents(client)["items"] == {"3": 6}


def test_of_two_simultaneous_changes_the_later_counts(merging_app: Shop) -> None:
    client = TestClient(merging_app)
    add(client, 3)
    slow = begin(merging_app, client, "/cart/update", item_id=3, quantity=2)
    client.post("/cart/update", data={"item_id": 3, "quantity": 9})

    assert merging_app.handle(slow).status_code == 303
    assert contents(client)["items"] == {"3": 2}
