"""What an app is made of: settings, URLs, templates and sessions, each made when it is needed."""

from __future__ import annotations

import os
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .config import Config
from .exceptions import SetupError, URLBuildError
from .hooks import Hooks, Pipeline
from .imports import package_folder
from .json_provider import JSONProvider
from .routing.rules import Rule
from .routing.site import Site
from .routing.url_map import URLMap
from .views import ViewLoader
from .wrappers import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from gettext import NullTranslations
    from os import PathLike
    from pathlib import Path

    import jinja2
    from sqlalchemy import MetaData
    from werkzeug.routing import BaseConverter

    from .database import Database
    from .i18n.interface import I18n
    from .routing.blueprints import Item
    from .sessions.interface import SessionInterface


class AppParts(Hooks):
    """The parts of an :class:`App`, which adds what happens to a request."""

    request_class: type[Request] = Request
    response_class: type[Response] = Response
    config_class: type[Config] = Config
    json_provider_class: type[JSONProvider] = JSONProvider
    url_converters: Mapping[str, type[BaseConverter]] = {}
    """Converters for rules beyond Werkzeug's, by the name they have in a pattern."""
    strict_slashes: bool = True
    """Whether ``/cart`` is redirected to a rule for ``/cart/``; if not, the rule answers both."""
    merge_slashes: bool = True
    """Whether ``//cart`` is redirected to ``/cart``; if not, nothing is found there."""
    redirect_defaults: bool = True
    """Whether the URL of a rule is redirected to a shorter one that has its values as defaults."""
    template_folder: str = "templates"
    static_folder: str = "static"
    static_path: str = "/static"
    translation_folder: str = "translations"

    def __init__(
        self,
        import_name: str,
        *,
        urls: str | Sequence[Item],
        config: Config | Mapping[str, Any] | None = None,
        config_file: str | PathLike[str] | None = None,
        models: str | None = None,
    ) -> None:
        super().__init__()
        self.import_name = import_name
        self.urls = urls
        self.models = models
        self.json = self.json_provider_class()
        self.views = ViewLoader()
        self.extensions: dict[str, Any] = {}
        """What extensions keep for this app, by the name of the extension."""
        self.template_filters: dict[str, Callable[..., Any]] = {}
        self.template_tests: dict[str, Callable[..., Any]] = {}
        self.template_globals: dict[str, Any] = {}
        self._given_config = config
        self._config_file = config_file
        self._pipelines: dict[str | None, Pipeline] = {}
        self._lock = threading.Lock()
        self._session_interface: SessionInterface | None = None
        self._database: Database | None = None

    # Parts that are made when they are first needed

    @cached_property
    def config(self) -> Config:
        """The settings. They are read on first use, so importing an app reads no environment."""
        given = self._given_config
        if isinstance(given, Config):
            return given
        file = None if self._config_file is None else self.folder / self._config_file
        return self.config_class.load(os.environ, given, file)

    @cached_property
    def folder(self) -> Path:
        """The folder of the app's package; the current one if there is no such package."""
        return package_folder(self.import_name)

    @cached_property
    def site(self) -> Site:
        """The rules and blueprints of the app, static files included."""
        return Site.load(self.urls, self.folder, static=self.static_rules())

    @cached_property
    def url_map(self) -> URLMap:
        """All URLs. Made on first use, since the URL module may import the app's own."""
        return URLMap(
            self.site.rules,
            self.url_converters,
            self.config.public_url,
            strict_slashes=self.strict_slashes,
            merge_slashes=self.merge_slashes,
            redirect_defaults=self.redirect_defaults,
        )

    def pipeline(self, blueprint: str | None) -> Pipeline:
        """Return the hooks around the views of a blueprint, or of the app alone."""
        try:
            return self._pipelines[blueprint]
        except KeyError:
            blueprints = self.site.blueprints[blueprint] if blueprint else ()
            pipeline = self._pipelines[blueprint] = Pipeline.compose([self, *blueprints])
            return pipeline

    @property
    def session_interface(self) -> SessionInterface:
        """What opens and saves sessions; made on first use, and replaced by assigning to it."""
        if self._session_interface is None:
            with self._lock:
                if self._session_interface is None:
                    self._session_interface = self.make_session_interface()
        return self._session_interface

    @session_interface.setter
    def session_interface(self, interface: SessionInterface) -> None:
        self._session_interface = interface

    def make_session_interface(self) -> SessionInterface:
        """Return the interface the settings ask for: sessions in Redis, or in a signed cookie."""
        if self.config.redis_url:
            from .sessions.server_side import ServerSideSessionInterface

            return ServerSideSessionInterface.from_config(self.config)
        from .sessions.cookie import SignedCookieSessionInterface

        return SignedCookieSessionInterface.from_config(self.config)

    def close_session_interface(self) -> None:
        """Let go of what the session interface holds, if it was ever made."""
        if self._session_interface is not None:
            self._session_interface.close()

    @property
    def database(self) -> Database:
        """The database; made on first use, and connected when it is first asked something.

        For scripts and threads: ``with app.database.session() as db: ...``
        """
        if self._database is None:
            with self._lock:
                if self._database is None:
                    self._database = self.make_database()
        return self._database

    def make_database(self) -> Database:
        """Return the database the settings ask for."""
        from .database import Database

        return Database.from_config(self.config, self.import_name)

    def load_metadata(self) -> MetaData:
        """Return the tables of the app: those of the base class, or the metadata, in ``models``."""
        from .database.models import load_metadata

        return load_metadata(self)

    def close_database(self) -> None:
        """Close the connections to the database that nobody uses, if there are any."""
        if self._database is not None:
            self._database.close()

    def template_folders(self) -> list[Path]:
        """Return where templates are looked up: the app's folder, then those of blueprints."""
        own = [blueprints[-1].templates for blueprints in self.site.blueprints.values()]
        return self._folders(self.template_folder, *own)

    def _folders(self, *names: str | PathLike[str] | None) -> list[Path]:
        """Return the folders that are named, relative to the app's, in this order."""
        return [self.folder / name for name in names if name is not None]

    def static_rules(self) -> list[Rule]:
        """Return the rule for the app's static files, if it has that folder."""
        folder = self.folder / self.static_folder
        if not folder.is_dir():
            return []
        from .static_files import StaticFiles

        return [Rule(f"{self.static_path}/<path:filename>", StaticFiles(folder), endpoint="static")]

    # Languages

    @cached_property
    def i18n(self) -> I18n:
        """What chooses a visitor's language and time zone; made on first use.

        ``app.i18n.localization("de")`` is for what has no request, such as a mail.
        """
        from .i18n.catalogues import Catalogues
        from .i18n.interface import I18n

        config = self.config
        return I18n(
            Catalogues(self.translation_folders(), reload=config.debug),
            default_locale=config.default_locale,
            default_timezone=config.default_timezone,
            locales=config.locales,
        )

    def translation_folders(self) -> list[Path]:
        """Return where catalogues are looked up: the app's folder, then those of blueprints."""
        own = [blueprints[-1].translations for blueprints in self.site.blueprints.values()]
        return self._folders(self.translation_folder, *own)

    def localization_headers(self, request: Request) -> list[tuple[str, str]]:
        """Return Content-Language and Vary for an answer that the visitor's language matters to."""
        from .i18n.interface import headers_for

        return headers_for(request)

    def choose_locale(self, request: Request) -> str | None:
        """Return the locale for a request; ``None`` leaves it to what the visitor asks for.

        To be overridden. What is not among the locales of the app counts as ``None``.
        """
        return None

    def choose_timezone(self, request: Request) -> str | None:
        """Return the time zone for a request, like ``Europe/Berlin``; ``None``: the visitor's."""
        return None

    def translations_for(self, request: Request | None) -> NullTranslations:
        """Return the translations that templates are rendered with.

        To be overridden by who translates without Babel's catalogues.
        """
        if request is None:
            return self.i18n.localization().translations
        return request.translations

    # Templates and URLs

    def render(self, template: str, /, *, request: Request | None = None, **context: Any) -> str:
        """Return the template rendered with ``context``; views call ``request.render``."""
        from .templating import render

        return render(self, request, template, context)

    def render_stream(
        self, template: str, /, *, request: Request | None = None, **context: Any
    ) -> Iterator[str]:
        """Return the parts of the template as they come; views call ``request.render_stream``."""
        from .templating import stream

        return stream(self, request, template, context)

    @cached_property
    def jinja_environment(self) -> jinja2.Environment:
        """The Jinja environment, made on the first rendering."""
        return self.make_jinja_environment()

    def make_jinja_environment(self) -> jinja2.Environment:
        """Return a new Jinja environment for this app."""
        from .templating import make_environment

        return make_environment(self)

    def add_template_filter(self, function: Callable[..., Any], name: str | None = None) -> None:
        """Make ``function`` a filter in templates, under its own name unless given."""
        self._add_to_templates(self.template_filters, function, name)

    def add_template_test(self, function: Callable[..., Any], name: str | None = None) -> None:
        """Make ``function`` a test in templates: ``{% if value is name %}``."""
        self._add_to_templates(self.template_tests, function, name)

    def add_template_global(self, value: Any, name: str | None = None) -> None:
        """Make ``value`` known to every template; a function under its own name unless given."""
        self._add_to_templates(self.template_globals, value, name)

    def _add_to_templates(self, names: dict[str, Any], value: Any, name: str | None) -> None:
        name = str(name or value.__name__)
        if "jinja_environment" in self.__dict__:
            raise SetupError(
                f"{name!r} comes too late for the templates of {self!r}: one has already been"
                " rendered. Add it in the module that creates the app."
            )
        names[name] = value

    def url_for(
        self,
        endpoint: str,
        /,
        *,
        _external: bool = False,
        _scheme: str | None = None,
        _anchor: str | None = None,
        **values: Any,
    ) -> str:
        """Return the URL of an endpoint outside a request: a path, or a full URL on demand.

        Full URLs start with the setting ``public_url``. In a request use ``request.url_for``.
        """
        public = self.config.public_url
        if public is None and (_external or _scheme is not None):
            raise URLBuildError(
                f"A full URL for endpoint {endpoint!r} needs a host, and outside a request only"
                " the setting PUBLIC_URL (like https://example.org) can tell it. Set it, or use"
                " request.url_for in a request."
            )
        adapter = self.url_map.bind_public(public or "http://localhost")
        return self.url_map.build(
            adapter, endpoint, values, external=_external, scheme=_scheme, anchor=_anchor
        )
