"""What visitors of the shop do in its tests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shop import Shop, make_app
from shop.admin import __main__ as admin

from framework.sessions import (
    MemorySessionStore,
    ServerSideSessionInterface,
    SessionCookie,
    SessionIds,
)

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

    from framework.testing import TestClient

SECRET_KEY = "a key for tests, long enough to sign with"
ADDRESS = {"name": "Ada", "email": "ada@example.org", "address": "12 St James's Square, London"}
PASSWORD = "correct horse battery"


def build_app(**config: Any) -> Shop:
    return make_app(
        {
            "secret_key": SECRET_KEY,
            "redis_url": None,
            "session_cookie_secure": False,
            "stock_delay": 0.0,
            "catalogue_delay": 0.0,
            **config,
        }
    )


def keep_sessions_in_memory(app: Shop) -> None:
    """Give the app sessions that merge, as those in Redis do."""
    app.session_interface = ServerSideSessionInterface(
        MemorySessionStore(idle_timeout=3600, absolute_timeout=3600),
        SessionIds([SECRET_KEY]),
        SessionCookie("session", secure=False, max_age=3600),
    )


def add(client: TestClient, item_id: object = 3, quantity: object = 1) -> TestResponse:
    return client.post("/cart/add", data={"item_id": item_id, "quantity": quantity})


def contents(client: TestClient) -> dict[str, Any]:
    response = client.get("/cart/contents")
    assert response.status_code == 200
    answer: dict[str, Any] = response.get_json()
    return answer


def token_of(client: TestClient, page: str) -> str:
    """The token that the forms of a page send back."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(page).text)
    assert found is not None, f"there is no form on {page}"
    return found[1]


def send(client: TestClient, path: str, page: str = "", **fields: Any) -> TestResponse:
    """Send the form that a page, by default ``path`` itself, shows."""
    return client.post(path, data={"csrf_token": token_of(client, page or path), **fields})


def register(client: TestClient, email: str = "ada@example.org", **fields: Any) -> TestResponse:
    form = {"name": "Ada", "email": email, "password": PASSWORD, **fields}
    return send(client, "/account/register", **form)


def order(client: TestClient, **fields: Any) -> TestResponse:
    return send(client, "/checkout", **{**ADDRESS, **fields})


def orders(client: TestClient) -> list[dict[str, Any]]:
    answer: dict[str, Any] = client.get("/orders/contents").get_json()
    found: list[dict[str, Any]] = answer["orders"]
    return found


def make_admin(app: Shop, client: TestClient) -> None:
    """Register somebody who runs the shop."""
    register(client, "grace@example.org", name="Grace")
    admin.make_admin(app, "Grace@example.org")
