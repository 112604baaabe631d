"""`routes`: the URL map, and whether every view in it can be imported."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ..exceptions import ImportPathError, SetupError
from ..imports import broken_line
from ..routing.redirects import Redirect
from ..routing.url_map import shown_pattern
from .target import app_argument, load_app

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..app import App
    from ..routing.rules import Endpoint


class MapError(click.ClickException):
    """The URL map cannot be made; wrong set-up of the app, so the exit code is 2."""

    exit_code = 2


@dataclass(frozen=True)
class Route:
    """A rule as it is printed."""

    methods: tuple[str, ...]
    """Empty for a mount or a redirect, which take every method."""
    rule: str
    endpoint: str
    view: str
    blueprint: str | None


@dataclass(frozen=True)
class Failure:
    """A view that cannot be loaded."""

    endpoint: str
    view: str
    error: str
    line: str | None
    """The file and line of the import or statement that broke."""


@click.command()
@app_argument
@click.option("--filter", "text", metavar="TEXT", help="Only rules with TEXT in any column.")
@click.option(
    "--sort",
    type=click.Choice(["url", "endpoint"]),
    default="url",
    show_default=True,
    help="What the rules are ordered by.",
)
@click.option("--resolve", is_flag=True, help="Import every view; exit 1 if one fails.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def routes(app: str, text: str | None, sort: str, resolve: bool, as_json: bool) -> None:
    """Print the URL map of APP: method, rule, endpoint, view, blueprint.

    No view is imported for it, so one that is broken hides nothing. With --resolve all of them
    are, and each one that fails is reported with the line that broke.
    """
    loaded = load_app(app)
    found = list_routes(loaded)
    if text is not None:
        found = [route for route in found if _contains(route, text)]
    found.sort(key=lambda route: (getattr(route, "rule" if sort == "url" else sort), route.methods))
    endpoints = dict.fromkeys(route.endpoint for route in found)
    failures = None
    if resolve:
        failures = resolve_views(loaded, [loaded.url_map.endpoints[name] for name in endpoints])
    if as_json:
        _print_json(found, failures)
    elif failures is None:
        _print_table(found)
    else:
        _print_failures(failures, len(endpoints))
    if failures:
        raise click.exceptions.Exit(1)


def list_routes(app: App) -> list[Route]:
    """Return the rules of ``app`` without importing a view."""
    try:
        url_map = app.url_map
    except SetupError as error:
        raise MapError(str(error)) from None
    found = []
    for rule in url_map.map.iter_rules():
        endpoint = url_map.endpoints[rule.endpoint]
        methods = tuple(sorted(rule.methods or ()))
        name, view = endpoint.name, shown_view(endpoint)
        found.append(Route(methods, shown_pattern(rule), name, view, endpoint.blueprint))
    return found


def shown_view(endpoint: Endpoint) -> str:
    """Return the import path of a view or mounted app; a function's as it would be written."""
    target: Any = endpoint.target
    if isinstance(target, str):
        return target
    if isinstance(target, Redirect):
        return f"-> {target.location}"
    owner = target if hasattr(target, "__qualname__") else type(target)
    return f"{owner.__module__}:{owner.__qualname__}"


def resolve_views(app: App, endpoints: Sequence[Endpoint]) -> list[Failure]:
    """Import the views of ``endpoints`` and return those that fail."""
    failures = []
    for endpoint in endpoints:
        try:
            app.views.load(endpoint)
        except (Exception, SystemExit) as error:
            message, line = f"{type(error).__name__}: {error}", broken_line(error)
            if isinstance(error, ImportPathError):
                message, line = str(error), None
            failures.append(Failure(endpoint.name, shown_view(endpoint), message, line))
    return failures


def _contains(route: Route, text: str) -> bool:
    columns = [*route.methods, route.rule, route.endpoint, route.view, route.blueprint or ""]
    return any(text.lower() in column.lower() for column in columns)


def _print_table(found: Sequence[Route]) -> None:
    rows = [("METHOD", "RULE", "ENDPOINT", "VIEW", "BLUEPRINT")]
    for route in found:
        # HEAD comes with every GET and would only be read past.
        methods = [name for name in route.methods if name != "HEAD" or "GET" not in route.methods]
        columns = (route.rule, route.endpoint, route.view, route.blueprint or "-")
        rows.append(("|".join(methods) or "any", *columns))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


def _print_failures(failures: Sequence[Failure], count: int) -> None:
    for failure in failures:
        click.echo(f"{failure.endpoint}  {failure.view}")
        if failure.line:
            click.echo(f"  {failure.line}")
        click.echo(f"  {failure.error}")
    if failures:
        click.echo(f"{len(failures)} of {count} views cannot be loaded.")
    else:
        click.echo(f"All {count} views can be loaded.")


def _print_json(found: Sequence[Route], failures: Sequence[Failure] | None) -> None:
    answer: dict[str, Any] = {"routes": [dataclasses.asdict(route) for route in found]}
    if failures is not None:
        answer["failures"] = [dataclasses.asdict(failure) for failure in failures]
    click.echo(json.dumps(answer, indent=2))
