"""The page for Flask users: its code runs, and does what the text around it says."""

from __future__ import annotations

import functools
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from framework import App, Rule
from framework.contrib.flask import RedisSessionInterface
from framework.sessions.changes import MAX_KEYS, MAX_TOTAL_BYTES
from framework.sessions.codec import MAX_VALUE_BYTES
from framework.sessions.flashes import MAX_FLASHES
from framework.testing import TestClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.framework.redis_servers import Server

pytestmark = pytest.mark.integration

KEY = "a key for tests only, and a long one"
ROOT = Path(__file__).resolve().parents[4]
PAGE = (ROOT / "docs" / "how-to" / "flask-sessions.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ADOPT, COUNT, CONFLICT, LOGIN, READERS, WRITERS, OWN = range(7)


class Site:
    """An app that is made of blocks of the page."""

    def __init__(self) -> None:
        self._interfaces: list[Any] = []

    def run(self, *blocks: int) -> Any:
        names: dict[str, Any] = {"__name__": "no_such_package"}
        for block in blocks:
            exec(BLOCKS[block], names)
            self._interfaces.append(names["app"].session_interface)
        if "redis" in names:
            self._interfaces.append(names["app"].config["SESSION_REDIS"])
        return names["app"].test_client()

    def close(self) -> None:
        for interface in self._interfaces:
            interface.close()


@pytest.fixture
def site(valkey: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("SECRET_KEY", KEY)
    monkeypatch.setenv("REDIS_URL", valkey.url)
    # A slow machine may take longer than a page should wait.
    patient = functools.partial(RedisSessionInterface, timeout=10.0)
    monkeypatch.setattr("framework.contrib.flask.RedisSessionInterface", patient)
    running = Site()
    yield running
    running.close()


def test_every_block_is_known() -> None:
    assert len(BLOCKS) == OWN + 1


def test_what_is_counted_is_kept(site: Site) -> None:
    client = site.run(ADOPT, COUNT, CONFLICT)
    client.application.session_interface.check(client.application)
    client.post("/items/book")
    client.post("/items/pen")
    with client.session_transaction() as session:
        assert dict(session) == {"added": 2, "cart": ["book", "pen"]}


def test_login_and_logout_change_the_id(site: Site) -> None:
    client = site.run(ADOPT, LOGIN)
    with client.session_transaction() as session:
        session["cart"] = ["book"]
    before = client.get_cookie("session").value
    client.post("/login/7")
    after = client.get_cookie("session")
    assert after.value != before
    assert after.expires is not None
    with client.session_transaction() as session:
        assert dict(session) == {"cart": ["book"], "user_id": 7, "_permanent": True}
    client.post("/logout")
    assert client.get_cookie("session") is None


def test_the_steps_of_the_migration_keep_the_session(site: Site) -> None:
    reader, writer = site.run(ADOPT, READERS), site.run(ADOPT, WRITERS)
    visitor = reader
    with visitor.session_transaction() as session:
        session["user"] = "ada"
    assert len(visitor.get_cookie("session").value) == 43
    for node in (writer, reader, writer):
        visitor.application = node.application
        with visitor.session_transaction() as session:
            assert (session["user"], session.permanent) == ("ada", True)
    assert len(visitor.get_cookie("session").value) == 57


def test_an_app_of_the_framework_finds_the_sessions_of_a_flask_app(
    site: Site, valkey: Server
) -> None:
    settings = {"secret_key": KEY, "redis_url": valkey.url, "session_cookie_secure": False}
    app = App(
        "no_such_package",
        urls=[Rule("/", lambda request: dict(request.session), endpoint="session")],
        config={"debug": True, "session_redis_timeout": 10.0, **settings},
    )
    exec(BLOCKS[OWN], {"app": app})
    flask_client = site.run(ADOPT)
    with flask_client.session_transaction() as session:
        session["user"] = "ada"
    client = TestClient(app)
    client.set_cookie("session", flask_client.get_cookie("session").value)
    assert client.get("/").json == {"user": "ada"}
    app.session_interface.close()


def test_every_argument_and_limit_is_on_the_page() -> None:
    for name in list(inspect.signature(RedisSessionInterface).parameters)[1:]:
        assert f"`{name}" in PAGE, name
    limits = f"{MAX_VALUE_BYTES // 1024} KiB at most, a session {MAX_TOTAL_BYTES // 1024} KiB"
    assert f"{limits} and {MAX_KEYS} keys" in PAGE
    assert f"the last {MAX_FLASHES}." in PAGE
