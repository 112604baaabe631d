"""`new`: writes a project that runs, tests and deploys as it is."""

from __future__ import annotations

import importlib.util
import keyword
import os
import re
import shutil
import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path

import click

from .. import scaffold

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST_NAME = 32
PACKAGE = __name__.rpartition(".commands.")[0]


class NewError(click.ClickException):
    """The project cannot be written as asked; exit code 2."""

    exit_code = 2


@click.command()
@click.argument("name")
@click.pass_context
def new(context: click.Context, name: str) -> None:
    """Write a new project into the folder NAME, with an app of that name.

    It has pages, a blueprint, tests, load tests, and what it takes to run it on several nodes.
    """
    problem = name_problem(name)
    if problem:
        raise NewError(f"{name!r} cannot be the name of the app: {problem}")
    target = Path.cwd() / name
    if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
        raise NewError(
            f"{target} is there already. Choose another name, or move it away first;"
            " an empty folder is fine."
        )
    command = context.find_root().info_name or PACKAGE
    try:
        write_project(target, command=command)
    except OSError as error:
        raise NewError(
            f"{target} cannot be written: {error.strerror}. Nothing was left behind."
        ) from None
    click.echo(next_steps(name, command))


def name_problem(name: str) -> str | None:
    """Say why there can be no app of this name, or return ``None``."""
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        return (
            "it becomes a Python package, a deployment and a Docker image, so it is a word of at"
            f" most {LONGEST_NAME} lower-case letters, digits and underscores, as in"
            f" {possible_name(name)!r}."
        )
    if keyword.iskeyword(name):
        return "it is a keyword of Python."
    if name in sys.stdlib_module_names:
        return f"the app would hide Python's own module {name!r} from everything that imports it."
    if name in scaffold.top_level_names():
        return f"the project has another {name!r} beside the package."
    place = installed_at(name)
    if place:
        return f"a package of that name is installed ({place}), and one would hide the other."
    return None


def possible_name(name: str) -> str:
    """Return a name like ``name`` that has the right form."""
    words = re.findall(r"[a-z0-9]+", name.lower())
    return "_".join(words).lstrip("0123456789_")[:LONGEST_NAME].rstrip("_") or "my_app"


def installed_at(name: str) -> str | None:
    """Return where a package is installed, unless that is the folder a project would go to."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        return None
    places = [spec.origin] if spec.origin else list(spec.submodule_search_locations or ())
    here = Path.cwd() / name
    return next(
        (place for place in places if here not in (Path(place), *Path(place).parents)), None
    )


def write_project(target: Path, *, command: str) -> None:
    """Write all files, or none: they get their place when the last one is there."""
    values = {
        "name": target.name,
        "image": target.name.replace("_", "-"),
        "package": PACKAGE,
        "distribution": distribution_name() or command,
        "command": command,
    }
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        for path, text in scaffold.files(values):
            file = work / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        work.chmod(0o777 & ~current_umask())
        work.rename(target)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def distribution_name() -> str | None:
    """Return the name of the distribution this command was installed with."""
    for distribution in distributions():
        if any(point.module == __name__ for point in distribution.entry_points):
            return distribution.name
    return None


def current_umask() -> int:
    """Return the permissions that new files do not get."""
    umask = os.umask(0)
    os.umask(umask)
    return umask


def next_steps(name: str, command: str) -> str:
    """Say what to do with the new project."""
    steps = {
        f"cd {name}": "",
        f"{command} run": "for development, on http://127.0.0.1:5000",
        "python -m pytest": "its tests",
        f"{command} up --nodes 2": "two nodes behind a balancer, on http://127.0.0.1:8000",
        f"{command} verify --nodes 1,2": "how throughput grows with the nodes",
    }
    width = max(map(len, steps))
    lines = [f"  {step:{width}}   {what}".rstrip() for step, what in steps.items()]
    return "\n".join([f"Wrote {name}. Next:", "", *lines])
