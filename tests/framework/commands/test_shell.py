from __future__ import annotations

import os
import pty
import subprocess
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from framework.commands.shell import console, open_python, shell
from framework.context import current_request
from framework.exceptions import NoCurrentRequest

if TYPE_CHECKING:
    from pathlib import Path


def test_piped_code_runs_with_app_client_and_request(project: Path) -> None:
    source = """
from framework.context import current_request
print(app, current_request() is request, client.get("/").text)
print([client.get("/visits").text for _ in range(2)], request.endpoint, __name__)
"""
    answer = CliRunner().invoke(shell, input=source)
    assert answer.output == "<App 'site_app'> True hello\n['1', '2'] index __main__\n"
    with pytest.raises(NoCurrentRequest):
        current_request()


def test_piped_code_that_fails_fails_the_command(project: Path) -> None:
    answer = CliRunner().invoke(shell, input="1 / 0")
    assert answer.exit_code == 1
    assert isinstance(answer.exception, ZeroDivisionError)


def test_ipython_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    ipython: Any = ModuleType("IPython")
    ipython.start_ipython = lambda argv, user_ns: started.append((argv, user_ns))
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    console()({"app": 1})
    assert started == [([], {"app": 1})]


@pytest.mark.parametrize("missing", [[], ["readline"]])
def test_python_has_its_own_console_otherwise(
    monkeypatch: pytest.MonkeyPatch, missing: list[str]
) -> None:
    for name in ["IPython", *missing]:
        monkeypatch.setitem(sys.modules, name, None)
    opened: list[Any] = []
    monkeypatch.setattr("code.interact", lambda **options: opened.append(options))
    assert console() is open_python
    names = {"app": "the app", "client": 1}
    console()(names)
    assert opened[0]["local"] is names
    assert opened[0]["banner"].endswith("with app, client of 'the app'")


def test_console_has_app_client_and_request(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("framework.commands.shell.console", lambda: opened.append)
    shell.main([], standalone_mode=False)
    assert list(opened[0]) == ["app", "client", "request"]


def test_terminal_gets_a_console(project: Path) -> None:
    ours, theirs = pty.openpty()
    code = (
        "import sys; sys.modules['IPython'] = None;"
        "from framework.commands.shell import shell; shell()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "dumb"},
    )
    os.close(theirs)
    os.write(ours, b"print(6 * 7, app)\nexit()\n")
    seen = b""
    try:
        while chunk := os.read(ours, 1024):
            seen += chunk
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.wait(timeout=60) == 0, seen
    assert b"with app, client, request of <App 'site_app'>" in seen
    assert b"42 <App 'site_app'>" in seen
