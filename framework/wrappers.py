"""The request and the response: Werkzeug's, with what an app adds to them."""

from __future__ import annotations

from functools import cached_property
from types import SimpleNamespace
from typing import IO, TYPE_CHECKING, Any

from werkzeug.exceptions import BadRequest
from werkzeug.urls import iri_to_uri
from werkzeug.utils import redirect

from .body import FormParser, body_stream
from .lenient import LenientRequest
from .werkzeug_internals.responses import PlainResponse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo
    from gettext import NullTranslations

    from babel import Locale
    from werkzeug.routing import MapAdapter
    from werkzeug.wrappers import Response as WerkzeugResponse

    from ._typing import WSGIEnvironment
    from .app import App
    from .database.session import DatabaseSession
    from .hooks import Pipeline
    from .i18n.formats import Formats
    from .i18n.interface import LocaleChoice, TimezoneChoice
    from .i18n.localization import Localization
    from .json_provider import JSONProvider
    from .sessions.session import Session


class Response(PlainResponse):
    """A response; HTML unless its type is given."""

    default_mimetype = "text/html"


class Request(LenientRequest):
    """What a client asks, and the way to everything a view needs.

    Nothing is parsed or opened before it is asked for.
    """

    form_data_parser_class = FormParser

    endpoint: str | None = None
    """The dotted name of the view; ``None`` while no URL has matched."""

    blueprint: str | None = None
    """The full name of the blueprint the endpoint belongs to."""

    open_session: Session | None = None
    """The session if somebody has opened it. Use :attr:`session`."""

    open_db: DatabaseSession | None = None
    """The database session if somebody has opened it. Use :attr:`db`."""

    has_opened: bool = False
    """Whether a session was opened, so that there may be something to save."""

    is_answered: bool = False
    """Whether the first byte may be out already, so that nothing can be saved any more."""

    must_close: bool = False
    """Whether something is held that has to be given back when the request is over."""

    error: BaseException | None = None
    """The exception that no error handler took, until the request is over."""

    localized: bool = False
    """Whether the answer depends on the visitor's language or time zone."""

    def __init__(self, environ: WSGIEnvironment, app: App) -> None:
        # Not kept in the environ: request and environ would refer to each other, and each request
        # would wait for the garbage collector.
        super().__init__(environ, populate_request=False)
        self.app = app
        self.view_args: dict[str, Any] = {}
        self.pipeline: Pipeline = app.pipeline(None)
        config = app.config
        self.max_content_length = config.max_content_length
        self.max_form_memory_size = config.max_form_memory_size
        self.max_form_parts = config.max_form_parts
        if config.trusted_hosts:
            self.trusted_hosts = list(config.trusted_hosts)

    @cached_property
    def state(self) -> SimpleNamespace:
        """A place for hooks, views and extensions to keep values for this request."""
        return SimpleNamespace()

    @property
    def session(self) -> Session:
        """The visitor's session, opened by the first touch."""
        session = self.open_session
        if session is None:
            app, name = self.app, self.endpoint
            exclusive = name is not None and app.url_map.endpoints[name].exclusive_session
            session = app.session_interface.open(self, exclusive=exclusive)
            self.open_session = session
            self.has_opened = True
        return session

    @property
    def db(self) -> DatabaseSession:
        """The database session, opened by the first touch.

        It is committed after the view and the after-hooks, before the first byte of the answer, and
        rolled back if an exception or a status from 500 on is the answer. For the thread that
        answers the request only.
        """
        session = self.open_db
        if session is None:
            session = self.app.database.open(self)
            if self.is_answered:
                session.refuse_writes()
            self.open_db = session
            self.has_opened = self.must_close = True
        return session

    @cached_property
    def locale_choice(self) -> LocaleChoice:
        """The visitor's locale, chosen by the first touch, and what decided it."""
        self.localized = True
        return self.app.i18n.choose_locale(self)

    @cached_property
    def timezone_choice(self) -> TimezoneChoice:
        """The visitor's time zone, chosen by the first touch, and what decided it."""
        self.localized = True
        return self.app.i18n.choose_timezone(self)

    @property
    def locale(self) -> Locale:
        """The visitor's locale, one of those that the app has."""
        return self.locale_choice.localization.locale

    @property
    def timezone(self) -> tzinfo:
        """The visitor's time zone."""
        return self.timezone_choice.timezone

    @property
    def localization(self) -> Localization:
        """The visitor's locale and time zone, and everything that is written in them."""
        return self.app.i18n.localization(self.locale, self.timezone)

    @property
    def format(self) -> Formats:
        """Dates, numbers and lists as the visitor writes them."""
        return self.localization.format

    @property
    def translations(self) -> NullTranslations:
        """The messages in the visitor's language, as the standard library has them."""
        return self.locale_choice.localization.translations

    def gettext(self, message: str, /, **values: Any) -> str:
        """Return a message in the visitor's language, with ``%(name)s`` filled in."""
        return self.locale_choice.localization.gettext(message, **values)

    def ngettext(self, singular: str, plural: str, number: int, /, **values: Any) -> str:
        """Return the form of a message for a number, which it can show as ``%(num)s``."""
        texts = self.locale_choice.localization
        return texts.ngettext(singular, plural, number, **values)

    def pgettext(self, context: str, message: str, /, **values: Any) -> str:
        """Return a message that has several meanings in the one of ``context``."""
        return self.locale_choice.localization.pgettext(context, message, **values)

    @cached_property
    def stream(self) -> IO[bytes]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The body, unparsed; 413 when it is longer than the limit, told in advance or not."""
        return body_stream(self.environ, self.max_content_length)

    @cached_property
    def url_adapter(self) -> MapAdapter:
        """The URL map bound to this request; ``BadRequest`` if its host is bad or not trusted."""
        return self.app.url_map.bind(self)

    @property
    def json_module(self) -> JSONProvider:  # type: ignore[override]
        """What :meth:`get_json` decodes with."""
        return self.app.json

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
        """Return the URL of an endpoint; ``.show`` is in this blueprint, ``..show`` one above.

        Values that are no part of the URL become the query.
        """
        return self.app.url_map.build(
            self.url_adapter,
            endpoint,
            values,
            blueprint=self.blueprint,
            external=_external,
            scheme=_scheme,
            anchor=_anchor,
        )

    def render(self, template: str, /, **context: Any) -> str:
        """Return the template rendered with this request and ``context``."""
        return self.app.render(template, request=self, **context)

    def render_stream(self, template: str, /, **context: Any) -> Iterator[str]:
        """Return the parts of the template, for a view to return: they are sent as they come.

        The session is saved before the first part is sent. What a template does with it comes too
        late, so take from the session what the template needs, and pass that.
        """
        return self.app.render_stream(template, request=self, **context)

    def redirect(self, location: str, /, *, _code: int = 303, **values: Any) -> WerkzeugResponse:
        """Return a redirect to an endpoint, or to a URL (which has a slash in it).

        The status is 303 unless given: after a form was sent, the browser gets the other page. A
        URL that a visitor supplied must be checked first, or it leads to anyone's site; one that
        is malformed is a ``BadRequest``.
        """
        url = location if "/" in location else self.url_for(location, **values)
        try:
            # Werkzeug does this too, but when it is too late for an error page.
            url = iri_to_uri(url)
        except ValueError as error:
            raise BadRequest(f"{url!r} is no URL to redirect to: {error}.") from None
        return redirect(url, _code, self.app.response_class)
