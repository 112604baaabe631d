from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from framework.exceptions import ImportPathError
from framework.imports import broken_line, import_module, import_object, package_folder

if TYPE_CHECKING:
    from conftest import WritePackage


def test_object_is_found_by_its_import_path() -> None:
    assert import_object("json:dumps", needed_by="a test").__name__ == "dumps"


@pytest.mark.parametrize("path", ["json", "json:", ":dumps", ""])
def test_path_of_another_form_is_refused(path: str) -> None:
    with pytest.raises(ImportPathError, match=r"\(a test\) is not an import path. Write it as"):
        import_object(path, needed_by="a test")


def test_missing_name_is_suggested(write_package: WritePackage) -> None:
    name = write_package({"views.py": "def index(request): ...\n"})
    with pytest.raises(ImportPathError) as caught:
        import_object(f"{name}.views:indx", needed_by="endpoint 'home'")
    assert str(caught.value) == (
        f"The module '{name}.views' has no 'indx' (endpoint 'home', import path"
        f" '{name}.views:indx'). Did you mean 'index'?"
    )


def test_missing_module_is_suggested(write_package: WritePackage) -> None:
    name = write_package({"views.py": ""})
    with pytest.raises(ImportPathError) as caught:
        import_module(f"{name}.veiws", needed_by="endpoint 'home'")
    assert str(caught.value) == (
        f"There is no module '{name}.veiws' (endpoint 'home', import path '{name}.veiws')."
        f" Did you mean '{name}.views'?"
    )


def test_missing_package_is_named_and_a_module_that_is_no_package() -> None:
    with pytest.raises(ImportPathError, match=r"no module 'no_such_package'.*on the import path"):
        import_module("no_such_package.views", needed_by="a test")
    with pytest.raises(ImportPathError, match=r"no module 'string.views'"):
        import_module("string.views", needed_by="a test")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import no_such_dependency", ModuleNotFoundError),
        ("from json import no_such_name", ImportError),
        ("1 // 0", ZeroDivisionError),
        ("def broken(:", SyntaxError),
    ],
)
def test_error_inside_the_module_is_raised_unchanged(
    write_package: WritePackage, code: str, error: type[Exception]
) -> None:
    name = write_package({"views.py": code})
    with pytest.raises(error) as caught:
        import_object(f"{name}.views:index", needed_by="a test")
    assert type(caught.value) is error


def test_folder_of_a_package_a_module_and_of_neither(write_package: WritePackage) -> None:
    name = write_package({"inner/site.py": "", "inner/__init__.py": ""})
    package = package_folder(name)
    assert package.name == name
    assert package_folder(f"{name}.inner.site") == package / "inner"
    assert package_folder("no_such_package") == Path.cwd()
    assert package_folder("no_such_package.inner") == Path.cwd()


def test_folder_of_a_module_that_is_being_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("half_imported")
    monkeypatch.setitem(sys.modules, "half_imported", module)
    assert package_folder("half_imported") == Path.cwd()
    module.__file__ = "/srv/app/half_imported.py"
    assert package_folder("half_imported") == Path("/srv/app")


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("import json\nimport jsno\n", 2),
        ("from json import no_such_name\n", 1),
        ("\n\ndef broken(:\n", 3),
        ("import json\nx = json.loads('{')\n", 2),
        ("from {name} import helpers\n", None),
    ],
)
def test_line_that_broke_is_the_last_one_of_the_project(
    write_package: WritePackage, tmp_path: Path, code: str, line: int | None
) -> None:
    name = write_package({"views.py": code, "helpers.py": "\nimport no_such_dependency\n"})
    with pytest.raises((ImportError, SyntaxError, ValueError)) as caught:
        import_object(f"{name}.views:index", needed_by="a test")
    file = "helpers.py:2" if line is None else f"views.py:{line}"
    assert broken_line(caught.value) == str(tmp_path / name / file)


def test_line_in_a_library_is_told_if_there_is_no_other(
    monkeypatch: pytest.MonkeyPatch, write_package: WritePackage, tmp_path: Path
) -> None:
    name = write_package({"views.py": "import jsno\n"})
    installed = {"stdlib": str(Path(importlib.__file__).parents[1])}
    monkeypatch.setattr("sysconfig.get_path", lambda key: installed.get(key, str(tmp_path)))
    with pytest.raises(ModuleNotFoundError) as caught:
        import_module(f"{name}.views", needed_by="a test")
    with monkeypatch.context() as patch:
        patch.setitem(installed, "purelib", str(Path(__file__).parent))
        assert broken_line(caught.value) == str(tmp_path / name / "views.py:1")


def test_error_that_was_raised_nowhere_has_no_line() -> None:
    assert broken_line(ValueError()) is None


def test_relative_module_is_refused() -> None:
    with pytest.raises(
        ImportPathError, match=r"'.views' \(endpoint 'home'\) is relative.*full name"
    ):
        import_object(".views:index", needed_by="endpoint 'home'")
