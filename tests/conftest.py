"""What holds for every test."""

import signal

import pytest

from tests.mariadb import mariadb, mariadb_server, own_mariadb
from tests.postgres import own_postgres, postgres, postgres_server

__all__ = [
    "mariadb",
    "mariadb_server",
    "own_mariadb",
    "own_postgres",
    "postgres",
    "postgres_server",
]

# `--max-suite-reruns=0` takes it away.
FURTHER_TRIES = pytest.mark.flaky(reruns=2)
KINDS = ("integration", "docker", "browser")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests that start processes two further tries, for the machine may be slow or busy.

    The first failure is shown all the same, with its traceback, and is a fault to be mended.
    """
    for item in items:
        if any(item.get_closest_marker(kind) for kind in KINDS):
            item.add_marker(FURTHER_TRIES)


# A shell that starts the tests in the background has them ignore Ctrl-C, and `nohup` has them
# ignore the end of the terminal. Every program they start inherits that, and the tests that send it
# one of these signals would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
