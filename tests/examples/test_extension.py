from __future__ import annotations

import ast
import importlib
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from framework import App, Rule
from framework.testing import TestClient, make_request

if TYPE_CHECKING:
    from types import ModuleType

EXAMPLE = Path(__file__).parents[2] / "examples" / "extension"


@pytest.fixture
def server_timing(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(EXAMPLE)
    return importlib.import_module("server_timing")


def make_app(module: ModuleType, *, debug: bool = True) -> App:
    def view(request):
        with module.measure(request, "catalogue"):
            pass
        with module.measure(request, "catalogue"):
            time.sleep(0.002)
        return "page"

    config = {"debug": debug, "secret_key": "only for these tests"}
    return App("no_such_package", urls=[Rule("/", view)], config=config)


def timings(app: App, path: str = "/") -> dict[str, float]:
    lines = TestClient(app).get(path).headers.getlist("Server-Timing")
    return {name: float(duration) for name, duration in (line.split(";dur=") for line in lines)}


def test_one_extension_object_serves_two_apps(server_timing: Any) -> None:
    extension = server_timing.ServerTiming()
    apps = [make_app(server_timing) for _ in range(2)]
    for app in apps:
        extension.init_app(app)
        assert app.extensions["server_timing"] is extension
    for app in apps:
        seen = timings(app)
        assert list(seen) == ["catalogue", "total"]
        assert 2 <= seen["catalogue"] <= seen["total"]
    assert timings(apps[0], "/nowhere") == {}


def test_times_stay_inside_in_production_unless_they_are_public(server_timing: Any) -> None:
    for public in (False, True):
        app = make_app(server_timing, debug=False)
        server_timing.ServerTiming(public=public).init_app(app)
        assert bool(timings(app)) is public


def test_slow_request_is_logged(server_timing: Any, caplog: pytest.LogCaptureFixture) -> None:
    for slow, logged in ((30.0, ""), (0.001, "GET / took ")):
        app = make_app(server_timing)
        server_timing.ServerTiming(slow=slow).init_app(app)
        with caplog.at_level(logging.WARNING):
            timings(app)
        assert logged in caplog.text
        assert bool(caplog.text) is bool(logged)


def test_second_init_app_and_a_bad_name_say_what_to_do(server_timing: Any) -> None:
    app = make_app(server_timing)
    extension = server_timing.ServerTiming()
    extension.init_app(app)
    with pytest.raises(RuntimeError, match="<App 'no_such_package'> has server_timing already"):
        extension.init_app(app)
    with (
        pytest.raises(ValueError, match="letters, digits"),
        server_timing.measure(make_request(app), "a b"),
    ):
        pass


def test_view_can_be_measured_without_the_extension(server_timing: Any) -> None:
    assert timings(make_app(server_timing)) == {}


def test_extension_imports_no_framework() -> None:
    tree = ast.parse((EXAMPLE / "server_timing" / "__init__.py").read_text())
    imports = [
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None) or node.names[0].name]
    ]
    assert "framework" not in {name.partition(".")[0] for name in imports}
