"""A project in a folder of its own, and an environment without anyone's settings."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    WriteProject = Callable[..., Path]

APP = """\
from framework import App, Rule

def index(request):
    return request.render("index.html")

def visits(request):
    return str(request.session.incr("visits"))

app = App("site_app", urls=[Rule("/", index), Rule("/visits", visits)])

def make_app():
    return app
"""
SETTINGS = ("DEBUG", "SECRET_KEY", "SECRET_KEY_FILE", "SESSION_COOKIE_SECURE", "REDIS_URL", "PLACE")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with the app ``site_app:app`` and a page, as the current folder."""
    for variable in SETTINGS:
        # Set first, so that what a command adds is taken back too.
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)
    (tmp_path / "site_app.py").write_text(APP)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "index.html").write_text("hello")
    (tmp_path / "twofold.toml").write_text('app = "site_app:app"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    importlib.invalidate_caches()
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(f"{tmp_path}{os.sep}"):
            del sys.modules[name]
