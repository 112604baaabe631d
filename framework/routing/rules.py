"""What a URL list holds, and what becomes of it in the URL map.

A rule joins a URL pattern to a view. Its endpoint, the dotted name of the view, is what the rest
of the app calls it by.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ..exceptions import RoutingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from werkzeug.routing import BaseConverter

    from .._typing import View, WSGIApplication

SessionUse = Literal["shared", "exclusive"]


class Rule:
    """A URL pattern and the view that answers it.

    The view is a function or its import path, ``package.module:function``; in a blueprint that
    has ``views`` the function's name is enough. The endpoint is the function's name unless given.
    The methods are ``GET`` unless given; ``HEAD`` comes with ``GET``, and ``OPTIONS`` is answered
    by the app unless named. ``defaults`` are arguments for the view that are not in the URL.

    ``redirect_to`` takes the place of a view: an endpoint, which gets the values of the URL, or a
    URL in which ``<name>`` stands for one of them. It answers every method unless some are given,
    with a 308 that keeps the query.

    ``subdomain`` puts the rule on a subdomain of the site, ``host`` on a host of its own, port
    included; both may have variables. The other rules answer on every other host. The site's own
    host is that of the setting ``public_url``, which has to be set then.

    With ``session="exclusive"`` the requests of one visitor for such rules run one after another,
    from the first use of ``request.session`` until it is saved. ``"shared"`` undoes that in a
    blueprint that has it. It needs sessions in Redis.
    """

    def __init__(
        self,
        path: str,
        view: View | str | None = None,
        *,
        endpoint: str | None = None,
        methods: Iterable[str] | None = None,
        defaults: Mapping[str, Any] | None = None,
        strict_slashes: bool | None = None,
        merge_slashes: bool | None = None,
        subdomain: str | None = None,
        host: str | None = None,
        redirect_to: str | None = None,
        session: SessionUse | None = None,
    ) -> None:
        if (view is None) == (redirect_to is None):
            raise RoutingError(
                f"The rule {path!r} needs either a view or redirect_to=, and has"
                f" {'neither' if view is None else 'both'}."
            )
        if subdomain and host:
            raise RoutingError(
                f"The rule {path!r} has both subdomain= and host=; keep one of them."
            )
        self.path = path
        self.view = view
        self.endpoint = endpoint
        self.methods = None if methods is None else _methods(path, methods)
        self.defaults = defaults
        self.strict_slashes = strict_slashes
        self.merge_slashes = merge_slashes
        self.subdomain = subdomain
        self.host = host
        self.redirect_to = redirect_to
        self.session: SessionUse | None = checked_session_use(f"rule {path!r}", session)

    def __repr__(self) -> str:
        return f"<Rule {self.path!r}>"


def checked_session_use(where: str, use: SessionUse | None) -> SessionUse | None:
    """Return ``use``, what ``where`` says about sessions, if it is something that can be said."""
    if use not in (None, "shared", "exclusive"):
        raise RoutingError(
            f"The {where} has session={use!r}. Write 'exclusive', 'shared' or nothing."
        )
    return use


def _methods(path: str, methods: object) -> tuple[str, ...]:
    if isinstance(methods, str):
        raise RoutingError(
            f"The methods of {path!r} are the text {methods!r}."
            f" Write them as a list: methods=[{methods!r}]."
        )
    names = tuple(methods) if isinstance(methods, Iterable) else ()
    if not names or not all(isinstance(name, str) for name in names):
        raise RoutingError(
            f"The methods of {path!r} are {methods!r}. Write at least one as text:"
            " methods=['GET', 'POST']."
        )
    return tuple(name.upper() for name in names)


class Mount:
    """Any WSGI app, or its import path, at a prefix of its own.

    It gets every URL under the prefix that no rule matches, with ``SCRIPT_NAME`` and
    ``PATH_INFO`` as if it were alone there. ``url_for`` takes the rest of the path as
    ``mounted_path``. One that is an ``App`` itself starts and stops with the worker.
    """

    def __init__(
        self, path: str, app: WSGIApplication | str, *, endpoint: str | None = None
    ) -> None:
        self.path = path
        self.app = app
        self.endpoint = endpoint

    def __repr__(self) -> str:
        return f"<Mount {self.path!r}>"


class Endpoint:
    """A name in the URL map: where its view is, and the blueprint it belongs to."""

    def __init__(
        self,
        name: str,
        target: View | WSGIApplication | str,
        blueprint: str | None = None,
        *,
        is_mount: bool = False,
        exclusive_session: bool = False,
        url_values: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
    ) -> None:
        self.name = name
        self.target = target
        """The view, or the app of a mount; or its import path."""
        self.blueprint = blueprint
        self.is_mount = is_mount
        self.exclusive_session = exclusive_session
        self.url_values = url_values
        """Adds values when a URL for this endpoint is built."""
        self.view: View | None = None
        """The view, once it is loaded."""

    def __repr__(self) -> str:
        return f"<Endpoint {self.name!r}>"


class PlacedRule(NamedTuple):
    """A rule with its full path and endpoint, after the blueprints around it are applied."""

    path: str
    endpoint: Endpoint
    methods: frozenset[str] | None
    defaults: Mapping[str, Any] | None = None
    strict_slashes: bool | None = None
    merge_slashes: bool | None = None
    subdomain: str = ""
    host: str | None = None
    """The host that the subdomain is one of; ``None`` for the site's own."""
    converters: Mapping[str, type[BaseConverter]] = {}


class Match(NamedTuple):
    """What a request's URL leads to."""

    endpoint: Endpoint
    arguments: dict[str, Any]
    allowed: tuple[str, ...] | None = None
    """The methods to name in ``Allow``; only for ``OPTIONS`` that no rule answers."""
