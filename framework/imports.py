"""Import paths of the form ``package.module:name``, with errors that say what is missing.

Only what the path itself asks for becomes an :class:`ImportPathError`. An import that fails inside
the module, or any other error there, is raised unchanged.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .exceptions import ImportPathError
from .suggestions import did_you_mean

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType


def import_object(path: str, *, needed_by: str) -> Any:
    """Return the object at ``package.module:name``.

    ``needed_by`` names who asks, for the message: ``endpoint 'cart.show'``.
    """
    module_name, colon, name = path.partition(":")
    if not colon or not module_name or not name:
        raise ImportPathError(
            f"{path!r} ({needed_by}) is not an import path. Write it as 'package.module:name'."
        )
    module = import_module(module_name, needed_by=needed_by)
    try:
        return getattr(module, name)
    except AttributeError:
        known = [other for other in vars(module) if not other.startswith("_")]
        raise ImportPathError(
            f"The module {module_name!r} has no {name!r} ({needed_by}, import path {path!r})."
            f"{did_you_mean(name, known)}"
        ) from None


def import_module(name: str, *, needed_by: str) -> ModuleType:
    """Return the module called ``name``; a missing one is an :class:`ImportPathError`."""
    if name.startswith("."):
        raise ImportPathError(
            f"The module {name!r} ({needed_by}) is relative, and nothing says to what. Write its"
            f" full name, like 'package{name}'."
        )
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name != missing and not name.startswith(f"{missing}."):
            raise
        raise ImportPathError(
            f"There is no module {missing!r} ({needed_by}, import path {name!r})."
            f"{_similar_modules(missing)}"
        ) from None


def _similar_modules(missing: str) -> str:
    parent, _, _ = missing.rpartition(".")
    if not parent:
        return " Is the project's folder on the import path?"
    folders = getattr(importlib.import_module(parent), "__path__", [])
    return did_you_mean(
        missing, [f"{parent}.{info.name}" for info in pkgutil.iter_modules(folders)]
    )


def package_folder(name: str) -> Path:
    """Return the folder of a package or module; the current folder if there is none.

    The module may still be in the middle of its own import.
    """
    module = sys.modules.get(name)
    if module is not None:
        folders, file = getattr(module, "__path__", None), getattr(module, "__file__", None)
    elif (spec := _find_spec(name)) is not None:
        folders, file = spec.submodule_search_locations, spec.origin
    else:
        return Path.cwd()
    if folders:
        return Path(next(iter(folders))).resolve()
    return Path(file).resolve().parent if file else Path.cwd()


def _find_spec(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None


def broken_line(error: BaseException) -> str | None:
    """Return ``file:line`` of the project's code that raised ``error``, or led to it.

    That is the last line that is neither here, nor in Python's own library, nor in an installed
    one; if all of them are, the last line that is not here.
    """
    import sysconfig  # only for a message

    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    here = Path(__file__).parent
    lines = [
        (Path(frame.f_code.co_filename), line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not frame.f_code.co_filename.startswith("<")
    ]
    lines = [(file, line) for file, line in lines if not file.is_relative_to(here)]
    folders = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    project = [(file, line) for file, line in lines if not any(map(file.is_relative_to, folders))]
    for file, line in (project or lines)[-1:]:
        return f"{file}:{line}"
    return None
