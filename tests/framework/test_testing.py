from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from framework import App, Rule
from framework.context import current_request
from framework.exceptions import NoCurrentRequest
from framework.sessions import (
    MemorySessionStore,
    ServerSideSessionInterface,
    SessionCookie,
    SessionIds,
)
from framework.sessions.exceptions import InsecureSessionCookie
from framework.testing import TestClient, current, make_request

if TYPE_CHECKING:
    from conftest import MakeApp


def item(request, item_id):
    return f"{request.endpoint} {item_id} {request.form.get('quantity')}"


def test_view_can_be_called_by_hand_with_a_made_up_request(make_app: MakeApp) -> None:
    app = make_app(Rule("/items/<int:item_id>", item, methods=["POST"]))
    request = make_request(app, "/items/3", method="POST", data={"quantity": "2"})
    assert item(request, **request.view_args) == "item 3 2"


def test_made_up_request_needs_no_matching_url(make_app: MakeApp) -> None:
    assert make_request(make_app(), "/nowhere").endpoint is None


def test_client_speaks_https_unless_told_otherwise(make_app: MakeApp) -> None:
    app = make_app(Rule("/", lambda request: request.url, endpoint="view"))
    client = TestClient(app)
    assert client.get("/").text == "https://localhost/"
    assert client.get("/", base_url="http://shop").text == "http://shop/"
    assert client.open(make_request(app).environ).text == "https://localhost/"
    assert TestClient(app, base_url="http://h").get("/").text == "http://h/"


def test_client_keeps_cookies(make_app: MakeApp) -> None:
    def view(request):
        return request.cookies.get("a", "none"), {"Set-Cookie": "a=1"}

    client = TestClient(make_app(Rule("/", view)))
    assert [client.get("/").text, client.get("/").text] == ["none", "1"]


def count(request):
    return str(request.session.incr("count"))


@pytest.fixture(params=["cookie", "memory"])
def counting_app(make_app: MakeApp, request: pytest.FixtureRequest) -> App:
    """An app that counts in its session: in a cookie, or in a store on the server's side."""
    app = make_app(Rule("/", count))
    if request.param == "memory":
        app.session_interface = ServerSideSessionInterface(
            MemorySessionStore(idle_timeout=60, absolute_timeout=60),
            SessionIds(["only for these tests"]),
            SessionCookie("session", secure=True, max_age=60),
        )
    return app


def test_client_opens_the_session_of_its_visitor(counting_app: App) -> None:
    client, other = TestClient(counting_app), TestClient(counting_app)
    with client.session() as session:
        assert dict(session) == {}
        session["count"] = 41
    assert client.get("/").text == "42"
    with client.session() as session:
        assert session["count"] == 42
        session.flash("hello")
    with client.session() as session:
        assert [flash.message for flash in session.pop_flashes()] == ["hello"]
    assert other.get("/").text == "1"


def test_session_that_is_only_looked_at_is_left_alone(counting_app: App) -> None:
    client = TestClient(counting_app)
    with client.session() as session:
        assert "count" not in session
    assert client.get_cookie("__Host-session") is None


def test_error_in_the_block_saves_nothing(counting_app: App) -> None:
    client = TestClient(counting_app)
    with pytest.raises(ZeroDivisionError), client.session() as session:
        session["count"] = 1 // 0
    too_short: Any = ()
    with pytest.raises(ValueError, match="unpack"), client.session() as session:
        session.update([("count", 5), too_short])
    assert client.get("/").text == "1"


def test_session_that_cannot_be_saved_says_so_in_the_test(counting_app: App) -> None:
    client = TestClient(counting_app, base_url="http://localhost")
    with pytest.raises(InsecureSessionCookie), client.session() as session:
        session["count"] = 1
    assert client.application is counting_app


def test_worker_has_started_when_the_session_is_opened(counting_app: App) -> None:
    started: list[App] = []
    counting_app.on_worker_start(started.append)
    with TestClient(counting_app).session():
        assert started == [counting_app]


def echo(request):
    return {"got": request.get_json(), "type": request.mimetype}


def test_json_is_sent_as_the_app_encodes_it(make_app: MakeApp) -> None:
    app = make_app(Rule("/", echo, methods=["POST"]))
    value = {"price": Decimal("1.20"), "day": date(2026, 1, 2), "none": None}
    expected = {"got": {"price": "1.20", "day": "2026-01-02", "none": None}}
    client = TestClient(app)
    assert client.post("/", json=value).json == expected | {"type": "application/json"}
    answer = client.post("/", json=value, content_type="application/ld+json")
    assert answer.json == expected | {"type": "application/ld+json"}
    assert echo(make_request(app, "/", method="POST", json=value))["got"] == expected["got"]
    with pytest.raises(TypeError, match="give json= or data=, not both"):
        client.post("/", json=value, data="x")


def test_request_can_be_made_the_current_one(make_app: MakeApp) -> None:
    app = make_app(Rule("/", count))
    ends: list[BaseException | None] = []
    app.teardown_request(lambda request, error: ends.append(error))
    with current(make_request(app)) as request:
        assert current_request() is request
    failure = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError), current(make_request(app)):
        raise failure
    assert ends == [None, failure]
    with pytest.raises(NoCurrentRequest):
        current_request()


def test_request_is_no_longer_current_when_its_end_fails(make_app: MakeApp) -> None:
    class Failing(App):
        def teardown(self, request, error):
            raise ZeroDivisionError

    request = make_request(make_app(app_class=Failing))
    with pytest.raises(ZeroDivisionError), current(request):
        pass
    with pytest.raises(NoCurrentRequest):
        current_request()
