from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from framework import App
from framework.commands.target import TargetError, app_argument, load_app

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@app_argument
def show(app: str) -> None:
    click.echo(app)


@pytest.mark.parametrize(("arguments", "expected"), [([], "site_app:app"), (["a:b"], "a:b")])
def test_app_is_the_argument_or_the_one_of_the_project(
    project: Path, arguments: list[str], expected: str
) -> None:
    assert CliRunner().invoke(show, arguments).output == f"{expected}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No app is named. Write it after the command, as in `show shop:app`"),
        ('ap = "site_app:app"\n', "Did you mean 'ap'?"),
        ("app = 3\n", "app = 3 must be text, like 'shop:app'"),
        ("app =\n", "cannot be read: Invalid value"),
    ],
)
def test_project_that_names_no_app_is_told_what_to_write(
    project: Path, text: str | None, message: str
) -> None:
    file = project / "twofold.toml"
    file.unlink() if text is None else file.write_text(text)
    answer = CliRunner().invoke(show)
    assert answer.exit_code == 2
    assert message in answer.output


@pytest.mark.parametrize("text", ["site_app:app", "site_app:make_app()"])
def test_app_is_loaded_from_the_current_folder(project: Path, text: str) -> None:
    for _ in range(2):
        assert isinstance(load_app(text), App)
    assert sys.path.count(str(project)) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("site_app", "is not an import path. Write it as 'package.module:name'"),
        ("site_ap:app", "There is no module 'site_ap'"),
        ("site_app:ap", "Did you mean 'app'"),
        ("site_app:make_app", r"write 'site_app:make_app\(\)'"),
        ("site_app:App", "which is not an App.$"),
        ("site_app:__name__", "'site_app', which is not an App.$"),
        ("site_app:__name__()", "'site_app', which is not an App.$"),
        ("site_app:wrapped", "app.wsgi_app = Middleware"),
    ],
)
def test_what_is_not_an_app_is_refused_with_the_way_out(
    project: Path, text: str, message: str
) -> None:
    with (project / "site_app.py").open("a") as file:
        file.write("from functools import partial\nwrapped = partial(app)\n")
    with pytest.raises(TargetError, match=message) as raised:
        load_app(text)
    assert raised.value.exit_code == 2


def test_error_inside_the_app_is_raised_as_itself(project: Path) -> None:
    (project / "site_app.py").write_text("import no_such_module_anywhere\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
        load_app("site_app:app")


def test_environment_of_the_project_is_there_and_comes_last(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "twofold.toml").write_text('[env]\nPLACE = "file"\nREDIS_URL = "file"\n')
    monkeypatch.setenv("PLACE", "outside")
    load_app("site_app:app")
    assert (os.environ["PLACE"], os.environ["REDIS_URL"]) == ("outside", "file")
