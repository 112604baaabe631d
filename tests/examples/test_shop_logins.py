"""The example shop: how often a password may be tried, counted in a real Valkey."""

from __future__ import annotations

import math
import re
import secrets
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from shop.account.attempts import Attempt, network
from shop.requests import ShopRequest
from werkzeug.datastructures import Headers
from werkzeug.exceptions import ServiceUnavailable

from framework.testing import TestClient, make_request
from tests.examples.shop_visitors import PASSWORD, register, token_of
from tests.framework.redis_servers import with_few_rights

if TYPE_CHECKING:
    from collections.abc import Callable

    from shop import Shop
    from werkzeug.test import TestResponse

    from tests.framework.redis_servers import Server

pytestmark = pytest.mark.integration

README = Path(__file__).parents[2] / "examples" / "shop" / "README.md"
MOST = 3
MINUTES = {"en": "in 15 minutes", "de": "in 15 Minuten", "ar": "خلال 15 دقيقة"}


@pytest.fixture
def make_node(make_shop: Callable[..., Shop], valkey: Server) -> Callable[..., Shop]:
    """Makes nodes of one shop, with its sessions in Valkey."""

    def make(**config: object) -> Shop:
        settings = {"login_attempts": MOST, "session_redis_timeout": 10.0, **config}
        return make_shop(**{"redis_url": valkey.url, **settings})

    return make


@pytest.fixture
def email() -> str:
    """The address of an account that no other test tries."""
    return f"{secrets.token_hex(8)}@example.org"


@pytest.fixture
def address() -> str:
    """An address that no other test comes from."""
    return f"2001:db8:{secrets.randbelow(65536):x}:{secrets.randbelow(65536):x}::1"


def log_in(
    app: Shop, email: str, address: str, password: str = "wrong horse battery", language: str = "en"
) -> TestResponse:
    """Try a password in a browser of its own, as the balancer passes it on."""
    client = TestClient(app)
    client.set_cookie("locale", language)
    form = {"email": email, "password": password, "csrf_token": token_of(client, "/account/login")}
    return client.post("/account/login", data=form, headers={"X-Forwarded-For": address})


def statuses(number: int, app: Shop, email: str, address: str, **form: Any) -> list[int]:
    return [log_in(app, email, address, **form).status_code for _ in range(number)]


def test_who_tried_too_often_has_to_wait_on_every_node(
    make_node: Callable[..., Shop], email: str, address: str
) -> None:
    nodes = [make_node(), make_node()]
    register(TestClient(nodes[0]), email)
    begun = time.monotonic()

    for number in range(MOST):
        assert log_in(nodes[number % 2], email, address).status_code == 422
    responses = [log_in(node, email, address, PASSWORD) for node in nodes]
    least = 900 - math.ceil(time.monotonic() - begun)

    for response in responses:
        assert response.status_code == 429
        assert least <= int(response.headers["Retry-After"]) <= 900
        assert "too many wrong passwords" in response.text
        assert f'value="{email}"' in response.text
    assert log_in(nodes[0], f"other-{email}", address).status_code == 422


def test_an_account_that_is_not_there_looks_like_one(
    make_node: Callable[..., Shop], email: str, address: str
) -> None:
    assert statuses(MOST + 1, make_node(), email, address) == [422] * MOST + [429]


def test_the_address_is_read_as_accounts_are_found(
    make_node: Callable[..., Shop], email: str, address: str
) -> None:
    app = make_node()
    for number in range(MOST):
        log_in(app, f"{' ' * number}{email.upper()}", address)

    assert log_in(app, email, address).status_code == 429


def test_right_passwords_are_not_counted(
    make_node: Callable[..., Shop], email: str, address: str
) -> None:
    app = make_node(login_attempts_per_address=MOST)
    client = TestClient(app)
    register(client, email)

    assert statuses(MOST - 1, app, email, address) == [422] * (MOST - 1)
    assert statuses(MOST + 1, app, email, address, password=PASSWORD) == [303] * (MOST + 1)
    assert log_in(app, email, address).status_code == 422
    assert log_in(app, email, address, PASSWORD).status_code == 429


def test_many_accounts_cannot_be_tried_from_one_address(
    make_node: Callable[..., Shop], email: str, address: str
) -> None:
    app = make_node(login_attempts_per_address=MOST)
    for number in range(MOST):
        assert log_in(app, f"{number}-{email}", address).status_code == 422

    assert statuses(MOST + 1, app, email, address) == [429] * (MOST + 1)
    # Which has used up nothing of the account's own.
    assert log_in(app, email, f"{address}:2").status_code == 429
    assert log_in(app, email, "203.0.113.7").status_code == 422


def test_attempts_at_the_same_time_all_count(
    make_node: Callable[..., Shop],
    email: str,
    address: str,
    at_once: Callable[[list[Callable[[], Any]]], list[Any]],
) -> None:
    nodes = [make_node(), make_node()]
    responses = at_once([partial(log_in, app, email, address) for app in nodes * 6])

    found = sorted(response.status_code for response in responses)
    assert found == [422] * MOST + [429] * (12 - MOST)


def test_what_a_visitor_says_of_his_address_is_not_believed(
    make_node: Callable[..., Shop], email: str, address: str
) -> None:
    app = make_node(login_attempts=100, login_attempts_per_address=MOST)
    for number in range(MOST):
        log_in(app, f"{number}-{email}", f"203.0.113.{number}, {address}")

    assert log_in(app, email, f"198.51.100.1, {address}").status_code == 429


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, ["198.51.100.1"], "127.0.0.1"),
        (1, ["198.51.100.1"], "198.51.100.1"),
        (1, ["203.0.113.9, 198.51.100.1"], "198.51.100.1"),
        (1, ["203.0.113.9", "198.51.100.1"], "198.51.100.1"),
        (2, ["203.0.113.9, 198.51.100.1, 10.0.0.1"], "198.51.100.1"),
        (2, ["198.51.100.1"], "198.51.100.1"),
        (1, [], "127.0.0.1"),
        (1, [" , "], "127.0.0.1"),
    ],
)
def test_the_visitor_is_who_the_first_proxy_saw(
    make_shop: Callable[..., Shop], proxies: int, forwarded: list[str], expected: str
) -> None:
    headers = Headers([("X-Forwarded-For", value) for value in forwarded])
    address = {"REMOTE_ADDR": "127.0.0.1"}
    request = make_request(make_shop(proxies=proxies), headers=headers, environ_base=address)

    assert isinstance(request, ShopRequest)
    assert request.visitor_address == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("unix:", "unix:"),
        ("", ""),
    ],
)
def test_one_connection_is_one_address(address: str, expected: str) -> None:
    assert network(address) == expected


def test_the_count_begins_again_after_the_window(
    make_node: Callable[..., Shop],
    email: str,
    address: str,
    wait_until: Callable[[Callable[[], bool]], None],
) -> None:
    app = make_node(login_attempts=1, login_window=4)
    register(TestClient(app), email)
    refused: list[TestResponse] = []

    def is_refused() -> bool:
        log_in(app, email, address)
        refused.append(log_in(app, email, address, PASSWORD))
        return refused[-1].status_code == 429

    # At once, unless the machine paused for longer than the window.
    wait_until(is_refused)
    assert 1 <= int(refused[-1].headers["Retry-After"]) <= 4
    wait_until(lambda: log_in(app, email, address, PASSWORD).status_code == 303)


@pytest.mark.parametrize("language", MINUTES)
def test_how_long_to_wait_is_told_in_the_language_of_the_page(
    make_node: Callable[..., Shop], email: str, address: str, language: str
) -> None:
    app = make_node(login_attempts=1)
    log_in(app, email, address)

    page = log_in(app, email, address, language=language).text

    assert MINUTES[language] in page
    assert ("too many wrong passwords" in page) == (language == "en")


def test_nothing_a_visitor_typed_is_the_name_of_a_key(
    make_node: Callable[..., Shop], valkey: Server, email: str, address: str
) -> None:
    log_in(make_node(), email + "x" * 10_000, address)

    keys = list(valkey.client.scan_iter("shop:login:*", count=1000))
    assert keys
    assert all(len(key) < 100 and valkey.client.ttl(key) > 0 for key in keys)
    assert email.encode() not in b"".join(keys)


def test_nobody_logs_in_while_attempts_cannot_be_counted(
    make_node: Callable[..., Shop], own_server: Server, email: str
) -> None:
    app = make_node(redis_url=own_server.url)
    client = TestClient(app)
    form = {"csrf_token": token_of(client, "/account/login"), "email": email}
    request = make_request(app)
    assert isinstance(request, ShopRequest)
    attempt = Attempt.of(request, email)
    own_server.kill()

    with pytest.raises(ServiceUnavailable) as refused:
        attempt.begin()
    assert refused.value.retry_after == 1
    response = client.post("/account/login", data=form)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) >= 1


def test_the_rights_that_the_readme_names_are_enough(
    make_node: Callable[..., Shop], own_server: Server, email: str, address: str
) -> None:
    url = with_few_rights(own_server)
    (rights,) = re.findall(r"^  `(~shop:\S+ .*)` as well", README.read_text(), re.MULTILINE)
    app = make_node(redis_url=url)

    assert log_in(app, email, address).status_code == 503
    own_server.client.execute_command("ACL SETUSER", "sessions", *rights.split())
    assert statuses(MOST + 1, app, email, address) == [422] * MOST + [429]


def test_sessions_in_a_cookie_come_without_a_limit(
    make_shop: Callable[..., Shop], email: str, address: str
) -> None:
    app = make_shop(login_attempts=1)

    assert statuses(2, app, email, address) == [422, 422]
