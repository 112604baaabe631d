from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from framework.commands import run as module
from framework.commands.run import BrokenApp, load_watched, run
from framework.commands.target import TargetError
from framework.testing import TestClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org", "unix:///tmp/x"])
def test_address_that_others_can_reach_is_refused_with_the_reason(project: Path, host: str) -> None:
    answer = CliRunner().invoke(run, ["--host", host])
    assert answer.exit_code == 2
    assert f"--host {host} could be reached from other machines" in answer.output


def test_port_in_use_is_one_message(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = CliRunner().invoke(run, ["--port", str(port)])
    assert answer.exit_code == 2
    assert answer.output == (
        f"Error: Cannot listen on 127.0.0.1 port {port}: another program listens there."
        " Stop it, or choose another port with --port.\n"
    )


def test_address_the_machine_lacks_is_one_message(project: Path) -> None:
    answer = CliRunner().invoke(run, ["--host", "::2"])
    assert "--host ::2 could be reached" in answer.output
    with pytest.raises(
        module.ServerError, match=r"Cannot listen on 192\.0\.2\.1 port 5000: .*assign"
    ):
        module.refuse_port_in_use("192.0.2.1", 5000)


@pytest.mark.parametrize(("host", "reloaded"), [("127.0.0.1", False), ("localhost", True)])
def test_server_watches_templates_and_the_project_file(
    project: Path, monkeypatch: pytest.MonkeyPatch, host: str, reloaded: bool
) -> None:
    calls: list[Any] = []
    monkeypatch.setattr("werkzeug.serving.run_simple", lambda *a, **o: calls.append((a, o)))
    monkeypatch.setattr("werkzeug.serving.is_running_from_reloader", lambda: reloaded)
    port = free_port()
    answer = CliRunner().invoke(run, ["site_app:app", "--host", host, "--port", str(port)])
    assert answer.exit_code == 0, answer.output
    [((called_host, called_port, app), options)] = calls
    assert (called_host, called_port) == (host, port)
    assert options["use_reloader"]
    assert options["use_debugger"]
    watched = {str(project / "twofold.toml"), str(project / "templates" / "index.html")}
    assert set(options["extra_files"]) == watched
    assert app.config.debug
    assert TestClient(app, base_url="http://localhost").get("/visits").text == "1"


def test_app_that_breaks_while_it_is_edited_shows_why_in_each_request(project: Path) -> None:
    with pytest.raises(TargetError):
        load_watched("site_app:ap", keep_watching=False)
    app, files = load_watched("site_app:ap", keep_watching=True)
    assert files == [project / "twofold.toml"]
    with pytest.raises(RuntimeError, match="Did you mean 'app'"):
        app({}, lambda *_: lambda _: None)
    broken = BrokenApp(ZeroDivisionError("where"))
    depths = []
    for _ in range(2):
        with pytest.raises(ZeroDivisionError, match="where") as raised:
            broken({}, lambda *_: lambda _: None)
        depths.append(len(raised.traceback))
    assert depths[0] == depths[1]


@contextmanager
def running(script: Path, port: int) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, str(script), "--port", str(port)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        # The reloader's child is in the session that was started here.
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def wait_for(text: str, opener: urllib.request.OpenerDirector, url: str) -> None:
    deadline = time.monotonic() + 60
    seen = ""
    while text not in seen:
        assert time.monotonic() < deadline, seen
        time.sleep(0.1)
        try:
            with opener.open(url, timeout=30) as answer:
                seen = answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                seen = error.read().decode()
        except OSError as error:
            seen = str(error)


@pytest.mark.integration
def test_server_reloads_keeps_sessions_and_survives_a_syntax_error(project: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    script = project / "serve.py"
    script.write_text("from framework.commands.run import run\nrun()\n")
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    source = (project / "site_app.py").read_text()
    with running(script, port):
        wait_for("hello", opener, f"{url}/")
        wait_for("1", opener, f"{url}/visits")
        (project / "templates" / "index.html").write_text("changed template")
        wait_for("changed template", opener, f"{url}/")
        (project / "site_app.py").write_text(source + "\ndef broken(:\n")
        wait_for("SyntaxError", opener, f"{url}/")
        (project / "site_app.py").write_text(source.replace('"visits")', '"visits") + 100'))
        wait_for("102", opener, f"{url}/visits")
