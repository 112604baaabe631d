"""Real drivers in a process of its own, because gevent patches the one it is in."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration

PATCH = "from gevent import monkey; monkey.patch_all()\n"
PROBE = """
import json
from deploy.gunicorn.blocking import blocking_drivers
print(json.dumps(blocking_drivers()))
"""
COOPERATIVE_PSYCOPG2 = """
import psycopg2.extensions
from gevent.socket import wait_read, wait_write

def wait(connection):
    while (state := connection.poll()) != psycopg2.extensions.POLL_OK:
        ready = wait_read if state == psycopg2.extensions.POLL_READ else wait_write
        ready(connection.fileno())

psycopg2.extensions.set_wait_callback(wait)
"""


def blocking(code: str) -> list[str]:
    result = subprocess.run(
        [sys.executable, "-c", PATCH + code + PROBE],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found: list[str] = json.loads(result.stdout)
    return found


def test_a_driver_that_waits_in_c_is_named_with_a_way_out() -> None:
    [found] = blocking("import psycopg2, psycopg, pymysql")
    assert found.startswith("psycopg2: ")
    assert "psycopg 3" in found


def test_a_driver_that_was_made_cooperative_is_fine() -> None:
    assert blocking("import psycopg2" + COOPERATIVE_PSYCOPG2) == []


def test_what_the_app_has_not_imported_is_not_looked_at() -> None:
    assert blocking("") == []
