"""Several processes that upgrade one database at once, also where one of them dies."""

from __future__ import annotations

import select
import shutil
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa

from framework.database.migrations import Migrations, connections, locks
from framework.database.migrations.exceptions import FailedMigration, LockTimeout
from tests.framework.database.migrated_app import ITEMS, make_project, project
from tests.framework.database.servers import pgbouncer

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.framework.database.migrated_app import MakeProject, Project
    from tests.postgres import PostgresDatabase, PostgresServer

__all__ = ["make_project", "project"]

WAITING = "waiting for another process that upgrades this database"
SECONDS = 60.0


def silent(text: str) -> None:
    pass


@contextmanager
def locked(project: Project) -> Iterator[None]:
    """Hold the lock as an upgrade does."""
    engine = connections.make_engine(project.app.database.url)
    with locks.one_at_a_time(engine, wait=SECONDS, report=silent):
        yield


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.integration
def test_of_five_upgrades_at_once_one_does_it_and_none_fails(project: Project) -> None:
    project.add("one", None, ITEMS + "    op.execute(\"INSERT INTO item VALUES (1, 'tea')\")\n")
    with locked(project):
        upgrades = [project.start("upgrade") for _ in range(5)]
        assert [WAITING in first_line(upgrade) for upgrade in upgrades] == [True] * 5
    told = [upgrade.communicate(timeout=SECONDS)[0] for upgrade in upgrades]
    assert [upgrade.returncode for upgrade in upgrades] == [0] * 5, told
    assert sum("Running upgrade" in text for text in told) == 1
    assert all("The database is at revision one." in text for text in told)


@pytest.mark.integration
def test_the_lock_of_a_killed_upgrade_is_free(project: Project) -> None:
    wait = "    print('held', flush=True)\n    import time\n    time.sleep(600)\n"
    project.add("one", None, wait)
    holder = project.start("upgrade")
    assert "Running upgrade" in first_line(holder)
    assert first_line(holder) == "held\n"
    waiter = project.start("upgrade", "--wait", "60")
    waiting = first_line(waiter)
    assert WAITING in waiting
    assert ("server process" in waiting) == project.url.startswith("postgresql")
    # Written anew for the one that waits, which has not read it yet when it gets its turn.
    waiter.kill()
    waiter.communicate()
    project.add("one", None, ITEMS)
    holder.kill()
    holder.communicate()
    project.migrations.upgrade()
    assert project.migrations.current() == ("one",)


def test_who_waits_has_a_limit(project: Project) -> None:
    project.add("one", None, ITEMS)
    with locked(project), pytest.raises(LockTimeout, match=r"not done after 0\.2 seconds"):
        Migrations(project.app, wait=0.2).upgrade()
    assert project.migrations.current() == ()


def test_with_nothing_to_do_nobody_waits(project: Project) -> None:
    project.add("one", None, ITEMS)
    project.migrations.upgrade()
    told: list[str] = []
    with locked(project):
        Migrations(project.app, wait=0).upgrade(report=told.append)
    assert told == ["The database is at revision one, the newest: nothing to do."]


@pytest.mark.integration
def test_an_index_is_built_beside_visitors_while_another_upgrade_waits(
    make_project: MakeProject, postgres: PostgresDatabase
) -> None:
    """It waits for every statement under way, so a waiting one would be waited for in a circle."""
    project = make_project(postgres.url)
    project.add(
        "one",
        None,
        ITEMS
        + f"""
    with op.get_context().autocommit_block():
        print("item is there", flush=True)
        import os, time
        while not os.path.exists({str(project.folder / "go")!r}):
            time.sleep(0.01)
        op.create_index("ix_name", "item", ["name"], postgresql_concurrently=True)
""",
    )
    holder = project.start("upgrade")
    assert [first_line(holder), first_line(holder)][1] == "item is there\n"
    waiter = project.start("upgrade")
    assert WAITING in first_line(waiter)
    (project.folder / "go").touch()
    for process in (holder, waiter):
        told, _ = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, told


@pytest.mark.integration
def test_a_table_that_is_in_use_is_not_waited_for_long(
    make_project: MakeProject, postgres: PostgresDatabase
) -> None:
    project = make_project(postgres.url)
    project.add("one", None, ITEMS)
    project.add("two", "one", '    op.add_column("item", sa.Column("price", sa.Integer()))')
    project.migrations.upgrade("one")
    impatient = Migrations(project.app, lock_timeout=1)
    with psycopg.connect(postgres.url) as visitor:
        visitor.execute("SELECT * FROM item")
        with pytest.raises(FailedMigration, match="--lock-timeout") as failure:
            impatient.upgrade()
    assert "the database is at revision one, as before" in str(failure.value)
    project.migrations.upgrade()


@pytest.mark.integration
def test_a_lock_is_of_one_database_alone(
    make_project: MakeProject, postgres: PostgresDatabase
) -> None:
    other = postgres.server.create_database()
    engines = [connections.make_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
               for url in (postgres.url, postgres.server.url(other))]  # fmt: skip
    with (
        locks.one_at_a_time(engines[0], wait=0, report=silent),
        locks.one_at_a_time(engines[1], wait=0, report=silent),
    ):
        pass
    postgres.server.drop_database(other)


@pytest.mark.integration
def test_a_transaction_that_idles_is_not_ended_with_the_lock(
    make_project: MakeProject, own_postgres: PostgresServer
) -> None:
    with own_postgres.connect() as connection:
        connection.execute("ALTER SYSTEM SET idle_in_transaction_session_timeout = '2s'")
        connection.execute("SELECT pg_reload_conf()")
    project = make_project(own_postgres.url())
    project.add("one", None, ITEMS)
    with locked(project), closing(psycopg.connect(own_postgres.url())) as later:
        later.execute("SELECT 1")
        # The server speaks up to end the one that began to idle after the lock.
        assert select.select([later], [], [], SECONDS)[0]
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            later.execute("SELECT 1")
        with pytest.raises(LockTimeout):
            Migrations(project.app, wait=0).upgrade()


@pytest.mark.integration
@pytest.mark.skipif(shutil.which("pgbouncer") is None, reason="PgBouncer is not installed")
def test_the_lock_holds_behind_a_pooler_of_transactions(
    make_project: MakeProject, postgres: PostgresDatabase
) -> None:
    # Not pytest's folder, which is closed to the user that root has to become for it.
    with (
        tempfile.TemporaryDirectory(prefix="pgbouncer-") as folder,
        pgbouncer(Path(folder), postgres.url) as url,
    ):
        project = make_project(url)
        project.add("one", None, ITEMS)
        with locked(project):
            upgrade = project.start("upgrade")
            assert WAITING in first_line(upgrade)
        told, _ = upgrade.communicate(timeout=SECONDS)
        assert upgrade.returncode == 0, told
        assert project.migrations.current() == ("one",)


@pytest.mark.integration
@pytest.mark.parametrize("then", ["", '    op.execute("INSERT INTO nowhere VALUES (1)")\n'])
def test_a_lock_that_the_server_has_ended_hides_nothing(
    make_project: MakeProject, postgres: PostgresDatabase, then: str
) -> None:
    project = make_project(postgres.url)
    project.add(
        "one",
        None,
        f"""{ITEMS}
    op.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
{then}""",
    )
    if then:
        with pytest.raises(FailedMigration, match="nowhere"):
            project.migrations.upgrade()
    else:
        project.migrations.upgrade()
    assert project.migrations.current() == (() if then else ("one",))
