"""Database drivers that would block a worker of greenlets.

gevent makes Python's sockets cooperative, but a driver that waits in C holds the whole process:
while one visitor's query runs, no other visitor is served. Whether a driver does that depends on
its version and on what was patched, so it is tried out: it connects to a server of this process
that says nothing for a while, and another greenlet counts whether it gets its turns meanwhile.
"""

import importlib
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

SILENCE = 0.2
TURN = 0.01
ENOUGH_TURNS = 2

Connect = Callable[[Any, str, int], object]


def _libpq(module: Any, host: str, port: int) -> object:
    return module.connect(host=host, port=port, user="probe", dbname="probe", sslmode="disable")


def _mysql(module: Any, host: str, port: int) -> object:
    return module.connect(host=host, port=port, user="probe")


# What the app imports: how it is asked to connect. Other drivers are not looked at.
DRIVERS: dict[str, Connect] = {
    "psycopg": _libpq,
    "psycopg2": _libpq,
    "MySQLdb": _mysql,
    "pymysql": _mysql,
    "mysql.connector": _mysql,
}

WAYS_OUT = {
    "psycopg2": "use psycopg 3, or call psycogreen.gevent.patch_psycopg()",
    "MySQLdb": "use PyMySQL",
}
OTHER_WAY_OUT = "use a driver that gevent can patch, or the profile threads"


def blocking_drivers() -> list[str]:
    """The drivers that the app has imported and that block, each with a way out.

    To be called in a worker whose standard library gevent has patched.
    """
    imported = [name for name in DRIVERS if name in sys.modules]
    return [f"{name}: {WAYS_OUT.get(name, OTHER_WAY_OUT)}" for name in imported if _blocks(name)]


def _blocks(name: str) -> bool:
    import gevent

    module = importlib.import_module(name)
    turns = 0

    def take_turns() -> None:
        nonlocal turns
        while True:
            gevent.sleep(TURN)
            turns += 1

    counter = gevent.spawn(take_turns)
    # Let it begin, or the first turn would be counted late.
    gevent.sleep(0)
    try:
        with _silent_server() as (host, port), suppress(Exception):
            DRIVERS[name](module, host, port)
    finally:
        counter.kill()
    return turns < ENOUGH_TURNS


@contextmanager
def _silent_server() -> Iterator[tuple[str, int]]:
    """Accepts one connection, says nothing for SILENCE seconds, and closes it."""
    from gevent import monkey

    # What is blocked must not be what ends the wait: a thread and sockets of the system's own.
    start, sleep = (
        monkey.get_original("_thread", "start_new_thread"),
        monkey.get_original("time", "sleep"),
    )
    listener = monkey.get_original("socket", "socket")(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)
    # Nobody comes where a driver refuses its arguments; the thread must end all the same.
    listener.settimeout(10 * SILENCE)

    def serve() -> None:
        with suppress(OSError), listener:
            connection, _ = listener.accept()
            sleep(SILENCE)
            connection.close()

    host, port = listener.getsockname()
    start(serve, ())
    yield host, port
