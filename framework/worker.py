"""The life of a worker: what is checked before it takes requests, and what ends with it."""

from __future__ import annotations

import logging
import threading
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from . import health
from .exceptions import RoutingError, SetupError
from .hooks import load_hooks
from .logs import set_up_logging
from .routing.mounts import MountedApp

if TYPE_CHECKING:
    from .app import App
    from .hooks import RegisteredHooks

logger = logging.getLogger(__name__)

LANGUAGE_SETTINGS = ("default_locale", "locales", "default_timezone")
"""Settings that only Babel and the time zones of the machine know to be right."""


class WorkerState(StrEnum):
    """Where in its life a worker is. It serves requests in all of them but wants them if ready."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    STOPPED = "stopped"

    @property
    def is_ready(self) -> bool:
        """Whether the worker may get traffic."""
        return self is WorkerState.READY


class Worker:
    """Starts, drains and stops the app in one process."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.state = WorkerState.STARTING
        self._starting = False
        self._lock = threading.RLock()

    def start(self) -> None:
        """Check the app and run its start-hooks; a second call does nothing."""
        with self._lock:
            # A hook may send a request to the app, which gets here again.
            if self._starting or self.state is not WorkerState.STARTING:
                return
            self._starting = True
            config = self.app.config
            if config.log_format:
                set_up_logging(config.log_format, config.log_level)
            try:
                self.check()
                for hooks in self._hooks():
                    for hook in load_hooks(hooks.worker_start):
                        hook(self.app)
                for mounted in self._mounted_apps():
                    mounted.start_worker()
                self.app.compose_fast_path()
                self.state = WorkerState.READY
            finally:
                self._starting = False

    def drain(self) -> None:
        """Refuse to be ready from now on; requests are still served."""
        with self._lock:
            if self.state is WorkerState.READY:
                self.state = WorkerState.DRAINING

    def stop(self) -> None:
        """Run the stop-hooks and close the session interface; a second call does nothing."""
        with self._lock:
            if self.state in {WorkerState.STARTING, WorkerState.STOPPED}:
                return
            self.state = WorkerState.STOPPED
        for mounted in reversed(self._mounted_apps()):
            try:
                mounted.stop_worker()
            except Exception:
                logger.exception("The mounted app %r could not be stopped", mounted)
        for hooks in reversed(self._hooks()):
            for hook in reversed(load_hooks(hooks.worker_stop)):
                try:
                    hook(self.app)
                except Exception:
                    logger.exception("The worker stop hook %r failed", hook)
        self.app.close_session_interface()
        self.app.close_database()

    def check(self) -> None:
        """Check what can be checked before the first request; raises a ``SetupError``.

        In production every view is loaded and every template compiled. In debug mode they are left
        until they are used.
        """
        app = self.app
        app.config.check()
        endpoints = app.url_map.endpoints.values()
        for blueprint in (None, *app.site.blueprints):
            app.pipeline(blueprint)
        for hooks in self._hooks():
            load_hooks([*hooks.worker_start, *hooks.worker_stop])
        self._check_probes()
        self._check_sessions()
        if app.config.database_url or app.models is not None:
            # Made ready now, so that a URL, a driver or models that cannot be used are noticed.
            app.database.prepare()
        if app.models is not None:
            app.load_metadata()
        if app.config.debug:
            return
        app.views.load_all(endpoints)
        if any(folder.is_dir() for folder in app.translation_folders()) or any(
            app.config.origin(name) != "default" for name in LANGUAGE_SETTINGS
        ):
            app.i18n.check()
        if any(folder.is_dir() for folder in app.template_folders()):
            from .templating import compile_all

            compile_all(app.jinja_environment)

    def _check_probes(self) -> None:
        """Refuse rules that no request reaches, for the app answers its probes before it matches.

        An app whose ``answer_probe`` leaves them alone may have such rules.
        """
        for rule in self.app.url_map.map.iter_rules():
            probe = {"PATH_INFO": rule.rule, "REQUEST_METHOD": "GET"}
            if rule.rule in health.PATHS and self.app.answer_probe(probe) is not None:
                raise RoutingError(
                    f"The rule {rule.rule!r} (endpoint {rule.endpoint!r}) would never be called:"
                    " the app answers this path itself, to tell how the worker is. Choose another"
                    " path, or override App.answer_probe."
                )

    def _check_sessions(self) -> None:
        app = self.app
        endpoints = app.url_map.endpoints.values()
        exclusive = [endpoint.name for endpoint in endpoints if endpoint.exclusive_session]
        # With Redis they are made ready now, so that a URL that cannot be used is noticed.
        if not exclusive and not app.config.redis_url:
            return
        interface = app.session_interface
        if exclusive and not interface.can_be_exclusive:
            raise SetupError(
                f"The endpoint {exclusive[0]!r} has session='exclusive', and sessions in cookies do"
                " not know of each other. Set REDIS_URL to keep sessions in Redis."
            )

    def _mounted_apps(self) -> list[App]:
        """Return the mounted apps that are apps of this kind, and have been loaded.

        In debug mode they are loaded, and start, with their first request.
        """
        views = (endpoint.view for endpoint in self.app.url_map.endpoints.values())
        apps: list[Any] = [view.wsgi_app for view in views if isinstance(view, MountedApp)]
        return [app for app in apps if hasattr(app, "start_worker") and hasattr(app, "stop_worker")]

    def _hooks(self) -> list[RegisteredHooks]:
        # A blueprint that stands in several places has its hooks run once.
        blueprints = dict.fromkeys(chain[-1] for chain in self.app.site.blueprints.values())
        return [self.app.hooks, *(blueprint.hooks for blueprint in blueprints)]
