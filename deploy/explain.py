"""A node's gunicorn settings as text: what each is, why, and what the environment changed."""

import shlex
import textwrap
from argparse import ArgumentError
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gunicorn.config import Config

from .errors import SettingsError
from .gunicorn.slots import mismatch
from .profiles import Setting

COMMAND_ARGUMENTS = "GUNICORN_CMD_ARGS"
WIDTH = 96
LONGEST_VALUE = 24


def explain(settings: Iterable[Setting], environ: Mapping[str, str]) -> list[Setting]:
    """The settings, and over them those in GUNICORN_CMD_ARGS, which gunicorn lets win."""
    given = _command_arguments(environ)
    explained = []
    for setting in settings:
        value, reason = setting.value, setting.reason
        if setting.name in given:
            reason = f"{COMMAND_ARGUMENTS}, in place of {_shown(value)}: {reason}"
            value = given.pop(setting.name)
        explained.append(Setting(setting.name, value, reason))
    return explained + [
        Setting(name, value, COMMAND_ARGUMENTS) for name, value in sorted(given.items())
    ]


def conflict(explained: Iterable[Setting], *, shared: bool) -> str | None:
    """Why a node with these settings would not start, or None.

    `shared`: all workers are to accept from the one address there is.
    """
    values: dict[str, Any] = {setting.name: setting.value for setting in explained}
    problem = mismatch(
        values["workers"], len(values["bind"]), shared=shared, reuse_port=values["reuse_port"]
    )
    return problem and f"environment variable {COMMAND_ARGUMENTS}: {problem}"


def table(explained: Iterable[Setting]) -> str:
    """Three columns, the last wrapped."""
    rows = list(explained)
    names = max(len(row.name) for row in rows)
    return "\n".join(line for row in rows for line in _lines(row, names))


def _lines(row: Setting, names: int) -> Iterator[str]:
    value = _shown(row.value)
    left = f"{row.name:<{names}}  {value:<{LONGEST_VALUE}}  "
    margin = names + LONGEST_VALUE + 4
    reason = textwrap.wrap(row.reason, WIDTH - margin)
    if len(value) > LONGEST_VALUE:
        yield left.rstrip()
    else:
        yield left + reason.pop(0)
    yield from (" " * margin + line for line in reason)


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return repr(value) if value == "" else str(value)


def _command_arguments(environ: Mapping[str, str]) -> dict[str, Any]:
    text = environ.get(COMMAND_ARGUMENTS, "")
    parser = Config().parser()
    # Or it prints its usage.
    parser.exit_on_error = False
    try:
        found, unknown = parser.parse_known_args(shlex.split(text))
    except (ValueError, ArgumentError, SystemExit) as error:
        raise SettingsError(
            f"environment variable {COMMAND_ARGUMENTS} = {text!r}: gunicorn does not take this: "
            f"{error}"
        ) from None
    if unknown:
        raise SettingsError(
            f"environment variable {COMMAND_ARGUMENTS}: gunicorn has no {' '.join(unknown)}"
        )
    return {name: value for name, value in vars(found).items() if value not in (None, [])}
