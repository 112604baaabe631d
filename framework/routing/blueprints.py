"""A blueprint: one part of a site, with its prefix, rules, hooks, templates and static files."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from ..exceptions import RoutingError
from ..hooks import Hooks
from .rules import checked_session_use

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from werkzeug.routing import BaseConverter

    from .rules import Mount, Rule, SessionUse

Item: TypeAlias = "Rule | Mount | Blueprint"


class Blueprint(Hooks):
    """A part of a site. Its endpoints are called ``name.endpoint``, and blueprints nest.

    The rules are given as ``rules``, or stand in a module of their own named by ``urls``. With
    ``views``, a module, rules name functions of that module; blueprints inside inherit it.
    ``templates``, ``static`` and ``translations`` are folders, relative to the app's folder; the
    app's own templates and translations are looked up first, static files are served under
    ``prefix/static/``.

    ``subdomain`` and ``host`` are those of a rule, for all rules inside; a subdomain inside stands
    in front of the one around it. ``converters`` are for the patterns inside, by their name.
    ``session`` is that of a rule, too, for those inside that say nothing else.
    """

    def __init__(
        self,
        name: str,
        *,
        prefix: str = "",
        views: str | None = None,
        urls: str | None = None,
        rules: Sequence[Item] = (),
        templates: str | PathLike[str] | None = None,
        static: str | PathLike[str] | None = None,
        translations: str | PathLike[str] | None = None,
        subdomain: str | None = None,
        host: str | None = None,
        converters: Mapping[str, type[BaseConverter]] | None = None,
        session: SessionUse | None = None,
    ) -> None:
        super().__init__()
        if not name or "." in name:
            raise RoutingError(
                f"A blueprint cannot be called {name!r}: dots separate nested blueprints."
            )
        if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
            raise RoutingError(
                f"The prefix {prefix!r} of blueprint {name!r} must start with a slash and not end"
                " with one, like '/cart'."
            )
        if urls and rules:
            raise RoutingError(
                f"The blueprint {name!r} has both urls= and rules=; keep one of them."
            )
        if subdomain and host:
            raise RoutingError(
                f"The blueprint {name!r} has both subdomain= and host=; keep one of them."
            )
        self.name = name
        self.prefix = prefix
        self.views = views
        self.urls = urls
        self.rules = rules
        self.templates = templates
        self.static = static
        self.translations = translations
        self.subdomain = subdomain
        self.host = host
        self.converters = dict(converters or {})
        self.session: SessionUse | None = checked_session_use(f"blueprint {name!r}", session)

    def __repr__(self) -> str:
        return f"<Blueprint {self.name!r}>"
