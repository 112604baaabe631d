"""The options of `twofold logs`, and the page about them."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from deploy.cli import main
from deploy.logs.command import _seconds, _status, logs
from deploy.logs.requests import FIELDS

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "logs.md").read_text(encoding="utf-8")
CONTEXT = click.Context(logs)
PARAMETER = logs.params[0]


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("2s", 2), ("1.5s", 1.5), ("3", 3), (None, None)]
)
def test_a_time_has_a_unit(text: str | None, seconds: float | None) -> None:
    assert _seconds(CONTEXT, PARAMETER, text) == seconds


@pytest.mark.parametrize("text", ["404", "40x", "5xx", "5XX", "-1"])
def test_a_status_may_have_open_digits(text: str) -> None:
    assert _status(CONTEXT, PARAMETER, text) == text.lower()


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--slow", "soon", "write it as 500ms or 1.5s"),
        ("--status", "teapot", "write it as 404, 40x or 5xx"),
        ("--status", "x04", "write it as 404, 40x or 5xx"),
        ("--lines", "-1", "--lines"),
    ],
)
def test_what_means_nothing_is_refused(option: str, value: str, said: str) -> None:
    found = CliRunner().invoke(main, ["logs", option, value])
    assert (found.exit_code, said in found.output) == (2, True), found.output


def test_the_page_names_every_option_and_field() -> None:
    options = [name for parameter in logs.params for name in parameter.opts if name != "--name"]
    assert [name for name in options if f"`{name}" not in PAGE] == []
    assert [name for name in FIELDS if f"`{name}`" not in PAGE] == []
