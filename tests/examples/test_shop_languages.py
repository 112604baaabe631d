"""The example shop in three languages, one of them from right to left."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from shop.models import ItemText
from sqlalchemy import select

from framework.commands.i18n import i18n
from framework.testing import TestClient
from tests.examples.shop_visitors import add, order, register

if TYPE_CHECKING:
    from shop import Shop

PAGES = ["/", "/items/3", "/cart/", "/checkout", "/orders/", "/served-by", "/nowhere"]
IN = {
    "en": ("ltr", "Good things<br>come in twos", "€64.00", "Candlesticks"),
    "de": ("ltr", "Gutes gibt<br>es doppelt", "64,00\xa0€", "Kerzenleuchter"),
    "ar": ("rtl", "الأشياء الجميلة<br>تأتي أزواجاً", "\u200f64.00\xa0€", "شمعدانان"),
}


def in_language(app: Shop, language: str) -> TestClient:
    client = TestClient(app)
    client.set_cookie("locale", language)
    return client


@pytest.mark.parametrize("language", IN)
def test_each_language_has_its_words_prices_and_direction(app: Shop, language: str) -> None:
    direction, title, price, name = IN[language]
    client = TestClient(app)

    page = client.get("/", headers={"Accept-Language": f"{language}, en;q=0.1"})

    assert f'<html lang="{language}" dir="{direction}">' in page.text
    assert title in page.text
    assert price in page.text
    assert name in page.text
    assert page.headers["Content-Language"] == language
    assert {"Cookie", "Accept-Language"} <= set(page.vary)


@pytest.mark.parametrize("language", IN)
def test_every_page_is_in_the_language_that_was_chosen(app: Shop, language: str) -> None:
    client = in_language(app, language)
    register(client)
    add(client)
    order(client)
    add(client)

    for path in PAGES:
        page = client.get(path, headers={"Accept-Language": "en"})
        assert f'<html lang="{language}"' in page.text, path
        if language != "en":
            assert "Skip to the content" not in page.text


def test_a_choice_stays_and_shows_the_page_again(client: TestClient) -> None:
    response = client.post("/language", data={"locale": "de", "next": "/items/3"})

    assert (response.status_code, response.location) == (303, "/items/3")
    assert "HttpOnly" in response.headers["Set-Cookie"]
    assert "SameSite=Lax" in response.headers["Set-Cookie"]
    assert "Kerzenleuchter" in client.get("/items/3", headers={"Accept-Language": "ar"}).text


@pytest.mark.parametrize("unknown", ["fr", "", "../../etc", "de\r\n", "DE"])
def test_an_unknown_language_changes_nothing(client: TestClient, unknown: str) -> None:
    client.post("/language", data={"locale": unknown})

    cookie = client.get_cookie("locale")
    assert cookie is not None
    assert cookie.value == "en"
    assert '<html lang="en"' in client.get("/").text
    assert '<html lang="en"' in in_language(client.app, "fr").get("/").text  # type: ignore[arg-type]


@pytest.mark.parametrize("language", ["de", "ar"])
def test_what_is_wrong_is_told_in_the_language_of_the_page(app: Shop, language: str) -> None:
    client = in_language(app, language)

    page = add(client, 3, "many").text

    expected = {"de": "eine ganze Zahl von 1 bis 99", "ar": "عدداً صحيحاً من 1 إلى 99"}
    assert expected[language] in page


def test_the_stock_is_told_in_the_language_of_the_page(app: Shop) -> None:
    assert in_language(app, "de").get("/stock/3").get_json()["text"] == "Nur noch 7 Paare"
    assert in_language(app, "ar").get("/stock/5").get_json()["text"] == "لم يبق إلا 3 أزواج"


def test_every_item_is_described_in_every_language(app: Shop) -> None:
    with app.database.session() as db:
        texts = db.scalars(select(ItemText)).all()

    assert {(text.item_id, text.locale) for text in texts} == {
        (item_id, locale) for item_id in range(1, 13) for locale in IN
    }
    assert all(text.name and text.description and text.picture_text for text in texts)


def test_the_catalogues_are_complete_and_compiled() -> None:
    result = CliRunner().invoke(i18n, ["status", "shop:app"])

    assert result.exit_code == 0, result.output
    for language in ["ar", "de"]:
        assert f"translations/{language}: " in result.output
    assert "obsolete" not in result.output


def test_the_style_sheet_names_no_side_of_the_page() -> None:
    """So that the layout follows the direction of reading."""
    style = Path(__file__).parents[2] / "examples/shop/shop/static/shop.css"

    for line in style.read_text().splitlines():
        declaration = line.partition("/*")[0]
        for word in ["left", "right"]:
            assert f"{word}:" not in declaration, line
            assert f": {word};" not in declaration, line
