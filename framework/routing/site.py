"""A site: the tree of blueprints and rules that a URL module holds, spread out into one list."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

from ..exceptions import RoutingError
from ..imports import import_module, import_object
from .blueprints import Blueprint
from .redirects import Redirect
from .rules import Endpoint, Mount, PlacedRule, Rule

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from werkzeug.routing import BaseConverter

    from .._typing import View
    from .blueprints import Item
    from .rules import SessionUse


class Site:
    """The items of a URL module and its blueprints, spread out into one list of rules.

    ``folder`` is what the folders of blueprints are relative to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rules: list[PlacedRule] = []
        self.blueprints: dict[str, tuple[Blueprint, ...]] = {}
        """For each blueprint by its full name: itself and those around it, the outermost first."""

    @classmethod
    def load(cls, urls: str | Sequence[Item], folder: Path, *, static: Sequence[Rule] = ()) -> Site:
        """Spread out ``urls``, a list or the import path of one, after the rules ``static``."""
        site = cls(folder)
        site._add(static, _Place())
        modules = (urls,) if isinstance(urls, str) else ()
        place = _Place(url_modules=modules)
        site._add(load_urls(urls, needed_by="the URLs of the app"), place)
        return site

    def _add(self, items: Sequence[Item], place: _Place) -> None:
        where = f"blueprint {place.name!r}" if place.name else "the app"
        if not _is_list(items):
            raise RoutingError(
                f"The rules of {where} are {reprlib.repr(items)}. They have to be a list of Rule,"
                " Blueprint and Mount; a module that has one is named by urls=."
            )
        for item in items:
            if isinstance(item, Rule):
                self.rules.append(place.rule(item))
            elif isinstance(item, Mount):
                self.rules.append(place.mount(item))
            elif isinstance(item, Blueprint):
                self._add_blueprint(item, place.inside(item))
            else:
                raise RoutingError(
                    f"{item!r} cannot be part of a URL list (of {where}): it takes Rule, Blueprint"
                    " and Mount."
                )

    def _add_blueprint(self, blueprint: Blueprint, place: _Place) -> None:
        if place.name in self.blueprints:
            raise RoutingError(
                f"Two blueprints are called {place.name!r}, at {blueprint.prefix!r} and at"
                f" {self.blueprints[place.name][-1].prefix!r}. Remove one of them, or give it"
                " another name."
            )
        self.blueprints[place.name] = place.blueprints
        rules = blueprint.rules
        if blueprint.urls:
            if blueprint.urls in place.url_modules:
                raise RoutingError(
                    f"The blueprint {place.name!r} takes its rules from {blueprint.urls!r}, which"
                    " it stands in itself. Name another module as its urls=."
                )
            place = place._replace(url_modules=(*place.url_modules, blueprint.urls))
            rules = load_urls(blueprint.urls, needed_by=f"blueprint {place.name!r}")
        if blueprint.static is not None:
            folder = self.folder / blueprint.static
            if not folder.is_dir():
                raise RoutingError(
                    f"The blueprint {place.name!r} has static={str(blueprint.static)!r}, and there"
                    f" is no folder {str(folder)!r}. It is relative to the app's folder."
                )
            from ..static_files import StaticFiles

            files = StaticFiles(folder)
            self._add([Rule("/static/<path:filename>", files, endpoint="static")], place)
        self._add(rules, place)


class _Place(NamedTuple):
    """Where in the tree of blueprints an item stands."""

    name: str = ""
    prefix: str = ""
    views: str | None = None
    blueprints: tuple[Blueprint, ...] = ()
    url_modules: tuple[str, ...] = ()
    """The URL modules that are being read, to notice one that contains itself."""
    subdomain: str = ""
    host: str | None = None
    converters: Mapping[str, type[BaseConverter]] = {}
    session: SessionUse | None = None

    def inside(self, blueprint: Blueprint) -> _Place:
        subdomain, host = self._domain(blueprint)
        return _Place(
            name=self._endpoint_name(blueprint.name),
            prefix=self.prefix + blueprint.prefix,
            views=blueprint.views or self.views,
            blueprints=(*self.blueprints, blueprint),
            url_modules=self.url_modules,
            subdomain=subdomain,
            host=host,
            converters={**self.converters, **blueprint.converters},
            session=blueprint.session or self.session,
        )

    def _domain(self, item: Rule | Blueprint) -> tuple[str, str | None]:
        if item.host:
            return "", item.host
        inner = item.subdomain or ""
        return ".".join(part for part in (inner, self.subdomain) if part), self.host

    def rule(self, rule: Rule) -> PlacedRule:
        endpoint = Endpoint(
            name=self._endpoint_name(rule.endpoint or _view_name(rule)),
            target=self._view_path(rule),
            blueprint=self.name or None,
            exclusive_session=(rule.session or self.session) == "exclusive",
            # A view that is an object, like StaticFiles, may add values to its own URLs.
            url_values=getattr(rule.view, "url_values", None),
        )
        methods = rule.methods if rule.methods or rule.redirect_to else ("GET",)
        subdomain, host = self._domain(rule)
        return PlacedRule(
            self._path(rule.path) or "/",
            endpoint,
            frozenset(methods) if methods else None,
            rule.defaults,
            rule.strict_slashes,
            rule.merge_slashes,
            subdomain,
            host,
            self.converters,
        )

    def mount(self, mount: Mount) -> PlacedRule:
        prefix = self._path(mount.path.rstrip("/"))
        default_name = mount.path.strip("/").replace("/", "_").replace(".", "_") or "mount"
        endpoint = Endpoint(
            name=self._endpoint_name(mount.endpoint or default_name),
            target=mount.app,
            blueprint=self.name or None,
            is_mount=True,
            url_values=_with_mounted_path,
        )
        rest = "<_mounted:mounted_path>" if prefix else "/<_root_mounted:mounted_path>"
        return PlacedRule(
            prefix + rest,
            endpoint,
            methods=None,
            subdomain=self.subdomain,
            host=self.host,
            converters=self.converters,
        )

    def _path(self, path: str) -> str:
        if path and not path.startswith("/"):
            raise RoutingError(f"The path {path!r} must start with a slash: '/{path}'.")
        return self.prefix + path

    def _endpoint_name(self, name: str) -> str:
        if "." in name:
            raise RoutingError(
                f"The endpoint {name!r} has a dot in it. Dots come from blueprints; put the rule"
                " into one."
            )
        return f"{self.name}.{name}" if self.name else name

    def _view_path(self, rule: Rule) -> View | str:
        if rule.view is None:
            return Redirect(rule.redirect_to or "")
        if not isinstance(rule.view, str) or ":" in rule.view:
            return rule.view
        if self.views is None:
            raise RoutingError(
                f"The view {rule.view!r} of {rule.path!r} names no module. Write"
                f" 'package.module:{rule.view}', or put the rule into a blueprint with views=."
            )
        return f"{self.views}:{rule.view}"


def _with_mounted_path(values: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"mounted_path": "", **values}


def _view_name(rule: Rule) -> str:
    if rule.view is None:
        return f"redirect {rule.path.replace('.', '_')}"
    if isinstance(rule.view, str):
        return rule.view.rpartition(":")[2]
    name: str = getattr(rule.view, "__name__", "<nameless>")
    if not name.isidentifier():
        raise RoutingError(
            f"The view of {rule.path!r}, {rule.view!r}, has no name to use as its endpoint."
            " Give the rule an endpoint=."
        )
    return name


def load_urls(urls: str | Sequence[Item], *, needed_by: str) -> Sequence[Item]:
    """Return a URL list; a module's list is called ``urls`` unless ``module:name`` says else."""
    if not isinstance(urls, str):
        return urls
    if ":" in urls:
        found: Any = import_object(urls, needed_by=needed_by)
        if not _is_list(found):
            raise RoutingError(
                f"{urls!r} ({needed_by}) is {reprlib.repr(found)}. It has to be a list of Rule,"
                " Blueprint and Mount."
            )
        return found
    module = import_module(urls, needed_by=needed_by)
    found = getattr(module, "urls", None)
    if not _is_list(found):
        lists = [name for name, value in vars(module).items() if name[0] != "_" and _is_list(value)]
        other = f" Or did you mean '{urls}:{lists[0]}'?" if len(lists) == 1 else ""
        raise RoutingError(
            f"The module {urls!r} ({needed_by}) has no list called 'urls' with the rules. Write"
            f" urls = [Rule(...), ...] in it.{other}"
        )
    return found


def _is_list(value: object) -> TypeGuard[Sequence[Item]]:
    return isinstance(value, Sequence) and not isinstance(value, str)
