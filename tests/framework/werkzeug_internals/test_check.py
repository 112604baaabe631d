"""The check that Werkzeug works inside as it is taken to."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from framework.werkzeug_internals import check
from framework.werkzeug_internals.check import differences


@pytest.mark.parametrize("name", ["requests", "responses", "rules"])
def test_each_difference_has_a_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    attribute, value = {
        "requests": ("requests.LazyRequest.path", "/other"),
        "responses": ("responses.OK", "201 OK"),
        "rules": ("check.converters_of", lambda rule: {}),
    }[name]
    monkeypatch.setattr(f"framework.werkzeug_internals.{attribute}", value)
    assert differences() == [name]
    monkeypatch.undo()
    assert differences() == []


def test_version_is_found_with_and_without_a_folder_that_tells_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    beside_werkzeug = check._version()
    assert beside_werkzeug.startswith(version("werkzeug"))
    monkeypatch.setattr("os.listdir", lambda folder: ["werkzeug", "jinja2-3.1.6.dist-info"])
    assert check._version() == version("werkzeug")
