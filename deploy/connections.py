"""How many connections a deployment may open to its database and its store, and who has them.

Every request under way may hold one to each. So a worker opens as many as it answers requests at
once, and needs no more; what it does besides, in threads of its own, comes on top.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from .deployment import Deployment
from .probes import client_url, has_several_servers
from .wording import counted

RESERVED_BY_POSTGRESQL = 3
"""Its default for `superuser_reserved_connections`, which no app gets."""
ASK_TIMEOUT = 2


@dataclass(frozen=True, slots=True)
class Connections:
    """The most connections to one server, if every request under way holds one."""

    each_worker: int
    each_node: int
    steady: int
    """Of all nodes."""
    rolling: int
    """While a roll has one node more."""

    @classmethod
    def of(cls, nodes: int, workers: int, concurrency: int) -> Self:
        a_node = workers * concurrency
        return cls(concurrency, a_node, nodes * a_node, (nodes + 1) * a_node)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that the nodes connect to, and what it allows."""

    name: str
    connections: Connections
    note: str
    """What it has to allow, or does: in words."""
    allowed: int | None = None
    """Connections that it gives to apps, if it could be asked."""

    @property
    def is_enough(self) -> bool | None:
        return None if self.allowed is None else self.allowed >= self.connections.rolling

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "is_enough": self.is_enough}


def ledger(deployment: Deployment, workers: int, env: Mapping[str, str]) -> list[Server]:
    """The servers that `env` names for the nodes; each is asked what it allows.

    `workers` is of one node.
    """
    concurrency = deployment.profile.concurrency
    servers = []
    url = _setting(env, "DATABASE_URL")
    if url is not None and not url.startswith("sqlite"):
        pool = _setting(env, "DATABASE_POOL_SIZE") or ""
        size = int(pool) if pool.isdecimal() and int(pool) else concurrency
        found = Connections.of(deployment.nodes, workers, size)
        servers.append(_database(url, found))
    store = _setting(env, "REDIS_URL")
    found = Connections.of(deployment.nodes, workers, concurrency)
    servers.append(_store(store, found))
    return servers


def text(servers: list[Server], deployment: Deployment, workers: int) -> str:
    """A table with a line for each server, and below it what they allow."""
    heads = (
        "connections",
        "a worker",
        f"a node ({counted(workers, 'workers')})",
        counted(deployment.nodes, "nodes"),
        "during a roll",
    )
    rows: list[tuple[str, ...]] = [heads]
    for server in servers:
        found = server.connections
        numbers = (found.each_worker, found.each_node, found.steady, found.rolling)
        rows.append((server.name, *map(str, numbers)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        f"{row[0]:<{widths[0]}}"
        + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    ]
    return "\n".join([*lines, *(f"{server.name}: {server.note}" for server in servers)])


def _setting(env: Mapping[str, str], name: str) -> str | None:
    """A variable, or what is in the file that NAME_FILE names."""
    if env.get(name):
        return env[name]
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if env.get(f"{name}_FILE"):
            return Path(env[f"{name}_FILE"]).read_text(encoding="utf-8").strip() or None
    return None


def _database(url: str, connections: Connections) -> Server:
    if url.startswith(("mysql", "mariadb")):
        return _mysql(url, connections)
    if not url.startswith("postgres"):
        return Server(
            "database", connections, f"has to allow {connections.rolling} or more connections"
        )
    needed = connections.rolling + RESERVED_BY_POSTGRESQL
    note = (
        f"max_connections of {needed} or more, with {RESERVED_BY_POSTGRESQL} kept for superusers;"
        " behind a pooler that is its max_client_conn"
    )
    asked = _ask_postgresql(url)
    if isinstance(asked, str):
        return Server("database", connections, f"{note}; not asked: {asked}")
    allowed, reserved = asked
    told = f"max_connections is {allowed}, of which {reserved} are reserved"
    return _judged("database", connections, allowed - reserved, told)


def _mysql(url: str, connections: Connections) -> Server:
    asked = _ask_mysql(url)
    if isinstance(asked, str):
        note = f"max_connections of {connections.rolling} or more; not asked: {asked}"
        return Server("database", connections, note)
    in_all, of_a_user = asked
    if 0 < of_a_user < in_all:
        told = f"max_user_connections is {of_a_user}"
        return _judged("database", connections, of_a_user, told)
    return _judged("database", connections, in_all, f"max_connections is {in_all}")


def _store(url: str | None, connections: Connections) -> Server:
    note = f"maxclients of {connections.rolling} or more"
    if url is None:
        return Server("Redis", connections, f"{note}; the default of 10000 will do")
    asked = _ask_redis(url)
    if isinstance(asked, str):
        return Server("Redis", connections, f"{note}; not asked: {asked}")
    return _judged("Redis", connections, asked, f"maxclients is {asked}")


def _judged(name: str, connections: Connections, allowed: int, told: str) -> Server:
    if allowed >= connections.rolling:
        return Server(name, connections, f"{told}: enough, for this deployment alone", allowed)
    return Server(
        name,
        connections,
        f"{told}: TOO FEW for {connections.rolling}. Raise it, or have fewer nodes, workers or"
        " requests at once",
        allowed,
    )


def _ask_postgresql(url: str) -> tuple[int, int] | str:
    """`max_connections` and what is reserved of it, or why they are not known."""
    try:
        import psycopg
    except ImportError:
        return "psycopg is not installed (SHOW max_connections tells)"
    scheme, _, rest = url.partition("://")
    plain = f"postgresql://{rest}" if scheme.startswith("postgres") else url
    question = (
        "SELECT name, setting::int FROM pg_settings WHERE name IN"
        " ('max_connections', 'superuser_reserved_connections', 'reserved_connections')"
    )
    try:
        with psycopg.connect(plain, connect_timeout=ASK_TIMEOUT) as connection:
            found: dict[str, int] = dict(connection.execute(question).fetchall())
    except psycopg.Error as error:
        return _first_line(error)
    allowed = found.pop("max_connections")
    return allowed, sum(found.values())


def _ask_mysql(url: str) -> tuple[int, int] | str:
    """`max_connections` and `max_user_connections` (0: no limit), or why they are not known."""
    from sqlalchemy import create_engine, make_url, text
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    try:
        engine = create_engine(
            make_url(url).set(drivername="mysql+pymysql"),
            poolclass=NullPool,
            connect_args={"connect_timeout": ASK_TIMEOUT, "read_timeout": ASK_TIMEOUT},
        )
        with engine.connect() as connection:
            question = text("SELECT @@max_connections, @@max_user_connections")
            in_all, of_a_user = connection.execute(question).one()
    except ImportError:
        return "PyMySQL is not installed (SELECT @@max_connections tells)"
    # PyMySQL refuses what it does not know, and what it would need another package for.
    except (SQLAlchemyError, TypeError, ValueError, RuntimeError) as error:
        return _first_line(getattr(error, "orig", None) or error)
    return in_all, of_a_user


def _ask_redis(url: str) -> int | str:
    """`maxclients`, or why it is not known."""
    if has_several_servers(url):
        return "several servers (CONFIG GET maxclients tells, on each)"
    try:
        import redis
    except ImportError:
        return "redis is not installed (CONFIG GET maxclients tells)"
    try:
        with _client(redis, url) as client:
            return int(client.info("clients")["maxclients"])
    except (redis.RedisError, OSError, ValueError, KeyError) as error:
        return _first_line(error)


@contextlib.contextmanager
def _client(redis: Any, url: str) -> Iterator[Any]:
    client = redis.Redis.from_url(
        client_url(url),
        socket_timeout=ASK_TIMEOUT,
        socket_connect_timeout=ASK_TIMEOUT,
    )
    try:
        yield client
    finally:
        client.close()


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
