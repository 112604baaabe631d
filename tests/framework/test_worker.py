from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from framework import App, Blueprint, Mount, Rule
from framework.exceptions import ConfigError, ImportPathError, RoutingError, SetupError
from framework.sessions import SessionInterface
from framework.testing import TestClient
from framework.worker import WorkerState

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeApp, WritePackage


def test_worker_is_ready_once_started_and_not_while_draining(make_app: MakeApp) -> None:
    app = make_app(Rule("/", lambda request: "served", endpoint="view"))
    client = TestClient(app)
    app.start_worker()
    assert (client.get("/readyz").status_code, client.get("/readyz").text) == (200, "ready\n")
    app.worker.drain()
    assert (client.get("/readyz").status_code, client.get("/readyz").text) == (503, "draining\n")
    assert client.get("/").text == "served"
    app.stop_worker()
    assert client.get("/readyz").text == "stopped\n"
    assert client.get("/livez").status_code == 200


def test_worker_that_has_not_started_does_not_drain_or_stop(make_app: MakeApp) -> None:
    app = make_app()
    app.worker.drain()
    app.stop_worker()
    assert app.worker.state is WorkerState.STARTING


def test_first_request_starts_the_worker_unless_it_asks_for_liveness(make_app: MakeApp) -> None:
    app = make_app()
    starts: list[Any] = []
    app.on_worker_start(starts.append)
    client = TestClient(app)
    assert client.get("/livez").text == "alive\n"
    assert starts == []
    assert client.get("/readyz").status_code == 200
    client.get("/")
    assert starts == [app]


def test_worker_starts_once_when_many_requests_come_first(make_app: MakeApp) -> None:
    app = make_app(Rule("/", lambda request: "", endpoint="view"))
    starts: list[Any] = []
    app.on_worker_start(starts.append)
    threads = [threading.Thread(target=app.start_worker) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert starts == [app]


def test_start_hook_may_send_a_request_to_the_app(make_app: MakeApp) -> None:
    app = make_app(Rule("/", lambda request: "warm", endpoint="view"))
    answers = []
    app.on_worker_start(lambda app: answers.append(TestClient(app).get("/").text))
    app.start_worker()
    assert answers == ["warm"]


def test_worker_hooks_run_inwards_at_start_and_outwards_at_the_end(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    blueprint = Blueprint("b")
    twice = Blueprint("outer", rules=[blueprint])
    app = make_app(blueprint, twice)
    seen: list[str] = []
    for scope, name in ((app, "app"), (blueprint, "b")):
        scope.on_worker_start(lambda app, name=name: seen.append(f"start {name}"))
        scope.on_worker_stop(lambda app, name=name: seen.append(f"stop {name}"))
    blueprint.on_worker_stop(lambda app: 1 // 0)
    app.start_worker()
    app.stop_worker()
    app.stop_worker()
    assert seen == ["start app", "start b", "stop b", "stop app"]
    assert "The worker stop hook" in caplog.text


def test_stopping_closes_the_session_interface_that_was_made(make_app: MakeApp) -> None:
    class Closing:
        closed = 0

        def close(self):
            self.closed += 1

    app = make_app()
    app.session_interface = interface = Closing()
    app.start_worker()
    app.stop_worker()
    assert interface.closed == 1


def test_start_in_production_is_refused_without_a_secret_key(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEBUG", raising=False)
    app = make_app(secret_key=None)
    with pytest.raises(ConfigError, match="SECRET_KEY is not set"):
        app.start_worker()
    with pytest.raises(ConfigError, match="SECRET_KEY is not set"):
        TestClient(app).get("/readyz")
    make_app(secret_key=None, debug=True).start_worker()


def test_start_in_production_reports_every_view_that_is_missing(
    make_app: MakeApp, write_package: WritePackage
) -> None:
    name = write_package({"views.py": "def show(request):\n    return ''\n"})
    rules = [Rule("/a", f"{name}.views:a"), Rule("/b", f"{name}.views:b")]
    with pytest.raises(ImportPathError) as caught:
        make_app(*rules).start_worker()
    assert [line.split(" (")[1][:12] for line in str(caught.value).splitlines()] == [
        "endpoint 'a'",
        "endpoint 'b'",
    ]
    debugging = make_app(*rules, debug=True)
    debugging.start_worker()


def test_broken_url_map_is_found_at_start_in_debug_mode_too(make_app: MakeApp) -> None:
    with pytest.raises(RoutingError):
        make_app(Rule("broken", lambda request: "", endpoint="x"), debug=True).start_worker()


def test_hook_that_cannot_be_found_is_reported_at_start(make_app: MakeApp) -> None:
    blueprint = Blueprint("b")
    blueprint.before_request("no_such_package.hooks:check")
    with pytest.raises(ImportPathError, match=r"no module 'no_such_package' \(a hook"):
        make_app(blueprint, debug=True).start_worker()


def test_templates_are_compiled_at_start_in_production(make_app: MakeApp, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "broken.html").write_text("{% if %}")
    make_app(debug=True).start_worker()
    with pytest.raises(SetupError, match=r"broken\.html"):
        make_app().start_worker()


def test_worker_that_failed_to_start_tries_again(make_app: MakeApp) -> None:
    app = make_app()
    attempts = []

    @app.on_worker_start
    def connect(app):
        attempts.append(True)
        if len(attempts) == 1:
            raise ConnectionError

    with pytest.raises(ConnectionError):
        app.start_worker()
    app.start_worker()
    assert app.worker.state is WorkerState.READY


def test_a_redis_url_that_cannot_be_used_ends_the_start(make_app: MakeApp) -> None:
    app = make_app(redis_url="memcached://:secret@cache")
    with pytest.raises(ConfigError, match=r"REDIS_URL.*'memcached' is unknown") as refused:
        app.start_worker()
    assert ":secret" not in str(refused.value)
    with pytest.raises(ConfigError, match="REDIS_URL"):
        make_app(redis_url="redis://", debug=True).start_worker()


def test_services_are_checked_when_the_server_asks_for_it(make_app: MakeApp) -> None:
    class Checked(SessionInterface):
        checks = 0

        def check(self) -> None:
            self.checks += 1

    app = make_app(Rule("/", lambda request: "served", endpoint="view"))
    # There is nothing to check: a session in a cookie needs nobody.
    make_app(secret_key=None, debug=True).check_services()
    app.session_interface = interface = Checked()
    app.start_worker()
    assert TestClient(app).get("/").text == "served"
    assert interface.checks == 0
    app.check_services()
    assert interface.checks == 1


def test_mounted_app_starts_and_stops_with_the_worker(make_app: MakeApp) -> None:
    seen: list[str] = []
    inner = make_app(Rule("/", lambda request: "inner", endpoint="view"))
    outer = make_app(Mount("/in", inner), Mount("/out", lambda environ, start_response: []))
    for app, name in ((inner, "inner"), (outer, "outer")):
        app.on_worker_start(lambda app, name=name: seen.append(f"{name} starts"))
        app.on_worker_stop(lambda app, name=name: seen.append(f"{name} stops"))
    outer.start_worker()
    assert seen == ["outer starts", "inner starts"]
    assert TestClient(outer).get("/in/").text == "inner"
    outer.stop_worker()
    assert seen[2:] == ["inner stops", "outer stops"]


def test_mounted_app_that_cannot_start_ends_the_start(make_app: MakeApp) -> None:
    outer = make_app(Mount("/in", make_app(Rule("/", "no_such_module:view"))))
    with pytest.raises(ImportPathError, match="no_such_module"):
        outer.start_worker()


def test_mounted_app_that_cannot_stop_is_logged_and_the_worker_stops(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    class Stuck(App):
        def stop_worker(self):
            raise ZeroDivisionError

    outer = make_app(Mount("/in", make_app(app_class=Stuck)))
    stops: list[Any] = []
    outer.on_worker_stop(stops.append)
    outer.start_worker()
    outer.stop_worker()
    assert stops == [outer]
    assert "could not be stopped" in caplog.text


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_rule_that_a_probe_hides_is_refused(make_app: MakeApp, path: str) -> None:
    app = make_app(Rule(path, lambda request: "mine", endpoint="mine"))
    with pytest.raises(RoutingError, match=f"The rule '{path}' .endpoint 'mine'. would never be"):
        app.start_worker()


def test_app_without_probes_has_its_own_rules_for_them(make_app: MakeApp) -> None:
    class WithoutProbes(App):
        def answer_probe(self, environ):
            self.start_worker()

    rule = Rule("/readyz", lambda request: "mine", endpoint="mine")
    app = make_app(rule, app_class=WithoutProbes)
    assert TestClient(app).get("/readyz").text == "mine"


@pytest.mark.parametrize(
    "setting", [{"default_timezone": "Mars/Olympus"}, {"default_locale": "zz"}, {"locales": ["zz"]}]
)
def test_language_that_does_not_exist_ends_the_start(make_app: MakeApp, setting: Any) -> None:
    with pytest.raises(SetupError, match=r"Mars/Olympus|zz"):
        make_app(**setting).start_worker()
