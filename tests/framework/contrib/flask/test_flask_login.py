"""Flask-Login, which knows nothing of all this, on these sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flask
import flask_login
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient

    from tests.framework.redis_servers import Server

pytestmark = pytest.mark.integration


class User(flask_login.UserMixin):  # type: ignore[misc]
    def __init__(self, user_id: str) -> None:
        self.id = user_id


@pytest.fixture
def site(make_app: Callable[..., flask.Flask]) -> flask.Flask:
    app = make_app(TESTING=True)
    manager = flask_login.LoginManager(app)
    manager.session_protection = "strong"
    manager.user_loader(User)

    @app.get("/login/<name>")
    def login(name: str) -> str:
        flask_login.login_user(User(name), remember="remember" in flask.request.args)
        return ""

    @app.get("/logout")
    def logout() -> str:
        flask_login.logout_user()
        return ""

    @app.get("/")
    def me() -> str:
        return flask_login.current_user.get_id() or "nobody"

    @app.get("/cart")
    def cart() -> str:
        flask.session.setdefault("cart", []).append("book")
        return str(len(flask.session["cart"]))

    return app


def cookie_of(client: FlaskClient, name: str = "session") -> str:
    found = client.get_cookie(name)
    return found.value if found else ""


def test_a_login_gives_a_new_id_and_keeps_the_cart(site: flask.Flask) -> None:
    client, attacker = site.test_client(), site.test_client()
    attacker.get("/cart")
    # The attacker has planted an id, and waits for its visitor to log in.
    client.set_cookie("session", cookie_of(attacker))
    assert client.get("/").text == "nobody"
    client.get("/login/ada")
    assert cookie_of(client) != cookie_of(attacker)
    assert client.get("/").text == "ada"
    assert client.get("/cart").text == "2"
    assert attacker.get("/").text == "nobody"


def test_a_logout_gives_a_new_id_and_the_old_one_is_worth_nothing(site: flask.Flask) -> None:
    client = site.test_client()
    client.get("/login/ada")
    old = cookie_of(client)
    client.get("/logout")
    assert client.get("/").text == "nobody"
    client.set_cookie("session", old)
    assert client.get("/").text == "nobody"


@pytest.mark.parametrize("name", ["ada", "grace"])
def test_a_second_login_gives_a_new_id_too(site: flask.Flask, name: str) -> None:
    client = site.test_client()
    client.get("/login/ada")
    first = cookie_of(client)
    client.get(f"/login/{name}")
    assert cookie_of(client) != first
    assert client.get("/").text == name


def test_session_protection_notices_another_browser(site: flask.Flask) -> None:
    client = site.test_client()
    client.get("/login/ada", headers={"User-Agent": "one"})
    assert client.get("/", headers={"User-Agent": "one"}).text == "ada"
    assert client.get("/", headers={"User-Agent": "two"}).text == "nobody"


def test_a_remembered_user_gets_a_session_again(site: flask.Flask) -> None:
    client = site.test_client()
    client.get("/login/ada?remember")
    assert cookie_of(client, "remember_token")
    client.delete_cookie("session")
    assert client.get("/").text == "ada"
    assert cookie_of(client)
    client.get("/logout")
    assert not cookie_of(client, "remember_token")
    assert client.get("/").text == "nobody"


def test_an_outage_is_a_503_though_flask_login_looks_at_every_answer(
    make_app: Callable[..., flask.Flask], own_server: Server
) -> None:
    app = make_app(own_server.url)
    manager = flask_login.LoginManager(app)
    manager.user_loader(User)

    @app.get("/login")
    def login() -> str:
        flask_login.login_user(User("ada"))
        return ""

    @app.get("/")
    def page() -> str:
        return "a page that has no session of its own"

    @app.errorhandler(503)
    def away(error: Exception) -> Any:
        return f"away, {flask_login.current_user.get_id()}", 503

    client = app.test_client()
    client.get("/login")
    own_server.kill()
    for path in ("/", "/login"):
        response = client.get(path)
        assert (response.status_code, response.text) == (503, "away, None")
        assert not response.headers.getlist("Set-Cookie")
