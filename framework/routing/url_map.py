"""The URL map: a thin layer over Werkzeug's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from werkzeug import routing as werkzeug_routing
from werkzeug.exceptions import BadRequest, MethodNotAllowed
from werkzeug.routing import Map, MapAdapter

from ..exceptions import RoutingError, URLBuildError
from ..lenient import query_text
from ..suggestions import is_misspelling
from .conflicts import pattern_of, refuse_taken
from .converters import MOUNT_CONVERTERS, ConvertingRule
from .endpoint_names import absolute_endpoint, nearest_endpoint
from .redirects import Redirect
from .rules import Endpoint, Match, PlacedRule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from werkzeug.routing import BaseConverter

    from ..wrappers import Request


class URLMap:
    """All rules of an app. Matches requests to endpoints and builds URLs for them.

    ``map``, Werkzeug's, holds all there is to know about the rules; it matches hosts only if a
    rule has one. ``public_url`` tells the site's own host.
    """

    def __init__(
        self,
        rules: Iterable[PlacedRule],
        converters: Mapping[str, type[BaseConverter]] | None = None,
        public_url: str | None = None,
        *,
        strict_slashes: bool = True,
        merge_slashes: bool = True,
        redirect_defaults: bool = True,
    ) -> None:
        rules = list(rules)
        self.site_host = urlsplit(public_url).netloc.lower() if public_url else ""
        on_hosts = next((rule for rule in rules if rule.subdomain or rule.host), None)
        if on_hosts is not None and not self.site_host:
            raise RoutingError(
                f"The rule {on_hosts.path!r} (endpoint {on_hosts.endpoint.name!r}) is on a host or"
                " subdomain of its own, so the app has to know which host is the site's. Set"
                " PUBLIC_URL, like https://example.org."
            )
        self.map = Map(
            converters={**(converters or {}), **MOUNT_CONVERTERS},
            sort_parameters=True,
            host_matching=on_hosts is not None,
            strict_slashes=strict_slashes,
            merge_slashes=merge_slashes,
            redirect_defaults=redirect_defaults,
        )
        self.endpoints: dict[str, Endpoint] = {}
        self._hosts = Map(host_matching=True)
        known_hosts: set[str] = set()
        taken: dict[tuple[str, str], list[PlacedRule]] = {}
        for rule in rules:
            host = self._host(rule) if self.map.host_matching else None
            self._add(rule, host, taken)
            if host is not None and host not in known_hosts:
                known_hosts.add(host)
                self._hosts.add(
                    ConvertingRule("/", converters=self._converters(rule), endpoint="", host=host)
                )
        self._check_redirects()
        self._only_rules = {} if on_hosts is not None else self._find_only_rules()

    def _converters(self, rule: PlacedRule) -> Mapping[str, type[BaseConverter]]:
        return {**self.map.converters, **rule.converters}

    def _host(self, rule: PlacedRule) -> str:
        host = rule.host or self.site_host
        return f"{rule.subdomain}.{host}" if rule.subdomain else host

    def _add(
        self, rule: PlacedRule, host: str | None, taken: dict[tuple[str, str], list[PlacedRule]]
    ) -> None:
        endpoint = rule.endpoint
        known = self.endpoints.setdefault(endpoint.name, endpoint)
        if known.target != endpoint.target:
            raise RoutingError(
                f"The endpoint {endpoint.name!r} stands for two views: {known.target!r} and, at"
                f" {rule.path!r}, {endpoint.target!r}. Give one of the rules another endpoint=."
            )
        if known.exclusive_session != endpoint.exclusive_session:
            raise RoutingError(
                f"The endpoint {endpoint.name!r} has session='exclusive' at one of its URLs and not"
                f" at {rule.path!r}. Write the same for all, or give them different endpoint=."
            )
        same_url = taken.setdefault((pattern_of(host or ""), pattern_of(rule.path)), [])
        refuse_taken(rule, same_url)
        same_url.append(rule)
        try:
            self.map.add(
                ConvertingRule(
                    rule.path,
                    converters=rule.converters,
                    endpoint=endpoint.name,
                    methods=rule.methods,
                    defaults=rule.defaults,
                    strict_slashes=rule.strict_slashes,
                    merge_slashes=rule.merge_slashes,
                    host=host,
                )
            )
        except (RoutingError, ValueError, LookupError, SyntaxError, TypeError) as error:
            raise RoutingError(
                f"The rule {rule.path!r} (endpoint {endpoint.name!r}) cannot be used: {error}"
            ) from error

    def _check_redirects(self) -> None:
        for rule in self.map.iter_rules():
            endpoint = self.endpoints[rule.endpoint]
            target = endpoint.target
            if not isinstance(target, Redirect):
                continue
            if target.is_url:
                missing = target.placeholders - rule.arguments
                problem = f"its URL has no {', '.join(sorted(missing))}." if missing else None
            else:
                name = absolute_endpoint(target.location, endpoint.blueprint)
                problem = self._build_problem(name, dict.fromkeys(rule.arguments, ""))
            if problem:
                raise RoutingError(
                    f"The rule {rule.rule!r} cannot redirect to {target.location!r}: {problem}"
                )

    def _find_only_rules(self) -> dict[str, werkzeug_routing.Rule]:
        """Return, by endpoint, the rules without defaults that are the only ones of theirs."""
        found = {name: list(self.map.iter_rules(name)) for name in self.endpoints}
        only = {name: rules[0] for name, rules in found.items() if len(rules) == 1}
        return {name: rule for name, rule in only.items() if not rule.defaults}

    def bind(self, request: Request) -> MapAdapter:
        """Return Werkzeug's adapter for a request; ``BadRequest`` for a host that cannot be.

        Where hosts matter, one that no rule names counts as the site's own.
        """
        host = request.host
        if not host and request.headers.get("Host"):
            # Werkzeug leaves out what has other characters than a host; a server has to refuse it
            # (RFC 9112, section 3.2).
            raise BadRequest("The Host header of the request is not a host.")
        if self.map.host_matching and not self._hosts.bind(host).test("/"):
            host = self.site_host
        return self.map.bind(
            server_name=host,
            script_name=request.root_path,
            url_scheme=request.scheme,
            path_info=request.path,
            default_method=request.method,
            query_args=query_text(request),
        )

    def bind_public(self, url: str) -> MapAdapter:
        """Return Werkzeug's adapter for building URLs that start with ``url``."""
        parts = urlsplit(url)
        return self.map.bind(parts.netloc, parts.path or "/", url_scheme=parts.scheme)

    def match(self, adapter: MapAdapter) -> Match:
        """Return what the URL that ``adapter`` is bound to leads to.

        Raises Werkzeug's ``NotFound``, ``MethodNotAllowed`` and ``RequestRedirect``.
        """
        try:
            name, arguments = adapter.match()
        except MethodNotAllowed as error:
            return self._match_options(adapter, list(error.valid_methods or ()))
        return Match(self.endpoints[name], dict(arguments))

    def _match_options(self, adapter: MapAdapter, methods: list[str]) -> Match:
        allowed = tuple(sorted({*methods, "OPTIONS"}))
        if adapter.default_method != "OPTIONS":
            raise MethodNotAllowed(allowed)
        name, arguments = adapter.match(method=methods[0])
        return Match(self.endpoints[name], dict(arguments), allowed)

    def build(
        self,
        adapter: MapAdapter,
        endpoint: str,
        values: Mapping[str, Any],
        *,
        blueprint: str | None = None,
        external: bool = False,
        scheme: str | None = None,
        anchor: str | None = None,
    ) -> str:
        """Return the URL of ``endpoint``; values that no rule takes become the query.

        A ``scheme`` makes it a full URL too.
        ``blueprint`` is where a relative endpoint, ``.show`` or ``..show``, starts from. Raises
        :class:`URLBuildError`.
        """
        name = absolute_endpoint(endpoint, blueprint)
        for key in values:
            if key.startswith("_"):
                _refuse_misspelled_option(key)
        known = self.endpoints.get(name)
        if known is not None and known.url_values is not None:
            values = known.url_values(values)
        full = external or scheme is not None
        try:
            path = None if full else self._path_by_only_rule(name, values)
            if path is None:
                url = adapter.build(name, values, force_external=full, url_scheme=scheme)
            else:
                url = f"{adapter.script_name.rstrip('/')}/{path.lstrip('/')}"
        except (werkzeug_routing.BuildError, ValueError, TypeError):
            # Converters raise the latter two for values they cannot write.
            raise URLBuildError(
                self._build_problem(name, values)
                or f"The URL of endpoint {name!r} ({self._patterns(name)}) does not take the values"
                f" {dict(values)!r}."
            ) from None
        if anchor is not None:
            url += "#" + quote(anchor, safe="%!$&'()*+,/:;=?@")
        return url

    def _path_by_only_rule(self, name: str, values: Mapping[str, Any]) -> str | None:
        """Return the path if there is one rule, and the values are its variables; else ``None``.

        Most calls of a page are of this kind. Werkzeug's adapter, which looks for the best rule and
        sorts out a query, takes twice as long.
        """
        rule = self._only_rules.get(name)
        if rule is None or rule.arguments != values.keys() or None in values.values():
            return None
        built = rule.build(values, append_unknown=False)
        return None if built is None else built[1]

    def _build_problem(self, name: str, values: Mapping[str, Any]) -> str | None:
        """Return what is wrong with the endpoint or the names of the values, if anything is."""
        if name not in self.endpoints:
            return f"There is no endpoint {name!r}.{nearest_endpoint(name, self.endpoints)}"
        given = {key for key, value in values.items() if value is not None}
        missing = min(
            (
                rule.arguments - set(rule.defaults or ()) - given
                for rule in self.map.iter_rules(name)
            ),
            key=len,
        )
        if not missing:
            return None
        return (
            f"The URL of endpoint {name!r} ({self._patterns(name)}) needs"
            f" {', '.join(sorted(missing))}; given: {', '.join(sorted(given)) or 'nothing'}."
        )

    def _patterns(self, name: str) -> str:
        return " or ".join(repr(shown_pattern(rule)) for rule in self.map.iter_rules(name))


def shown_pattern(rule: werkzeug_routing.Rule) -> str:
    """Return the pattern of a rule for people: its host in front, ``*`` for what a mount takes."""
    path = re.sub(r"/?<_(root_)?mounted:mounted_path>", "/*", rule.rule)
    return f"{rule.host}{path}" if rule.map.host_matching else path


def _refuse_misspelled_option(key: str) -> None:
    for option in ("_external", "_scheme", "_anchor"):
        if is_misspelling(key, option):
            raise URLBuildError(f"url_for has no option {key!r}. Did you mean {option!r}?")
