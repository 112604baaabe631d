"""The shop for tests: its database is upgraded once, and each test has a copy."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from framework.database.migrations import upgrade
from framework.testing import TestClient
from tests.examples.shop_visitors import build_app, keep_sessions_in_memory
from tests.framework.redis_servers import at_once_fixture as at_once_fixture
from tests.framework.redis_servers import no_connection_is_left as no_connection_is_left
from tests.framework.redis_servers import own_server as own_server
from tests.framework.redis_servers import valkey as valkey
from tests.framework.redis_servers import wait_until_fixture as wait_until_fixture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shop import Shop


@pytest.fixture(scope="session")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the shop's tables and its first items."""
    file = tmp_path_factory.mktemp("shop") / "shop.db"
    app = build_app(database_url=f"sqlite:///{file}")
    upgrade(app)
    app.close_database()
    return file


@pytest.fixture
def database_url(upgraded: Path, tmp_path: Path) -> str:
    """The URL of a database that is the test's own."""
    return f"sqlite:///{shutil.copy(upgraded, tmp_path / 'shop.db')}"


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder for templates that an earlier test has compiled."""
    return str(tmp_path_factory.mktemp("templates"))


@pytest.fixture
def make_shop(database_url: str, templates: str) -> Iterator[Callable[..., Shop]]:
    """Makes shops with settings of their own on the test's database."""
    shops: list[Shop] = []

    def make(**config: object) -> Shop:
        own = {"database_url": database_url, "template_cache_folder": templates}
        shops.append(build_app(**{**own, **config}))
        return shops[-1]

    yield make
    for shop in shops:
        shop.close_database()
        shop.close_session_interface()


@pytest.fixture(params=["signed cookie", "server side"])
def app(request: pytest.FixtureRequest, make_shop: Callable[..., Shop]) -> Shop:
    """The shop with either kind of session."""
    app = make_shop()
    if request.param == "server side":
        keep_sessions_in_memory(app)
    return app


@pytest.fixture
def client(app: Shop) -> TestClient:
    return TestClient(app)


@pytest.fixture
def merging_app(make_shop: Callable[..., Shop]) -> Shop:
    """The shop with sessions that merge, as those in Redis do."""
    app = make_shop()
    keep_sessions_in_memory(app)
    return app
