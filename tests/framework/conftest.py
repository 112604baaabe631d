"""What the tests of the framework share: a small app, and packages written for one test."""

from __future__ import annotations

import importlib
import itertools
import sys
from typing import TYPE_CHECKING, Any

import pytest

from framework import App

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from framework.routing.blueprints import Item

    MakeApp = Callable[..., App]
    WritePackage = Callable[[dict[str, str]], str]

_numbers = itertools.count()


@pytest.fixture
def make_app(tmp_path: Path) -> MakeApp:
    """Make an app in an empty folder, as in production unless ``debug`` is given."""

    def make(*urls: Item, app_class: type[App] = App, **config: Any) -> App:
        app = app_class(
            "no_such_package", urls=urls, config={"secret_key": "a key for tests only", **config}
        )
        app.folder = tmp_path
        return app

    return make


@pytest.fixture
def write_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WritePackage]:
    """Write the files of a package and return its name; ``{name}`` in a file stands for it."""
    names: list[str] = []

    def write(files: dict[str, str]) -> str:
        name = f"package_{next(_numbers)}"
        names.append(name)
        folder = tmp_path / name
        for path, text in {"__init__.py": "", **files}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text.replace("{name}", name), encoding="utf-8")
        importlib.invalidate_caches()
        return name

    monkeypatch.syspath_prepend(tmp_path)
    yield write
    for module in list(sys.modules):
        if module.partition(".")[0] in names:
            del sys.modules[module]
