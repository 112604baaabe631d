"""The app: from environ to response, each step a short method that can be overridden."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException, InternalServerError

from . import fast_path, health, signals
from .app_parts import AppParts
from .context import StreamedBody, request_variable
from .error_pages import error_page, is_answer
from .responses import add_headers, response_from, response_from_hook
from .worker import Worker, WorkerState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from os import PathLike

    from werkzeug.wrappers import Response as WerkzeugResponse

    from ._typing import ResponseValue, StartResponse, WSGIEnvironment
    from .config import Config
    from .fast_path.composition import FastPath
    from .routing.blueprints import Item
    from .routing.rules import Match
    from .wrappers import Request

logger = logging.getLogger(__name__)


class App(AppParts):
    """A WSGI app.

    ``import_name`` is the package (or module) the app lives in; its folder holds ``templates`` and
    ``static``. ``urls`` is a list of rules, blueprints and mounts, or the module with a list of
    that name, which is imported when first needed. ``config`` holds settings that come before
    those of the environment, or all of them as a :class:`Config`. ``config_file`` is a TOML file
    with settings that come after those of the environment, relative to the app's folder.
    ``models`` is the import path of SQLAlchemy's declarative base, or of a metadata:
    ``shop.models:Base``.

    To change how it works, subclass it and replace one of the classes below or one of the steps
    between :meth:`wsgi_app` and :meth:`finalize`.
    """

    def __init__(
        self,
        import_name: str,
        *,
        urls: str | Sequence[Item],
        config: Config | Mapping[str, Any] | None = None,
        config_file: str | PathLike[str] | None = None,
        models: str | None = None,
    ) -> None:
        super().__init__(
            import_name, urls=urls, config=config, config_file=config_file, models=models
        )
        self.worker = Worker(self)
        self._fast_path: FastPath | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name in fast_path.COMPOSED:
            # It was composed from what is replaced here, so the general path takes over.
            super().__setattr__("_fast_path", None)
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        return f"<App {self.import_name!r}>"

    # One request

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Forward to :meth:`wsgi_app`, which middleware can wrap while the app stays itself."""
        return self.wsgi_app(environ, start_response)

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request.

        The request is over when this returns, or when the server closes a body that is streamed.
        """
        if self._fast_path is not None:
            # The steps below, composed for each endpoint when the worker started.
            body = self._fast_path(environ, start_response)
            if body is not None:
                return body
        probe = self.answer_probe(environ)
        if probe is not None:
            return probe(environ, start_response)
        request = self.request_class(environ, self)
        token = request_variable.set(request)
        body = None
        try:
            response = self.handle(request)
            body = self.send(request, response, environ, start_response)
            return body
        except BaseException as error:
            request.error = error
            raise
        finally:
            try:
                if not isinstance(body, StreamedBody):
                    self.teardown(request, None)
            finally:
                request_variable.reset(token)

    def answer_probe(self, environ: WSGIEnvironment) -> WerkzeugResponse | None:
        """Return the answer to a health probe, else ``None``; start the worker if need be."""
        path = environ.get("PATH_INFO")
        if path == health.LIVENESS_PATH:
            return health.livez()
        if self.worker.state is WorkerState.STARTING:
            self.start_worker()
        if path == health.READINESS_PATH:
            return health.readyz(self.worker.state)
        return None

    def handle(self, request: Request) -> WerkzeugResponse:
        """Return the response to ``request``; exceptions become responses here."""
        try:
            if signals.request_started.receivers:
                signals.request_started.send(self, request=request)
            response = self.dispatch(request)
        except Exception as error:
            response = self.handle_exception(request, error)
        return self.complete(request, response)

    def complete(self, request: Request, response: WerkzeugResponse) -> WerkzeugResponse:
        """Finalize the response and announce it."""
        response = self.finalize(request, response)
        if signals.request_finished.receivers:
            signals.tell(signals.request_finished, self, request=request, response=response)
        return response

    def dispatch(self, request: Request) -> WerkzeugResponse:
        """Match the URL, run the before-hooks, load the view and call it."""
        match = self.match(request)
        for hook in request.pipeline.before:
            value = hook(request)
            if value is not None:
                return self.make_response(request, value)
        if match.allowed is not None:
            return self.response_class(headers={"Allow": ", ".join(match.allowed)})
        view = self.views.load(match.endpoint)
        return self.make_response(request, view(request, **match.arguments))

    def match(self, request: Request) -> Match:
        """Match the URL and tell ``request`` what it leads to; raises Werkzeug's HTTP errors."""
        match = self.url_map.match(request.url_adapter)
        request.endpoint = match.endpoint.name
        request.blueprint = match.endpoint.blueprint
        request.view_args = match.arguments
        request.pipeline = self.pipeline(request.blueprint)
        return match

    def make_response(self, request: Request, value: ResponseValue) -> WerkzeugResponse:
        """Turn what a view returned into a response.

        ``str`` and ``bytes`` are HTML, ``dict`` and ``list`` JSON, an iterator is streamed,
        ``None`` is 204 No Content, and a tuple adds a status, headers or both to one of these.
        """
        return response_from(request, value)

    def finalize(self, request: Request, response: WerkzeugResponse) -> WerkzeugResponse:
        """Run the after-hooks, tell the language if it mattered, save the session if it was opened.

        An exception here replaces the response by its error page.
        """
        try:
            for hook in request.pipeline.after:
                replacement = hook(request, response)
                if replacement is not None:
                    response = response_from_hook(request, replacement)
            if request.localized:
                add_headers(response, self.localization_headers(request))
            if request.open_session is not None or request.open_db is not None:
                self.save(request, response)
        except Exception as error:
            response.close()
            return self.answer_failed_save(request, error)
        return response

    def save(self, request: Request, response: WerkzeugResponse) -> None:
        """Save the session and commit the database session, each if it was opened.

        Most of what can go wrong with the database shows in its flush, before the session is
        saved; and a session that cannot be saved, a 409 perhaps, leaves the database unchanged.
        """
        db = request.open_db
        if db is not None:
            db.prepare_commit(response)
        if request.open_session is not None:
            self.session_interface.save(request, request.open_session, response)
        if db is not None:
            db.commit_for(response)
            db.tell(request, response)

    def answer_failed_save(self, request: Request, error: Exception) -> WerkzeugResponse:
        """Return the response for an exception of an after-hook or while something was saved.

        What its error handler wrote to the database is committed.
        """
        response = self.handle_exception(request, error)
        db = request.open_db
        if db is None:
            return response
        try:
            db.prepare_commit(response)
            db.commit_for(response)
        except Exception as failure:
            response.close()
            db.abandon()
            response = self.handle_unhandled(request, self.database_error(request, failure))
        db.tell(request, response)
        return response

    def send(
        self,
        request: Request,
        response: WerkzeugResponse,
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        """Start the response and return its body; one that is streamed keeps the request open."""
        body = response(environ, start_response)
        # A file that is passed through was opened before, and needs the request no longer.
        if response.is_streamed and not response.direct_passthrough:
            request.is_answered = True
            if request.open_db is not None:
                request.open_db.refuse_writes()
            return StreamedBody(request, body, self.teardown)
        return body

    def teardown(self, request: Request, error: BaseException | None) -> None:
        """Let go of the session and run all teardown-hooks; called once, when all is over."""
        error = error or request.error
        request.error = None
        try:
            if request.open_session is not None:
                self.session_interface.release(request.open_session)
            hooks = request.pipeline.teardown
            if hooks:
                request.is_answered = True
                if request.open_db is not None:
                    request.open_db.refuse_writes()
            for hook in hooks:
                try:
                    hook(request, error)
                except Exception:
                    logger.exception("A teardown hook of endpoint %r failed", request.endpoint)
        finally:
            if request.open_db is not None:
                request.open_db.give_back()
        request.close()

    # Exceptions

    def handle_exception(self, request: Request, error: Exception) -> WerkzeugResponse:
        """Return the response for an exception: its error handler's, a page, or a plain 500."""
        if request.open_db is not None:
            request.open_db.abandon()
        if is_answer(error):
            return error.get_response(request.environ)
        handler = request.pipeline.error_handler(error)
        if handler is None and self._database is not None:
            error = self.database_error(request, error)
            handler = request.pipeline.error_handler(error)
        if handler is None:
            return self.handle_unhandled(request, error)
        try:
            return self.make_response(request, handler(request, error))
        except Exception as failure:
            if request.open_db is not None:
                request.open_db.abandon()
            if self._database is not None:
                failure = self.database_error(request, failure)
            return self.handle_unhandled(request, failure)

    def database_error(self, request: Request, error: Exception) -> Exception:
        """Return the answer for what the database could not do now, and log it; else ``error``."""
        answer = self.database.http_error(error)
        if answer is None:
            return error
        logger.warning(
            "%s %s (endpoint %r): %s", request.method, request.path, request.endpoint, answer
        )
        return answer

    def handle_unhandled(self, request: Request, error: Exception) -> WerkzeugResponse:
        """Return the page of an HTTP error; anything else is logged and becomes a 500.

        An ``HTTPException`` without a code is something else. In debug mode it is raised instead.
        """
        if isinstance(error, HTTPException) and (error.code or error.response):
            return self.error_page(request, error)
        request.error = error
        if signals.request_exception.receivers:
            signals.tell(signals.request_exception, self, request=request, error=error)
        if self.config.debug:
            raise error
        logger.error(
            "%s %s (endpoint %r) failed",
            request.method,
            request.path,
            request.endpoint,
            exc_info=error,
        )
        return self.internal_server_error(request, error)

    def internal_server_error(self, request: Request, error: Exception) -> WerkzeugResponse:
        """Return the response for an exception that was not handled."""
        internal = InternalServerError(original_exception=error)
        handler = request.pipeline.error_handler(internal)
        if handler is not None:
            try:
                return self.make_response(request, handler(request, internal))
            except Exception:
                logger.exception("The error handler of endpoint %r failed", request.endpoint)
        return self.error_page(request, internal)

    def error_page(self, request: Request, error: HTTPException) -> WerkzeugResponse:
        """Return an HTTP error as a page, or as JSON when the client prefers that."""
        return error_page(request, error)

    # The life of a worker

    def start_worker(self) -> None:
        """Make this worker ready for requests; a second call does nothing.

        A server may call this in each worker before it takes traffic, and then an error ends the
        worker. Otherwise the first request does it.
        """
        self.worker.start()

    def check_services(self) -> None:
        """Make sure that what requests need outside of this process answers: the session store.

        A server calls this where a node starts, after :meth:`start_worker`, and then an error ends
        the start; and where a worker is to follow one that still serves, which then goes on. It
        does not call it for a worker that replaces a dead one: while the store is away, pages
        without a session are still served, and the others are answered 503.
        """
        if self.config.redis_url or self._session_interface is not None:
            self.session_interface.check()
        if self.config.database_url or self._database is not None:
            self.database.check()

    def compose_fast_path(self) -> None:
        """Compose the steps of :meth:`wsgi_app` for each endpoint, where nothing speaks against it.

        What an override, a hook or a response needs beyond them takes the general path.
        """
        self._fast_path = fast_path.compose(self, App)

    def stop_worker(self) -> None:
        """Run the stop-hooks and close the session interface; a second call does nothing."""
        self.worker.stop()
