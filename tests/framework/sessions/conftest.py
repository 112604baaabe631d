"""Stores of every kind there is, and a visitor who keeps cookies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from werkzeug.http import parse_cookie
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

from framework.redis_transport.transport import RedisTransport
from framework.sessions import (
    MemorySessionStore,
    ServerSideSessionInterface,
    SessionCookie,
    SessionIds,
    SessionInterface,
)
from framework.sessions.redis_store import RedisSessionStore
from tests.framework.redis_servers import at_once_fixture as at_once_fixture
from tests.framework.redis_servers import cluster as cluster
from tests.framework.redis_servers import no_connection_is_left as no_connection_is_left
from tests.framework.redis_servers import own_server as own_server
from tests.framework.redis_servers import proxy as proxy
from tests.framework.redis_servers import redis_server as redis_server
from tests.framework.redis_servers import replicated as replicated
from tests.framework.redis_servers import server as server
from tests.framework.redis_servers import valkey as valkey
from tests.framework.redis_servers import wait_until_fixture as wait_until_fixture
from tests.framework.redis_servers import with_few_rights

SECRET = "only for these tests"


@pytest.fixture
def ids() -> SessionIds:
    return SessionIds([SECRET])


MakeStore = Callable[..., Any]


@pytest.fixture(
    params=[
        "memory",
        pytest.param("valkey", marks=pytest.mark.integration),
        pytest.param("redis_server", marks=pytest.mark.integration),
        pytest.param("cluster", marks=pytest.mark.integration),
    ],
)
def make_store(request: pytest.FixtureRequest) -> Iterator[MakeStore]:
    """Makes a store of every kind there is, with the timeouts a test needs."""
    made: list[Any] = []

    def make(idle_timeout: float = 100.0, absolute_timeout: float = 1000.0) -> Any:
        timeouts: dict[str, Any] = {
            "idle_timeout": idle_timeout,
            "absolute_timeout": absolute_timeout,
        }
        if request.param == "memory":
            return MemorySessionStore(**timeouts)
        url = with_few_rights(request.getfixturevalue(request.param))
        store = RedisSessionStore(RedisTransport(url, timeout=10.0), **timeouts)
        made.append(store)
        return store

    yield make
    for store in made:
        store.close()


class Answer(Response):
    @property
    def text(self) -> str:
        return self.get_data(as_text=True)


@dataclass
class Visitor:
    """A browser: keeps cookies and makes requests of its own or several at once."""

    interface: SessionInterface
    cookies: dict[str, str] = field(default_factory=dict)
    scheme: str = "http"

    def request(self) -> Request:
        environ = EnvironBuilder(base_url=f"{self.scheme}://shop.example/").get_environ()
        if self.cookies:
            environ["HTTP_COOKIE"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        return Request(environ)

    def visit(self, view: Callable[[Any], Any] | None = None, *, exclusive: bool = False) -> Answer:
        """One request whose view is given the session."""
        request, response = self.request(), Answer()
        if view is not None:
            session = self.interface.open(request, exclusive=exclusive)
            try:
                response.set_data(str(view(session)))
                self.interface.save(request, session, response)
            finally:
                self.interface.release(session)
        self.take_cookies(response)
        return response

    def start(self, *, exclusive: bool = False) -> InFlight:
        """A request that has loaded its session and is not answered yet."""
        request = self.request()
        session = self.interface.open(request, exclusive=exclusive)
        return InFlight(self.interface, request, session)

    def another(self) -> Visitor:
        """Somebody else, at the same site."""
        return Visitor(self.interface, scheme=self.scheme)

    def take_cookies(self, response: Response) -> None:
        for header in response.headers.getlist("Set-Cookie"):
            ((name, value),) = list(parse_cookie(header.partition(";")[0]).items())
            self.cookies[name] = value
            if not value:
                del self.cookies[name]

    @property
    def cookie(self) -> str:
        (value,) = self.cookies.values()
        return value


@dataclass
class InFlight:
    interface: SessionInterface
    request: Request
    session: Any

    def finish(self) -> Response:
        response = Response()
        self.interface.save(self.request, self.session, response)
        return response


@pytest.fixture
def make_visitor(make_store: MakeStore) -> Callable[..., Visitor]:
    def make(
        secure: bool = False, options: dict[str, Any] | None = None, **timeouts: float
    ) -> Visitor:
        cookie = SessionCookie("session", secure=secure, max_age=1000)
        options = {"time_budget": 60.0} | (options or {})
        interface = ServerSideSessionInterface(
            make_store(**timeouts), SessionIds([SECRET]), cookie, **options
        )
        return Visitor(interface)

    return make


@pytest.fixture
def visitor(make_visitor: Callable[..., Visitor]) -> Visitor:
    return make_visitor()


@pytest.fixture
def make_visitor_of() -> Callable[[SessionInterface], Visitor]:
    return Visitor
