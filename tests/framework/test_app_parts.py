from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from framework import App, Config, Rule
from framework.exceptions import ConfigError, URLBuildError
from framework.sessions import ServerSideSessionInterface, SessionInterface
from framework.sessions.cookie import SignedCookieSessionInterface
from framework.testing import TestClient

if TYPE_CHECKING:
    from conftest import MakeApp


def hello(request, name):
    return f"hello {name}"


def test_session_travels_in_a_signed_cookie_without_a_store(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)

    def count(request):
        request.session["count"] = request.session.get("count", 0) + 1
        return str(request.session["count"])

    app = make_app(Rule("/", count))
    client = TestClient(app)
    assert [client.get("/").text for _ in range(3)] == ["1", "2", "3"]
    assert isinstance(app.session_interface, SignedCookieSessionInterface)


def test_session_is_kept_in_redis_when_there_is_a_url(make_app: MakeApp) -> None:
    app = make_app(redis_url="redis://127.0.0.1:1/0")
    assert isinstance(app.session_interface, ServerSideSessionInterface)
    app.session_interface.close()


def test_session_interface_is_made_once_when_two_threads_need_it_first(make_app: MakeApp) -> None:
    app = make_app()
    never = threading.Event()
    made = []

    def make() -> SessionInterface:
        never.wait(timeout=0.2)
        made.append(SignedCookieSessionInterface.from_config(app.config))
        return made[-1]

    app.make_session_interface = make
    with ThreadPoolExecutor(2) as pool:
        interfaces = set(pool.map(lambda _: app.session_interface, range(2)))
    assert interfaces == set(made)
    assert len(made) == 1


def test_config_is_read_from_the_environment_when_it_is_first_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = App("no_such_package", urls=[])
    monkeypatch.setenv("DEBUG", "true")
    assert app.config.debug is True


def test_config_object_is_used_as_it_is() -> None:
    config = Config(debug=True)
    assert App("no_such_package", urls=[], config=config).config is config


def test_unknown_setting_is_refused_with_a_suggestion() -> None:
    app = App("no_such_package", urls=[], config={"sekret_key": "x"})
    with pytest.raises(ConfigError, match="Did you mean 'secret_key'"):
        _ = app.config


def test_url_outside_a_request_is_a_path_or_starts_with_public_url(make_app: MakeApp) -> None:
    app = make_app(Rule("/<name>", hello), public_url="https://shop.example/base")
    assert app.url_for("hello", name="ada", _anchor="top") == "/base/ada#top"
    assert app.url_for("hello", name="ada", _external=True) == "https://shop.example/base/ada"
    assert make_app(Rule("/<name>", hello)).url_for("hello", name="ada") == "/ada"


def test_full_url_outside_a_request_without_a_host_says_what_to_set(make_app: MakeApp) -> None:
    with pytest.raises(URLBuildError, match=r"'hello' needs a host.*PUBLIC_URL.*request.url_for"):
        make_app(Rule("/", hello)).url_for("hello", _external=True)


def test_json_provider_can_be_replaced(make_app: MakeApp) -> None:
    class Provider:
        def dumps(self, value):
            return json.dumps({"wrapped": value})

        def loads(self, text):
            return "decoded"

    class JSONApp(App):
        json_provider_class = Provider  # type: ignore[assignment]

    app = make_app(
        Rule("/", lambda request: [request.get_json()], endpoint="v", methods=["POST"]),
        app_class=JSONApp,
    )
    assert TestClient(app).post("/", json={}).json == {"wrapped": ["decoded"]}
