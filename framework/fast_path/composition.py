"""The pipeline of ``App.wsgi_app`` composed into one function for each endpoint.

What happens is written in ``app.py``; this is the same, with everything decided when the worker
starts that does not depend on the request. A request that needs more than that is left alone, and
``wsgi_app`` goes on as if this module did not exist. A view that was called is never called again:
from there on, what is unusual continues with the app's own steps.

Hello takes 1.3 µs instead of 24 on the machine of ``benchmarks/``: the general path spends 2 on
making the request, 9 on making and sending the response, and most of the rest on matching.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException, NotFound

from .. import health, signals
from ..context import StreamedBody, request_variable
from ..overriding import overridden
from ..werkzeug_internals import check
from ..werkzeug_internals.requests import LazyRequest, lazy_request_class
from ..werkzeug_internals.rules import has_variable_hosts
from ..wrappers import Request, Response
from .route_table import RouteTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from werkzeug.routing import Rule as WerkzeugRule

    from .._typing import StartResponse, WSGIEnvironment
    from ..app import App
    from ..routing.rules import Endpoint
    from .route_table import Answer

    FastPath = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes] | None]

logger = logging.getLogger(__name__)

STEPS = frozenset(
    {"answer_probe", "handle", "dispatch", "match", "make_response", "complete", "finalize"}
    | {"send", "teardown", "pipeline"}
)
"""The steps of an app that are skipped or taken together; one that is overridden needs them all."""

SAVING = frozenset({"save", "answer_failed_save"})
"""The steps that the commit of a request without a session stands for."""

ERROR_STEPS = frozenset({"handle_exception", "handle_unhandled", "error_page"})
"""The steps that a kept page for 404 stands for."""

COMPOSED = (
    STEPS
    | SAVING
    | ERROR_STEPS
    | {"request_class", "response_class", "config", "json", "url_map", "views"}
)
"""The attributes of an app that the fast path is composed from."""

MAX_KEPT = 256
"""So many hosts and so many pages are remembered; then all are forgotten, for clients send them."""


def compose(app: App, general: type[App]) -> FastPath | None:
    """Return the fast path of ``app``, or ``None`` if it has to do without.

    ``general`` is the class whose steps the fast path stands for. The result returns ``None``, and
    has done nothing, for a request that is not for it.
    """
    own_steps = overridden(type(app), general) | vars(app).keys()
    if (
        own_steps & STEPS
        or not issubclass(app.request_class, Request)
        or overridden(app.request_class, Request, LazyRequest)
    ):
        return None
    found = check.differences()
    if found:
        logger.warning(
            "Requests take the general path, which is slower: the installed Werkzeug differs in %s"
            " from what the fast one knows. Werkzeug %sx has none of these differences.",
            ", ".join(found),
            check.KNOWN_VERSION,
        )
        return None
    urls = app.url_map
    endpoints = urls.endpoints
    answers: dict[str, Answer] = {}
    request_class = _request_class(app)
    plain_save = not own_steps & SAVING

    def target_of(rule: WerkzeugRule) -> Answer | None:
        name = rule.endpoint
        if name not in endpoints:
            return None
        if name not in answers:
            answers[name] = _compose_answer(app, endpoints[name], request_class, plain_save)
        return answers[name]

    # Rules on other hosts than the site's own take the general path.
    table = RouteTable(urls.map, urls.site_host if urls.map.host_matching else "", target_of)
    plain_errors = app.response_class is Response and not own_steps & ERROR_STEPS
    knows_all = not has_variable_hosts(urls.map)
    not_found = _compose_not_found(app) if plain_errors and knows_all else None
    return _compose_path(app, table, not_found)


def _compose_path(app: App, table: RouteTable, not_found: FastPath | None) -> FastPath:
    static = table.static
    find = table.find
    hosts: dict[str, set[str]] = {"http": set(), "https": set()}
    started = signals.request_started
    probes = health.PATHS
    for probe in probes:
        static.pop(probe, None)

    def is_usual_host(environ: WSGIEnvironment) -> bool:
        """Whether the host of a request passes; asked once for each host."""
        try:
            adapter = app.request_class(environ, app).url_adapter
        except HTTPException:
            return False
        if app.url_map.map.host_matching and adapter.server_name != app.url_map.site_host:
            return False
        known = hosts[environ["wsgi.url_scheme"]]
        if len(known) >= MAX_KEPT:
            known.clear()
        known.add(environ["HTTP_HOST"])
        return True

    def fast_path(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes] | None:
        if started.receivers:
            return None
        try:
            path = environ["PATH_INFO"]
            method = environ["REQUEST_METHOD"]
            usual = environ["HTTP_HOST"] in hosts[environ["wsgi.url_scheme"]]
        except KeyError:
            return None
        if method == "HEAD" or not (usual or is_usual_host(environ)):
            return None
        leaf = static.get(path)
        if leaf is not None:
            entry = leaf.get(method)
            if entry is None:
                return None
            return entry.target(environ, start_response, entry.defaults.copy())
        found = find(path)
        if path in probes:
            return None
        if found is None:
            return None if not_found is None else not_found(environ, start_response)
        leaf, values = found
        entry = leaf.get(method)
        if entry is None:
            return None
        try:
            arguments = entry.arguments(values)
        except ValueError:
            return None
        return entry.target(environ, start_response, arguments)

    return fast_path


def _request_class(app: App) -> type[Any]:
    """Return the app's request class with lazy parts, and with what all its requests share."""
    config = app.config
    shared: dict[str, Any] = {
        "app": app,
        "max_content_length": config.max_content_length,
        "max_form_memory_size": config.max_form_memory_size,
        "max_form_parts": config.max_form_parts,
    }
    if config.trusted_hosts:
        shared["trusted_hosts"] = list(config.trusted_hosts)
    return lazy_request_class(app.request_class, **shared)


def _compose_answer(
    app: App, endpoint: Endpoint, request_class: type[Any], plain_save: bool
) -> Answer:
    name = endpoint.name
    blueprint = endpoint.blueprint
    pipeline = app.pipeline(blueprint)
    before = pipeline.before
    # A session that its request has to itself is given back in the teardown.
    teardown = pipeline.teardown or endpoint.exclusive_session
    usual = app.response_class is Response
    html, json = ("Content-Type", "text/html; charset=utf-8"), ("Content-Type", "application/json")
    finished = signals.request_finished
    # A session that is opened in another way says so only in the end.
    after = pipeline.after or app.request_class.session is not Request.session
    plain_save = plain_save and not after
    to_json = app.json.dumps
    new_request: Any = request_class.__new__
    enter, leave = request_variable.set, request_variable.reset

    def answer(
        environ: WSGIEnvironment, start_response: StartResponse, arguments: dict[str, Any]
    ) -> Iterable[bytes]:
        request = new_request(request_class)
        request.environ = environ
        request.endpoint = name
        request.blueprint = blueprint
        request.view_args = arguments
        request.pipeline = pipeline
        token = enter(request)
        value: Any = None
        body: Any = None
        response: Any = None
        content_type = html
        chunks: Any = None
        try:
            try:
                for hook in before:
                    value = hook(request)
                    if value is not None:
                        break
                else:
                    view = endpoint.view or app.views.load(endpoint)
                    value = view(request, **arguments) if arguments else view(request)
                kind = type(value)
                if usual and (kind is str or kind is bytes):
                    body = value.encode() if kind is str else value
                elif usual and (kind is dict or kind is list):
                    text: Any = to_json(value)
                    body = text.encode() if isinstance(text, str) else text
                    content_type = json
                else:
                    response = app.make_response(request, value)
            except Exception as error:
                response = app.handle_exception(request, error)
            announced = finished.receivers
            unfinished = after or request.has_opened
            if unfinished and response is None and plain_save and not announced:
                db = request.open_db
                if db is not None and request.open_session is None and db.has_plain_end:
                    # Nothing is left to do but this.
                    unfinished = False
                    try:
                        db.commit()
                    except Exception as error:
                        response = app.answer_failed_save(request, error)
            if response is None:
                if not unfinished and not announced:
                    # Nobody sees the response, so none is made: saves 1.2 µs.
                    headers = [content_type, ("Content-Length", str(len(body)))]
                    if request.localized:
                        headers += app.localization_headers(request)
                    start_response("200 OK", headers)
                    chunks = [body]
                    return chunks  # type: ignore[no-any-return]
                response = Response(body, mimetype=content_type[1].partition(";")[0])
            if announced:
                response = app.complete(request, response)
            elif unfinished or request.localized:
                response = app.finalize(request, response)
            if type(response.response) is list:
                chunks = response(environ, start_response)
            else:
                chunks = app.send(request, response, environ, start_response)
            return chunks  # type: ignore[no-any-return]
        except BaseException as error:
            request.error = error
            raise
        finally:
            try:
                if (teardown or request.error is not None or request.must_close) and not isinstance(
                    chunks, StreamedBody
                ):
                    app.teardown(request, None)
            finally:
                leave(token)

    return answer


def _compose_not_found(app: App) -> FastPath | None:
    """Return what answers a path that no rule matches; ``None`` if that concerns somebody.

    The page depends on what the client accepts and on nothing else, so each is made once.
    """
    pipeline = app.pipeline(None)
    if pipeline.after or pipeline.teardown or pipeline.error_handler(NotFound()) is not None:
        return None
    pages: dict[str | None, tuple[str, list[tuple[str, str]], list[bytes]]] = {}
    finished = signals.request_finished

    def not_found(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes] | None:
        if environ["REQUEST_METHOD"] != "GET" or finished.receivers:
            return None
        accept = environ.get("HTTP_ACCEPT")
        if accept not in pages:
            if len(pages) >= MAX_KEPT:
                pages.clear()
            response = app.error_page(app.request_class(environ, app), NotFound())
            chunks, status, headers = response.get_wsgi_response(environ)
            pages[accept] = status, headers, list(chunks)
        status, headers, body = pages[accept]
        start_response(status, headers.copy())
        return body.copy()

    return not_found
