from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import jinja2
import pytest
from jinja2.compiler import CodeGenerator

from framework.templating.cache import TemplateCache, template_cache

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeApp


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a.html").write_text("{{ 1 + 1 }}")
    return tmp_path / "cache" / "templates"


class Counting(CodeGenerator):
    compiled = 0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        type(self).compiled += 1


def render(cache: TemplateCache | None, text: str = "{{ '<' }}", **options: Any) -> tuple[str, int]:
    """Render with a new environment; returns how often it had to compile, too."""
    options.setdefault("autoescape", True)
    made = jinja2.Environment(
        loader=jinja2.DictLoader({"a": text}), bytecode_cache=cache, **options
    )
    made.code_generator_class = Counting
    before = Counting.compiled
    return made.get_template("a").render(), Counting.compiled - before


def test_second_worker_need_not_compile(folder: Path) -> None:
    cache = template_cache(str(folder))
    assert (folder.stat().st_mode & 0o777) == 0o700
    assert render(cache) == ("&lt;", 1)
    assert render(template_cache(str(folder))) == ("&lt;", 0)
    assert render(cache, "{{ '>' }}") == ("&gt;", 1)


@pytest.mark.parametrize(
    "options",
    [
        {"autoescape": False},
        {"autoescape": lambda name: False},
        {"trim_blocks": True},
        {"extensions": ["jinja2.ext.i18n"]},
        {"variable_start_string": "[["},
    ],
)
def test_environment_with_other_options_compiles_for_itself(
    folder: Path, options: dict[str, Any]
) -> None:
    cache = template_cache(str(folder))
    render(cache)
    assert render(cache, **options)[1] == 1
    assert render(cache, **options)[1] == 0


def test_damaged_file_counts_as_missing(folder: Path) -> None:
    cache = template_cache(str(folder))
    render(cache)
    (file,) = folder.iterdir()
    content = file.read_bytes()
    for damaged in (b"", content[:60], content[:-9], content[:20] + b"\xff" * 40):
        file.write_bytes(damaged)
        assert render(cache) == ("&lt;", 1)
        assert file.read_bytes() == content


def test_app_uses_the_folder_that_the_setting_names(make_app: MakeApp, folder: Path) -> None:
    app = make_app(template_cache_folder=str(folder))
    assert app.render("a.html") == "2"
    assert len(list(folder.iterdir())) == 1
    assert make_app().jinja_environment.bytecode_cache is None


def test_folder_that_cannot_be_made_is_reported_and_not_used(
    make_app: MakeApp, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.parent.write_text("a file")
    assert make_app(template_cache_folder=str(folder)).render("a.html") == "2"
    (message,) = caplog.messages
    assert f"TEMPLATE_CACHE_FOLDER '{folder}' is not used: it cannot be made" in message
    assert "Templates are compiled at each start" in message


def test_folder_that_others_may_write_to_is_reported_and_not_used(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    assert template_cache(str(folder)) is None
    assert "other users may write there, and what is in it is run as code" in caplog.text


def test_folder_of_another_user_is_reported_and_not_used(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir(parents=True)
    stat = os.stat

    def of_another(path: Any, **options: Any) -> os.stat_result:
        values = list(stat(path, **options))
        values[4] = 12345
        return os.stat_result(values)

    monkeypatch.setattr(os, "stat", of_another)
    cache = template_cache(str(folder))
    monkeypatch.undo()
    assert cache is None
    assert "other users may write there" in caplog.text


def test_folder_that_turns_out_unwritable_is_reported_once(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = template_cache(str(folder))
    folder.rmdir()
    for text in ("1", "2"):
        assert render(cache, text) == (text, 1)
    (message,) = caplog.messages
    assert "is not used: nothing can be written there: No such file" in message
