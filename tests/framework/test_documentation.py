"""The pages that show code or repeat it, held against the code."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from framework import App, Request, Rule, hooks
from framework.commands.new import new
from framework.sessions import (
    MemorySessionStore,
    ServerSideSessionInterface,
    SessionCookie,
    SessionIds,
)
from framework.testing import TestClient

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BLOCK = re.compile(r"(?:^<!-- ([^\n]+) -->\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TUTORIAL = (DOCS / "tutorial" / "first-app.md").read_text(encoding="utf-8")


def test_order_of_hooks_is_told_in_the_words_of_the_code() -> None:
    _, _, order, *_ = (hooks.__doc__ or "").split("\n\n")
    assert order in (DOCS / "explanation" / "request.md").read_text(encoding="utf-8")


def apply(project: Path, instruction: str, code: str) -> None:
    """Do what the tutorial says with one block of code."""
    kind, _, rest = instruction.partition(" ")
    if kind == "in":
        assert code in (project / rest).read_text(), instruction
    elif kind == "append":
        file = project / rest.removeprefix("to ")
        file.write_text(f"{file.read_text()}\n\n{code}")
    elif kind == "new":
        assert not (project / rest).exists()
        (project / rest).write_text(code)
    elif kind == "after":
        line, _, path = rest.rpartition(" in ")
        text = (project / path).read_text()
        assert text.count(f"{line}\n") == 1
        (project / path).write_text(text.replace(f"{line}\n", f"{line}\n{code}"))
    else:
        raise AssertionError(instruction)


def test_tutorial_works_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(new, ["guestbook"]).exit_code == 0
    project = tmp_path / "guestbook"
    blocks = [block for block in BLOCK.findall(TUTORIAL) if block[1] != "console"]
    assert len(blocks) == 9
    for instruction, _, code in blocks:
        apply(project, instruction, code)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert "6 passed" in done.stdout, done.stdout


def test_tutorial_names_commands_and_options_that_exist() -> None:
    lines = re.findall(r"^\$ twofold (.+)$", TUTORIAL, re.MULTILINE)
    assert lines == [
        *("new guestbook", "run", "up --nodes 2", "verify --nodes 1,2 --rounds 3"),
    ]
    for name in ("new", "run"):
        module = importlib.import_module(f"framework.commands.{name}")
        assert getattr(module, name).name == name


def test_views_of_the_session_page_do_what_it_says(make_app: Callable[..., App]) -> None:
    page = (DOCS / "explanation" / "sessions.md").read_text(encoding="utf-8")
    shown: dict[str, Any] = {}
    for _, language, code in BLOCK.findall(page):
        assert language == "python"
        exec(compile(code, "sessions.md", "exec"), shown)
    faster: list[str] = []

    def overtaken(request: Request) -> Any:
        assert "cart" in request.session
        while faster:
            client.post("/surely", data={"item": faster.pop()})
        return shown["add_to_cart"](request)

    views = [shown[name] for name in ("log_in", "log_out", "change_password")]
    rules = [Rule(f"/{view.__name__}", view, methods=["POST"]) for view in views]
    app = make_app(*shown["urls"], *rules, Rule("/overtaken", overtaken, methods=["POST"]))
    app.session_interface = ServerSideSessionInterface(
        MemorySessionStore(idle_timeout=100.0, absolute_timeout=1000.0),
        SessionIds(["only for these tests"]),
        SessionCookie("session", secure=True, max_age=1000),
    )
    client = TestClient(app)
    client.post("/theme", data={"theme": "dark"})
    client.post("/language", data={"language": "eo"})
    for path in ("/cart", "/surely"):
        assert client.post(path, data={"item": "early"}).status_code == 200
    assert client.post("/check-out").json == {"ordered": 2}
    assert client.get("/visit").json == {"visits": 1}
    client.post("/send")
    faster.append("first")
    assert client.post("/overtaken", data={"item": "second"}).status_code == 409
    faster.append("third")
    assert shown["post"](client, "/overtaken", {"item": "fourth"}).json == {"items": 3}
    with client.session() as session:
        assert (session["theme"], session["language"]) == ("dark", "eo")
        assert session["cart"] == ["first", "third", "fourth"]
        assert [flash.message for flash in session.flashes] == ["Your letter is on its way."]
    client.post("/log_in", data={"name": "ada"})
    client.post("/change_password")
    with client.session() as session:
        assert (session.user_id, session["theme"]) == ("ada", "dark")
    client.post("/log_out")
    with client.session() as session:
        assert session.new
