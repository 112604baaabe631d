"""From the command line, the environment and twofold.toml to a Deployment.

A setting has a path, as in `balancer.bind`; an error names the path and where the value came from.
"""

import difflib
import os
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import setting_checks as checks
from .balancer_settings import BALANCER_CHECKS, balancer_of
from .container_settings import CONTAINER_CHECKS, containers_of
from .deployment import BOOT_TIMEOUT, MIGRATE_TIMEOUT, SLO, Deployment, WarmUp
from .errors import SettingsError
from .observability import OBSERVABILITY_CHECKS, Metrics, logs_of
from .profiles import DEFAULT_GREENLETS, DEFAULT_THREADS, profile
from .swarm_settings import SWARM_CHECKS, swarm_of
from .targets import DEFAULT_TARGET, is_target

FILE_NAME = "twofold.toml"

# Which profile a number belongs to.
PROFILE_NUMBERS = {"threads": "threads", "greenlets": "greenlets"}

# Conventions of the field; everything else has a place in twofold.toml or an option.
ENVIRONMENT = {"workers": "WEB_CONCURRENCY", "redis_url": "REDIS_URL"}


@dataclass(frozen=True, slots=True)
class Value:
    """A value and where it came from."""

    value: Any
    origin: str


def load_deployment(
    directory: Path,
    overrides: Mapping[str, object],
    environ: Mapping[str, str] | None = None,
) -> Deployment:
    """The deployment of the project in `directory`.

    `overrides` maps paths of settings to the command line's values; None stands for an option
    that was not given. Command line before environment before twofold.toml before default; in
    twofold.toml the table env comes before the setting of the same meaning.
    """
    place = directory.absolute()
    directory = directory.resolve()
    if not directory.is_dir():
        raise SettingsError(f"{directory} is not a folder; --directory names the project's folder")
    from_file = _file_values(directory / FILE_NAME)
    environ = _without_empty(os.environ if environ is None else environ)
    from_environment = _environment_values(environ, "environment variable")
    from_command_line = _command_line_values(overrides)
    for layer in (from_file, from_environment, from_command_line):
        for path, value in layer.items():
            _check(path, value)
    values = {**from_file, **from_environment, **from_command_line}
    # The one setting where the layers add up. The nodes get the environment in any case, and with
    # it the names of files that hold a value, as secrets in containers do.
    in_file = {
        name: text
        for name, text in _get(from_file, "env", {}).items()
        if name not in environ and f"{name}_FILE" not in environ
    }
    env = _without_empty({**in_file, **_get(from_command_line, "env", {})})
    from_env = _environment_values(env, "[env]")
    for path, value in from_env.items():
        _check(path, value)
    # A secret with a place of its own: other variables are written into files that people share.
    env.pop(ENVIRONMENT["redis_url"], None)
    values |= {**from_env, **from_command_line}
    found = _deployment(directory, {**values, "env": Value(env, "")})
    given = {path: value.value for path, value in from_command_line.items()}
    return replace(found, place=place, given=given)


def named_target(directory: Path) -> str | None:
    """The target that the project's twofold.toml names, if there is one and it does."""
    value = _file_values(directory / FILE_NAME).get("target")
    if value is None:
        return None
    _check("target", value)
    return str(value.value)


def environment_variables(pairs: Iterable[str]) -> dict[str, str]:
    """What `--env KEY=VALUE` says, given any number of times; the value may be anything."""
    variables = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise SettingsError(f"--env {pair!r}: must be KEY=VALUE, as in --env STOCK_DELAY=0.1")
        variables[name] = value
    return variables


def _file_values(file: Path) -> dict[str, Value]:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from None
    return {path: Value(value, str(file)) for path, value in _flatten(table)}


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        path = prefix + key
        if path in GROUPS and isinstance(value, dict):
            yield from _flatten(value, f"{path}.")
        else:
            yield path, value


def _without_empty(environ: Mapping[str, str]) -> dict[str, str]:
    """A variable that is a setting counts as not set when it is empty."""
    settings = ENVIRONMENT.values()
    return {name: text for name, text in environ.items() if text or name not in settings}


def _environment_values(environ: Mapping[str, str], origin: str) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for path, variable in ENVIRONMENT.items():
        text = environ.get(variable)
        if text:
            value = int(text) if text.isdecimal() else text
            values[path] = Value(value, f"{origin} {variable}")
    return values


def _command_line_values(overrides: Mapping[str, object]) -> dict[str, Value]:
    origin = "command line"
    return {path: Value(value, origin) for path, value in overrides.items() if value is not None}


def _check(path: str, value: Value) -> None:
    check = CHECKS.get(path)
    if check is None:
        raise SettingsError(f"{value.origin}: {path}: unknown key{_suggestion(path)}")
    problem = check(value.value)
    if problem:
        shown = "" if path in SECRETS else f" = {value.value!r}"
        raise SettingsError(f"{value.origin}: {path}{shown}: {problem}")


def _suggestion(path: str) -> str:
    known = [*CHECKS, *(f"[{group}]" for group in GROUPS)]
    close = difflib.get_close_matches(path, known, n=1, cutoff=0.6)
    if not close:
        close = [name for name in CHECKS if name.rpartition(".")[2] == path.rpartition(".")[2]]
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known keys are {', '.join(CHECKS)}"


def _get(values: Mapping[str, Value], path: str, default: Any) -> Any:
    return values[path].value if path in values else default


def _deployment(directory: Path, values: Mapping[str, Value]) -> Deployment:
    def get(path: str, default: Any = None) -> Any:
        return _get(values, path, default)

    app = get("app")
    if app is None:
        raise SettingsError(
            f"no app: name its import string, as in `twofold up shop:app`, or set "
            f'`app = "shop:app"` in {directory / FILE_NAME}'
        )
    slo = SLO(float(get("slo.response_time", SLO().response_time)))
    profile_name = get("profile", "threads")
    _refuse_number_of_other_profile(profile_name, values)
    return Deployment(
        name=get("name", app.partition(":")[0].partition(".")[0][:32]),
        app=app,
        directory=directory,
        nodes=get("nodes", 2),
        workers=get("workers", 2),
        profile=profile(
            profile_name,
            threads=get("threads", DEFAULT_THREADS),
            greenlets=get("greenlets", DEFAULT_GREENLETS),
            fast_workers=get("fast_workers", True),
        ),
        slo=slo,
        balancer=balancer_of(get, directory, slo),
        logs=logs_of(get),
        metrics=Metrics(get("metrics.bind")),
        cpus=None if get("cpus") is None else float(get("cpus")),
        target=get("target", DEFAULT_TARGET),
        readiness_path=get("readiness_path", "/readyz"),
        boot_timeout=float(get("boot_timeout", BOOT_TIMEOUT)),
        migrate=get("migrate"),
        migrate_timeout=float(get("migrate_timeout", MIGRATE_TIMEOUT)),
        warm_up=WarmUp(
            paths=tuple(get("warm_up.paths", ())),
            requests=get("warm_up.requests", WarmUp().requests),
        ),
        containers=containers_of(get),
        swarm=swarm_of(get),
        redis_url=get("redis_url"),
        env=get("env"),
        loadtests=get("loadtests", {}),
        kubernetes=get("kubernetes", {}),
        origins={path: value.origin for path, value in values.items() if value.origin},
    )


def _refuse_number_of_other_profile(profile_name: str, values: Mapping[str, Value]) -> None:
    # twofold.toml may hold the numbers of every profile; an option that does nothing is a mistake.
    for path, owner in PROFILE_NUMBERS.items():
        given = values.get(path)
        if given and given.origin == "command line" and owner != profile_name:
            raise SettingsError(
                f"command line: {path} = {given.value!r} is a number of the profile {owner!r}, "
                f"and this deployment uses {profile_name!r}; add --profile {owner} or leave it out"
            )


CHECKS: dict[str, Callable[[object], str | None]] = {
    "app": checks.is_app,
    "name": checks.is_name,
    "nodes": checks.is_positive,
    "workers": checks.is_positive,
    "cpus": checks.is_cpus,
    "profile": checks.is_profile,
    "threads": checks.is_positive,
    "greenlets": checks.is_positive,
    "fast_workers": checks.is_flag,
    "target": is_target,
    "readiness_path": checks.is_path,
    "redis_url": checks.is_text,
    **BALANCER_CHECKS,
    **OBSERVABILITY_CHECKS,
    **CONTAINER_CHECKS,
    **SWARM_CHECKS,
    "slo.response_time": checks.is_seconds,
    "boot_timeout": checks.is_seconds,
    "migrate": checks.is_command,
    "migrate_timeout": checks.is_seconds,
    "warm_up.paths": checks.are_paths,
    "warm_up.requests": checks.is_positive,
    "env": checks.is_environment,
    "loadtests": checks.is_table,
    "kubernetes": checks.is_table,
}
GROUPS = ("balancer", "balancer.tls", "containers", "logs", "metrics", "slo", "swarm", "warm_up")
SECRETS = ("redis_url", "env")
