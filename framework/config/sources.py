"""Where settings come from: code, the environment, files with secrets, and TOML.

A setting that cannot be used is a ``ValueError`` whose text names the setting and its source.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..suggestions import did_you_mean, is_misspelling

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from .declaration import Setting
    from .kinds import Kind

CONFIG_FILE = "CONFIG_FILE"
"""The environment variable that names the TOML file."""
CODE = "code"


class Given(NamedTuple):
    """A setting as one source gives it."""

    origin: str
    label: str
    """What a message calls it."""
    value: Any
    read: Callable[[Any], Any]


def find(
    declaration: Setting,
    kind: Kind,
    environ: Mapping[str, str],
    overrides: Mapping[str, Any],
    table: Mapping[str, tuple[str, Any]],
) -> Given | None:
    """Return what the first source that has a setting says."""
    if declaration.name in overrides:
        return Given(CODE, declaration.name, overrides[declaration.name], kind.from_object)
    variable, text = _from_environ(declaration, environ)
    if text is not None:
        return Given(variable, variable, text, kind.from_text)
    if declaration.name in table:
        file, value = table[declaration.name]
        return Given(file, f"{file}: {declaration.name}", value, kind.from_object)
    return None


def read(declaration: Setting, kind: Kind, given: Given) -> Any:
    """Return the value as its declared type; ``ValueError`` if it is not that, or is refused."""
    shown = f"{given.label}: {_shown(declaration, given.value)}"
    try:
        value = given.read(given.value)
    except ValueError:
        raise ValueError(f"{shown} is not {kind.name}.") from None
    check = declaration.check
    problem = check(value) if check is not None and value is not None else None
    if problem:
        raise ValueError(f"{shown}: {problem}.")
    return value


def _shown(declaration: Setting, value: object) -> str:
    return "the given value (a secret, not shown)" if declaration.secret else repr(value)


def unknown(key: str, known: Iterable[str], where: str = "") -> str:
    """Return the message for a key that is no setting; ``where`` it stands comes in front."""
    return f"{where}{key}: there is no such setting.{did_you_mean(key, known)}"


def read_toml(
    file: Path, known: Collection[str], problems: list[str]
) -> dict[str, tuple[str, Any]]:
    """Return the keys of a TOML file, each with where it stands; adds to ``problems``."""
    import tomllib

    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        problems.append(f"the configuration file {str(file)!r} cannot be read: {reason}.")
        return {}
    problems.extend(unknown(key, known, f"{file}: ") for key in table if key not in known)
    return {key: (str(file), value) for key, value in table.items()}


def _from_environ(declaration: Setting, environ: Mapping[str, str]) -> tuple[str, str | None]:
    """Return a variable and its text; that of a secret may stand in the file of another."""
    variable = declaration.name.upper()
    file_variable = f"{variable}_FILE"
    path = environ.get(file_variable) if declaration.secret else None
    if path is None:
        return variable, environ.get(variable)
    if variable in environ:
        raise ValueError(f"{variable} and {file_variable} are both set; keep one of them.")
    try:
        text = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise ValueError(f"{file_variable}: cannot read {path!r}: {reason}.") from None
    if not text.strip():
        raise ValueError(f"{file_variable}: the file {path!r} is empty.")
    return file_variable, text


def misspelled(environ: Mapping[str, str], declared: Iterable[Setting]) -> list[str]:
    """Return the variables that are nearly a setting, each with the one it resembles.

    Nothing can be said of the others: they belong to other programs.
    """
    known = {CONFIG_FILE}
    for declaration in declared:
        variable = declaration.name.upper()
        known |= {variable, f"{variable}_FILE"} if declaration.secret else {variable}
    variables = sorted(known)
    return [
        f"{name} (did you mean {variable}?)"
        for name in sorted(environ.keys() - known)
        for variable in variables
        if is_misspelling(name, variable)
    ]
