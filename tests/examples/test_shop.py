"""The example shop: who answers, what it waits for, its values, and how it is run."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from shop import Shop, make_app
from shop.checkout.form import CheckoutForm
from shop.forms import FieldError, parse_quantity
from shop.recommendations import PURCHASES, cosine_similarity, similar_items, simulate_purchases

from deploy.settings import load_deployment
from framework.testing import TestClient
from tests.examples.shop_visitors import ADDRESS, add, contents, token_of

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = Path(__file__).parents[2] / "examples" / "shop"


# Who answered


def test_served_by_names_node_and_worker(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(client, 3, 2)
    monkeypatch.setenv("TWOFOLD_NODE", "node2")
    monkeypatch.setenv("TWOFOLD_SLOT", "4")

    assert client.get("/served-by.json").get_json() == {
        "node": "node2",
        "slot": "4",
        "pid": os.getpid(),
    }
    page = client.get("/served-by").text
    assert "node2<br>worker 4" in page
    assert str(os.getpid()) in page
    assert "2 pairs in your cart" in page
    assert contents(client)["node"] == "node2"
    assert contents(client)["slot"] == "4"


# Pictures


@pytest.mark.parametrize("length", [0, 1, 200_000])
def test_an_upload_is_answered_with_what_arrived(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    monkeypatch.setenv("TWOFOLD_NODE", "node2")
    monkeypatch.setenv("TWOFOLD_SLOT", "4")
    body = os.urandom(length)
    expected = {
        "length": length,
        "sha256": hashlib.sha256(body).hexdigest(),
        "node": "node2",
        "slot": "4",
    }
    assert client.post("/pictures", data=body).get_json() == expected
    form = {"picture": (io.BytesIO(body), "pair.jpg")}
    assert client.post("/pictures", data=form).get_json() == expected


def test_a_form_without_the_picture_is_a_bad_request(client: TestClient) -> None:
    form = {"photograph": (io.BytesIO(b"a pair"), "pair.jpg")}
    assert client.post("/pictures", data=form).status_code == 400


# What stands for other services


def test_the_stock_service_takes_its_time(
    monkeypatch: pytest.MonkeyPatch, make_shop: Callable[..., Shop]
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("shop.views.time.sleep", slept.append)
    client = TestClient(make_shop(stock_delay=0.25))

    answer = client.get("/stock/3").get_json()
    assert answer == {"item_id": 3, "pairs_left": 7, "text": "Only 7 pairs left"}
    assert slept == [0.25]


def test_every_item_has_a_stock(client: TestClient) -> None:
    assert all(client.get(f"/stock/{item_id}").status_code == 200 for item_id in range(1, 13))


@pytest.mark.parametrize(
    ("method", "path", "waits"),
    [
        ("GET", "/", 1),
        ("GET", "/items/3", 1),
        ("GET", "/cart/", 1),
        ("GET", "/cart/contents", 1),
        ("POST", "/cart/add", 1),
        ("POST", "/cart/update", 1),
        ("POST", "/cart/remove", 1),
        ("GET", "/checkout", 1),
        ("POST", "/checkout", 1),
        ("GET", "/recommendations/3", 1),
        ("GET", "/served-by", 0),
        ("GET", "/served-by.json", 0),
    ],
)
def test_a_page_waits_for_the_catalogue_once(
    monkeypatch: pytest.MonkeyPatch,
    make_shop: Callable[..., Shop],
    method: str,
    path: str,
    waits: int,
) -> None:
    client = TestClient(make_shop(catalogue_delay=0.5))
    slept: list[float] = []
    monkeypatch.setattr("shop.catalogue.time.sleep", slept.append)
    add(client)
    token = token_of(client, "/checkout")
    slept.clear()

    for quantity in [0, 2]:
        form = {"item_id": 3, "quantity": quantity, "csrf_token": token, **ADDRESS}
        client.open(path, method=method, data=form)
        assert slept == [0.5] * waits
        slept.clear()
        add(client)  # for the checkout, which empties the cart
        slept.clear()


def test_recommendations_are_other_items_the_most_similar_first(client: TestClient) -> None:
    answer = client.get("/recommendations/5").get_json()

    ids = [entry["id"] for entry in answer["recommendations"]]
    similarities = [entry["similarity"] for entry in answer["recommendations"]]
    assert answer["item_id"] == 5
    assert len(ids) == len(set(ids)) == 3
    assert 5 not in ids
    assert similarities == sorted(similarities, reverse=True)
    assert answer["recommendations"][0]["name"] == "Striped socks"
    assert client.get(answer["recommendations"][0]["picture"]).mimetype == "image/svg+xml"


def test_every_worker_recommends_the_same() -> None:
    assert simulate_purchases() == PURCHASES
    assert [item_id for item_id, _ in similar_items(1, count=2)] == [9, 2]


def test_similarity_is_the_cosine_of_the_angle() -> None:
    assert cosine_similarity((1, 0), (0, 2)) == 0
    assert cosine_similarity((1, 2), (2, 4)) == pytest.approx(1)
    assert cosine_similarity((1, 0), (1, 1)) == pytest.approx(0.5**0.5)
    assert cosine_similarity((0, 0), (1, 1)) == 0


# Values


def test_quantities_are_plain_whole_numbers() -> None:
    assert parse_quantity(" 12 ") == 12
    with pytest.raises(FieldError, match="from 1 to 99"):
        parse_quantity("1_0")


def test_a_form_is_stripped() -> None:
    form = CheckoutForm.from_fields({key: f" {value}\n" for key, value in ADDRESS.items()})

    assert form == CheckoutForm(**ADDRESS)
    assert form.errors() == {}


# The project


def test_the_delays_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCK_DELAY", "0.5")
    monkeypatch.setenv("CATALOGUE_DELAY", "1")

    config = make_app().config

    assert (config.stock_delay, config.catalogue_delay) == (0.5, 1.0)  # type: ignore[attr-defined]


def test_twofold_toml_describes_the_deployment() -> None:
    deployment = load_deployment(PROJECT, {}, environ={})

    assert (deployment.name, deployment.app) == ("shop", "shop:app")
    assert (deployment.nodes, deployment.workers, deployment.profile.concurrency) == (2, 2, 4)
    assert deployment.env["SESSION_COOKIE_SECURE"] == "false"
    assert deployment.loadtests["suite"] == "journey"
