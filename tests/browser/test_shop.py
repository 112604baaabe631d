"""The example shop in a real browser: with and without scripts, in each language, on any screen."""

from __future__ import annotations

import re
import secrets
import shutil
import threading
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.serving import make_server

from framework.database.migrations import upgrade

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="neither chromium nor google-chrome is on PATH"),
]

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shop import Shop

PAGES = [
    "/",
    "/items/3",
    "/cart/",
    "/checkout",
    "/orders/",
    "/admin/",
    "/admin/stock",
    "/served-by",
    "/nowhere",
]
FORMS = ["/account/login", "/account/register"]
LANGUAGES = ["en", "de", "ar"]
PASSWORD = "correct horse battery"
# What has no place to break at, as long as the forms take it.
LONG_NAME = "A rather long name without any break" + "k" * 60
LONG_ADDRESS = "Donaudampfschifffahrtsgesellschaft" * 4


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop whose sessions travel in the cookie, and whose items never sell out."""
    from shop import make_app

    app = make_app(
        {
            "secret_key": "a key for tests, long enough to sign with",
            "redis_url": None,
            "session_cookie_secure": False,
            "database_url": f"sqlite:///{tmp_path_factory.mktemp('shop')}/shop.db",
            "restock": 3,
        }
    )
    upgrade(app)
    yield app
    app.close_database()


@pytest.fixture(scope="module")
def url(shop: Shop) -> Iterator[str]:
    """The address of the shop."""
    server = make_server("127.0.0.1", 0, shop, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as running:
        # Containers, in which tests often run, forbid the browser a sandbox of its own.
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def buy_mittens(page: Any, url: str) -> None:
    """Buy two pairs, by what the pages say."""
    page.goto(url)
    page.get_by_role("link", name="Mittens").click()
    page.get_by_label("Pairs", exact=True).fill("2")
    page.get_by_role("button", name="Add to cart").click()
    page.get_by_role("status").get_by_text("Mittens: 2 added to your cart.", exact=True).wait_for()
    page.get_by_role("link", name="Check out").click()
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("E-mail").fill("ada@example.org")
    page.get_by_role("button", name="Place the order").click()
    # The page before has the field too.
    page.locator("#address[aria-invalid=true]").wait_for()
    page.get_by_label("Address").fill("12 St James's Square, London")
    page.get_by_role("button", name="Place the order").click()
    page.wait_for_url(f"{url}/checkout/thanks")
    assert "2 pairs for €78.00" in page.get_by_role("main").inner_text()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_visitor_can_buy_something(browser: Any, url: str, scripts: bool) -> None:
    context = browser.new_context(java_script_enabled=scripts)

    buy_mittens(context.new_page(), url)

    context.close()


def test_scripts_add_stock_recommendations_and_the_cart_count(browser: Any, url: str) -> None:
    page = browser.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text))
    page.goto(f"{url}/items/5")

    page.get_by_text(re.compile(r"Only \d+ pairs? left")).wait_for()
    page.get_by_role("link", name="Striped socks").wait_for()
    page.get_by_role("button", name="Add to cart").click()
    page.locator("[data-cart-count]", has_text="1").wait_for()

    assert problems == []
    page.close()


def register(page: Any, url: str, **fields: str) -> None:
    """Make an account, whatever language the page is in."""
    page.goto(f"{url}/account/register")
    form = {"name": "Ada", "email": f"{secrets.token_hex(4)}@example.org", "password": PASSWORD}
    for name, value in {**form, **fields}.items():
        page.locator(f"#{name}").fill(value)
    page.locator(".fields .button").click()
    page.wait_for_url(f"{url}/orders/")


def order(page: Any, url: str, item_id: int, **fields: str) -> None:
    """Order one pair, whatever language the page is in."""
    page.goto(f"{url}/items/{item_id}")
    page.locator(".buy .button").click()
    page.locator(".summary .button").click()
    form = {"name": "Ada", "email": "ada@example.org", "address": "12 St James's Square, London"}
    for name, value in {**form, **fields}.items():
        page.locator(f"#{name}").fill(value)
    page.locator(".fields .button").click()
    page.wait_for_url(f"{url}/checkout/thanks")


def run_the_shop(shop: Shop) -> None:
    """Make everybody an administrator."""
    from shop.models import User

    with shop.database.session() as db:
        db.query(User).update({"is_admin": True})


def hidden_width(page: Any) -> int:
    """By how many pixels a page is wider than the screen."""
    hidden: int = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return hidden


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_order_is_found_again_in_the_account(browser: Any, url: str, language: str) -> None:
    page = browser.new_page(locale=language)
    register(page, url)
    order(page, url, 3)

    page.goto(f"{url}/orders/")
    page.locator(".order a").click()

    assert page.locator(".line").count() == 1
    assert page.locator("html").get_attribute("lang") == language
    page.close()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (768, "dark"), (1920, "light")])
def test_pages_fit_the_screen(
    browser: Any, url: str, shop: Shop, width: int, scheme: str, language: str
) -> None:
    page = browser.new_page(
        viewport={"width": width, "height": 800}, color_scheme=scheme, locale=language
    )
    for path in FORMS:
        page.goto(url + path)
        page.locator(".fields .button").click()
        page.get_by_role("alert").wait_for()
        assert hidden_width(page) <= 0, path
    email = f"{secrets.token_hex(8)}{'x' * 60}@{'y' * 60}.example.org"
    register(page, url, name=LONG_NAME, email=email)
    run_the_shop(shop)
    order(page, url, 12, name=LONG_NAME, email=email, address=LONG_ADDRESS)
    assert hidden_width(page) <= 0, "the thanks"
    page.goto(f"{url}/orders/")
    number = page.locator(".order a").get_attribute("href")
    page.goto(f"{url}/items/12")
    page.locator(".buy .button").click()
    for path in [*PAGES, number]:
        page.goto(url + path)
        assert hidden_width(page) <= 0, f"{path} is wider than a screen of {width} px"
    page.close()


def middle(page: Any, part: str) -> float:
    """Where the middle of a part of a page is, from the left."""
    box = page.locator(part).first.bounding_box()
    x: float = box["x"] + box["width"] / 2
    return x


def test_arabic_is_laid_out_from_right_to_left(browser: Any, url: str) -> None:
    sides = {}
    for language in ["en", "ar"]:
        page = browser.new_page(viewport={"width": 1280, "height": 800}, locale=language)
        page.goto(f"{url}/items/3")
        sides[language] = {
            part: middle(page, part) < 640
            for part in [".brand", ".site-nav", ".item .picture", ".item-text", ".languages"]
        }
        page.close()

    assert sides["en"] == {
        ".brand": True,
        ".site-nav": False,
        ".item .picture": True,
        ".item-text": False,
        ".languages": True,
    }
    assert sides["ar"] == {part: not left for part, left in sides["en"].items()}


def test_a_language_stays_chosen(browser: Any, url: str) -> None:
    context = browser.new_context(locale="en")
    page = context.new_page()
    page.goto(f"{url}/items/3")

    page.get_by_role("button", name="Deutsch").click()
    page.locator("html[lang=de]").wait_for()
    assert page.url == f"{url}/items/3"
    assert page.get_by_role("heading", level=1).inner_text() == "Kerzenleuchter"
    page.get_by_role("link", name="Laden").click()
    page.wait_for_url(f"{url}/")
    assert page.locator("html").get_attribute("lang") == "de"
    page.get_by_role("button", name="العربية").click()
    page.locator("html[dir=rtl]").wait_for()
    other = context.new_page()
    other.goto(f"{url}/cart/")
    assert other.locator("html").get_attribute("dir") == "rtl"
    context.close()


def test_strangers_and_customers_do_not_run_the_shop(browser: Any, url: str) -> None:
    page = browser.new_page(locale="en")
    page.goto(f"{url}/admin/stock")
    assert page.get_by_role("heading", level=1).inner_text() == "Log in"

    register(page, url)
    answer = page.goto(f"{url}/admin/stock")

    assert answer.status == 403
    assert page.get_by_role("textbox").count() == 0
    page.close()


def test_the_keyboard_reaches_the_content_first(browser: Any, url: str) -> None:
    page = browser.new_page()
    page.goto(url)

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert "Salt & pepper mills" in page.evaluate("document.activeElement.textContent")
    page.close()
