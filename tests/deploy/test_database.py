"""A database that loses connections and is restarted under load: who notices, and what is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.deploy.visitors import Visitors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.targets.local import LocalTarget
    from tests.postgres import PostgresServer

    Start = Callable[..., LocalTarget]
    Eventually = Callable[..., None]

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

# A POST is two inserts, so one that is half-written shows. It says its own name.
APP = """\
from framework import App, Rule
from sqlalchemy import text

INSERT = text("INSERT INTO entry (name, part) VALUES (:name, :part)")

def add(request):
    name = request.query_string.decode()
    for part in (1, 2):
        request.db.execute(INSERT, {"name": name, "part": part})
    return name

def look(request):
    return str(request.db.scalar(text("SELECT 1")))

app = App("site_app", urls=[
    Rule("/", add, methods=["POST"]), Rule("/", look, endpoint="look", methods=["GET"])
])
"""


@pytest.mark.parametrize("profile", ["threads", "greenlets"])
def test_only_requests_in_flight_fail_and_what_was_answered_is_there(
    start: Start,
    project: Path,
    eventually: Eventually,
    own_postgres: PostgresServer,
    profile: str,
) -> None:
    (project / "site_app.py").write_text(APP)
    with own_postgres.connect() as connection:
        connection.execute("CREATE TABLE entry (name text, part int, PRIMARY KEY (name, part))")
    target = start(
        profile=profile, env={"DATABASE_URL": own_postgres.url(), "SECRET_KEY": "x" * 16}
    )

    def serve(visitors: Visitors) -> None:
        before = visitors.answered.copy()
        eventually(
            lambda: all(visitors.answered[method] > before[method] + 30 for method in before)
        )

    visitors = Visitors(target.url)
    visitors.answered.update({"GET": 0, "POST": 0})
    with visitors.running():
        serve(visitors)
        with own_postgres.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname IS NOT NULL AND pid <> pg_backend_pid()"
            )
        serve(visitors)
        own_postgres.restart()
        serve(visitors)
    later = Visitors(target.url)
    later.answered.update({"GET": 0, "POST": 0})
    with later.running():
        serve(later)
    assert later.failed == []

    with own_postgres.connect() as connection:
        rows = connection.execute("SELECT name, count(*) FROM entry GROUP BY name").fetchall()
    parts = dict(rows)
    answered = {name for name in (*visitors.answers, *later.answers) if name.startswith("POST")}
    failed = {failure.split()[-1]: failure for failure in visitors.failed_with("POST")}
    assert set(parts.values()) == {2}
    assert answered <= parts.keys()
    # What is there beyond that was being committed when the connection was lost.
    assert all(" 500 " in failed[name] for name in parts.keys() - answered)
    assert {failure.split()[1] for failure in visitors.failed} <= {"500", "503"}
    assert not any(" 500 " in failure for failure in visitors.failed_with("GET"))
