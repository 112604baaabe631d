"""Flask apps that keep their sessions in a real Valkey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flask
import pytest

from framework.contrib.flask import RedisSessionInterface
from tests.framework.redis_servers import at_once_fixture as at_once_fixture
from tests.framework.redis_servers import no_connection_is_left as no_connection_is_left
from tests.framework.redis_servers import own_server as own_server
from tests.framework.redis_servers import valkey as valkey
from tests.framework.redis_servers import wait_until_fixture as wait_until_fixture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.framework.redis_servers import Server


@pytest.fixture
def make_app(valkey: Server) -> Iterator[Callable[..., flask.Flask]]:
    """Make an app with its sessions in Redis; arguments in lower case are the interface's."""
    interfaces: list[RedisSessionInterface] = []

    def make(url: str = "", **options: Any) -> flask.Flask:
        app = flask.Flask("no_such_package")
        settings = {name: value for name, value in options.items() if name.isupper()}
        arguments = {name: value for name, value in options.items() if not name.isupper()}
        app.config.update(SECRET_KEY="a key for tests only", **settings)
        arguments.setdefault("timeout", 10.0)
        interface = RedisSessionInterface(url or valkey.url, **arguments)
        interfaces.append(interface)
        app.session_interface = interface
        return app

    yield make
    for interface in interfaces:
        interface.close()


@pytest.fixture
def app(make_app: Callable[..., flask.Flask]) -> flask.Flask:
    return make_app(TESTING=True)
