from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from framework import App, Rule
from framework.extensions import ExtensibleApp, Extension
from framework.testing import TestClient

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeApp


class Counter(Extension):
    """Counts requests, for each app on its own."""

    def init_app(self, app: App) -> None:
        app.extensions["counter"] = 0
        app.before_request(self.count)

    def count(self, request):
        request.app.extensions["counter"] += 1


def test_one_extension_serves_two_apps(make_app: MakeApp) -> None:
    extension = Counter()
    apps = [make_app(Rule("/", lambda request: "", endpoint="view")) for _ in range(2)]
    for app in apps:
        extension.init_app(app)
    TestClient(apps[0]).get("/")
    assert [app.extensions["counter"] for app in apps] == [1, 0]


class Journal:
    """Writes a line for each request, with it or not at all; and reads them for everybody."""

    def init_app(self, app: ExtensibleApp) -> None:
        app.extensions["journal"] = self
        app.on_worker_start(self.make_table)
        app.after_request(self.write)

    def make_table(self, app: ExtensibleApp) -> None:
        with app.database.engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS journal (path TEXT)")

    def write(self, request, response):
        request.db.execute(text("INSERT INTO journal VALUES (:path)"), {"path": request.path})

    def read(self, app: ExtensibleApp) -> list[str]:
        with app.database.session() as db:
            return list(db.scalars(text("SELECT path FROM journal")))


def test_extension_uses_the_database_of_the_app_it_is_given(
    make_app: MakeApp, tmp_path: Path
) -> None:
    journal = Journal()
    apps = [
        make_app(
            Rule("/", lambda request: "", endpoint="view"),
            Rule("/fail", lambda request: ("", 500), endpoint="fail"),
            database_url=f"sqlite:///{tmp_path}/{number}.db",
        )
        for number in range(2)
    ]
    for app in apps:
        journal.init_app(app)
        TestClient(app).get("/fail")
    TestClient(apps[0]).get("/")
    assert [journal.read(app) for app in apps] == [["/"], []]
    for app in apps:
        app.stop_worker()
