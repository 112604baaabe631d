"""Migrations on MySQL, which cannot roll back a change of a table."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from alembic import command

from framework.database.migrations import Migrations, connections, locks
from framework.database.migrations.exceptions import FailedMigration, LockTimeout, MigrationError
from framework.database.urls import read_url
from tests.framework.database.migrated_app import ITEMS, make_project

if TYPE_CHECKING:
    from tests.framework.database.migrated_app import MakeProject
    from tests.mariadb import MariaDBDatabase, MariaDBServer

__all__ = ["make_project"]

pytestmark = pytest.mark.integration

FAILS = """
    op.execute("INSERT INTO item VALUES (1, 'tea')")
    op.add_column("item", sa.Column("price", sa.Integer()))
    op.execute("INSERT INTO item VALUES (2, 'milk', 3)")
    op.execute("INSERT INTO nowhere VALUES (1)")
"""


def silent(text: str) -> None:
    pass


def test_a_failed_upgrade_tells_what_has_stayed(
    make_project: MakeProject, mariadb: MariaDBDatabase
) -> None:
    project = make_project(mariadb.url)
    project.add("one", None, ITEMS)
    project.add("two", "one", FAILS)
    with pytest.raises(FailedMigration) as failure:
        project.migrations.upgrade()
    message = str(failure.value)
    assert "Running upgrade one -> two, two of the tables failed: " in message
    assert "nowhere" in message
    text = (project.versions / "two.py").read_text()
    line = 1 + text[: text.index("nowhere")].count("\n")
    assert f"{project.versions / 'two.py'}:{line}" in message
    assert (
        "MySQL cannot roll back a change of a table: the database is at revision one, and what the"
        " failed revision did up to its last such change has stayed." in message
    )
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM item")
        assert cursor.fetchall() == ((1, "tea", None),)
        # What the message asks for.
        cursor.execute("DELETE FROM item")
        cursor.execute("ALTER TABLE item DROP COLUMN price")
    project.add("two", "one", FAILS.replace("nowhere VALUES (1)", "item VALUES (3, 'salt', 1)"))
    project.migrations.upgrade()
    assert project.migrations.current() == ("two",)


def test_tables_that_could_not_hold_every_character_are_not_made(
    make_project: MakeProject, mariadb: MariaDBDatabase
) -> None:
    name = mariadb.server.create_database("CHARACTER SET latin1")
    project = make_project(mariadb.server.url(name))
    project.add("one", None, ITEMS)
    with pytest.raises(MigrationError, match=r"character set latin1.*ALTER DATABASE") as refusal:
        project.migrations.upgrade()
    (statement,) = [part for part in str(refusal.value).split("`") if part.startswith("ALTER")]
    with mariadb.server.connect() as connection:
        connection.cursor().execute(statement)
    project.migrations.upgrade()
    with project.app.database.session() as db:
        db.connection().exec_driver_sql("INSERT INTO item VALUES (1, '🍵')")
        assert db.connection().exec_driver_sql("SELECT name FROM item").scalar() == "🍵"
    project.app.database.close()
    mariadb.server.drop_database(name)


@pytest.mark.parametrize("table_itself", [True, False])
def test_a_table_that_is_in_use_is_not_waited_for_long(
    make_project: MakeProject, mariadb: MariaDBDatabase, table_itself: bool
) -> None:
    change = (
        'op.add_column("item", sa.Column("price", sa.Integer()))'
        if table_itself
        else "op.execute(\"UPDATE item SET name = 'ours'\")"
    )
    project = make_project(mariadb.url)
    project.add("one", None, ITEMS + "    op.execute(\"INSERT INTO item VALUES (1, 'tea')\")\n")
    project.add("two", "one", f"    {change}")
    project.migrations.upgrade("one")
    impatient = Migrations(project.app, lock_timeout=1)
    with mariadb.connect() as visitor:
        visitor.begin()
        visitor.cursor().execute("SELECT * FROM item FOR UPDATE")
        with pytest.raises(FailedMigration, match="--lock-timeout") as failure:
            impatient.upgrade()
        visitor.rollback()
    assert "the database is at revision one" in str(failure.value)
    project.migrations.upgrade()


def test_tables_and_rows_are_waited_for_as_long_as_was_said(
    make_project: MakeProject, mariadb: MariaDBDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    look = 'exec_driver_sql("SELECT @@lock_wait_timeout, @@innodb_lock_wait_timeout").one()'
    project = make_project(mariadb.url)
    project.add("one", None, f"    print(op.get_bind().{look})")
    Migrations(project.app, lock_timeout=6.5).upgrade()
    assert capsys.readouterr().out == "(7, 7)\n"


def test_the_lock_is_of_one_database_and_outlives_the_patience_of_the_server(
    make_project: MakeProject, own_mariadb: MariaDBServer
) -> None:
    with own_mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET GLOBAL wait_timeout = 1")
        names = [own_mariadb.create_database() for _ in range(2)]
        engines = [connections.make_engine(read_url(own_mariadb.url(name), "")) for name in names]
        project = make_project(own_mariadb.url(names[0]))
        project.add("one", None, ITEMS)
        with (
            locks.one_at_a_time(engines[0], wait=0, report=silent),
            locks.one_at_a_time(engines[1], wait=0, report=silent),
        ):
            time.sleep(2.5)
            with pytest.raises(LockTimeout, match=r"upgrades this database \(connection \d+\)"):
                Migrations(project.app, wait=0).upgrade()
        cursor.execute("SET GLOBAL wait_timeout = 28800")
    project.migrations.upgrade()


@pytest.mark.parametrize("then", ["", '    op.execute("INSERT INTO nowhere VALUES (1)")\n'])
def test_a_lock_that_the_server_has_ended_hides_nothing(
    make_project: MakeProject, mariadb: MariaDBDatabase, then: str
) -> None:
    project = make_project(mariadb.url)
    end_the_lock = f"""
    connection = op.get_bind()
    others = connection.exec_driver_sql(
        "SELECT id FROM information_schema.processlist"
        " WHERE db = '{mariadb.name}' AND id <> CONNECTION_ID()"
    )
    for number in others.scalars().all():
        connection.exec_driver_sql(f"KILL {{number}}")
"""
    project.add("one", None, f"{ITEMS}{end_the_lock}{then}")
    if then:
        with pytest.raises(FailedMigration, match="nowhere"):
            project.migrations.upgrade()
    else:
        project.migrations.upgrade()
    assert project.migrations.current() == (() if then else ("one",))


@pytest.mark.parametrize("scheme", ["mysql", "mariadb"])
def test_statements_are_printed(
    make_project: MakeProject, capsys: pytest.CaptureFixture[str], scheme: str
) -> None:
    project = make_project(f"{scheme}://nobody@127.0.0.1:1/shop")
    project.add("one", None, ITEMS)
    project.migrations.print_sql(command.upgrade, "head")
    printed = capsys.readouterr().out
    assert "CREATE TABLE item" in printed
    assert "AUTO_INCREMENT" in printed
