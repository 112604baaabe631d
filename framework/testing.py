"""For tests: a client for an app, and a request made by hand for calling a view with it.

client = TestClient(app)
assert client.post("/cart/add", data={"item_id": "3"}).status_code == 303
with client.session() as session:
    assert session["cart"] == {"3": 1}

request = make_request(app, "/items/3")
assert "Socks" in item(request, item_id=3)
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException
from werkzeug.test import Client, EnvironBuilder

from .context import request_variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from werkzeug.test import TestResponse

    from ._typing import StartResponse, WSGIApplication, WSGIEnvironment
    from .app import App
    from .sessions.session import Session
    from .wrappers import Request

BASE_URL = "https://localhost"
"""As in production, where session cookies travel over https only."""


class TestClient(Client):
    """Sends requests to an app without a server, and keeps its cookies.

    ``get``, ``post`` and the others take what Werkzeug's client takes: ``data``, ``json``,
    ``query_string``, ``headers``, ``follow_redirects`` … ``json`` is encoded as the app encodes
    it; the answer has ``text``, ``json``, ``status_code``, ``headers`` and ``history``. Paths are
    taken as of ``base_url``.
    """

    __test__ = False  # pytest collects classes by their name

    def __init__(self, app: App, *, base_url: str = BASE_URL, **options: Any) -> None:
        super().__init__(app, app.response_class, **options)
        self.app = app
        self.base_url = base_url

    def open(self, *args: Any, **options: Any) -> TestResponse:
        """Send a request; the arguments are those of Werkzeug's client.

        The body is read and closed at once, unless ``buffered=False``.
        """
        options.setdefault("buffered", True)
        if args and isinstance(args[0], str) and args[0].startswith("/"):
            options.setdefault("base_url", self.base_url)
        return super().open(*args, **_with_encoded_json(self.app, options))

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open the session of this client's visitor; it is saved at the end of the block.

        It is opened and saved by the app's own session interface, as in a request, so what the
        block changes is what the next request finds. An error inside the block saves nothing.
        """
        self.app.start_worker()
        opening = _SessionStep(self.app)
        self._send_to(opening)
        session = opening.request.session
        yield session
        self._send_to(_SessionStep(self.app, session))

    def _send_to(self, application: WSGIApplication) -> None:
        own, self.application = self.application, application
        try:
            super().open("/", base_url=self.base_url, buffered=True)
        finally:
            self.application = own


class _SessionStep:
    """A WSGI app beside the app: keeps the request, and saves a session into the answer."""

    request: Request

    def __init__(self, app: App, session: Session | None = None) -> None:
        self._app = app
        self._session = session

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.request = self._app.request_class(environ, self._app)
        response = self._app.response_class()
        if self._session is not None:
            self._app.session_interface.save(self.request, self._session, response)
        return response(environ, start_response)


def make_request(app: App, path: str = "/", **options: Any) -> Request:
    """Return a request for ``path`` as a view would get it, without calling any hook.

    ``options`` are those of Werkzeug's ``EnvironBuilder``: ``method``, ``data``, ``json``,
    ``headers`` … Where no URL matches, ``endpoint`` stays ``None``. The values of the URL are in
    ``view_args``: ``view(request, **request.view_args)``.
    """
    options.setdefault("base_url", BASE_URL)
    builder = EnvironBuilder(path, **_with_encoded_json(app, options))
    try:
        request = app.request_class(builder.get_environ(), app)
    finally:
        builder.close()
    with suppress(HTTPException):
        app.match(request)
    return request


@contextmanager
def current(request: Request) -> Iterator[Request]:
    """Make ``request`` the current one in a block; at its end the teardown hooks run.

    For code that asks ``context.current_request()``. A view that is called with a request needs
    none of it.
    """
    token = request_variable.set(request)
    error: BaseException | None = None
    try:
        yield request
    except BaseException as raised:
        error = raised
        raise
    finally:
        try:
            request.app.teardown(request, error)
        finally:
            request_variable.reset(token)


def _with_encoded_json(app: App, options: dict[str, Any]) -> dict[str, Any]:
    """Return ``options`` with ``json`` turned into a body by the app's JSON provider."""
    if options.get("json") is None:
        return options
    if options.get("data") is not None:
        raise TypeError("A request has one body: give json= or data=, not both.")
    options = {"content_type": "application/json", **options}
    options["data"] = app.json.dumps(options.pop("json"))
    return options
