"""A Flask app in two gunicorn workers: one session, many requests at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.framework.redis_servers import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.framework.redis_servers import Server

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[4]
APP = """
import os

import flask

from framework.contrib.flask import RedisSessionInterface

app = flask.Flask(__name__)
app.secret_key = "a key for tests only"
app.session_interface = RedisSessionInterface(os.environ["REDIS_URL"], timeout=10.0)


@app.get("/begin")
def begin():
    flask.session["n"] = 0
    return ""


@app.get("/add")
def add():
    flask.session["n"] += 1
    return str(os.getpid())


@app.get("/count")
def count():
    flask.session.incr("counted")
    return str(os.getpid())


@app.get("/read")
def read():
    return dict(flask.session)
"""


class Site:
    """The running app."""

    def __init__(self, address: str) -> None:
        self.url = f"http://{address}"
        self.cookie = ""

    def get(self, path: str) -> tuple[int, str]:
        request = urllib.request.Request(self.url + path, headers={"Cookie": self.cookie})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                if sent := response.headers["Set-Cookie"]:
                    self.cookie = sent.partition(";")[0]
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def is_up(self) -> bool:
        try:
            return self.get("/read")[0] == 200
        except OSError:
            return False


@pytest.fixture
def site(valkey: Server, tmp_path: Path, wait_until: Callable[..., None]) -> Iterator[Site]:
    (tmp_path / "counting.py").write_text(APP)
    site = Site(f"127.0.0.1:{free_port()}")
    address = site.url.removeprefix("http://")
    workers = ("--workers", "2", "--worker-class", "gthread", "--threads", "4")
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", *workers, "--bind", address, "counting:app"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "REDIS_URL": valkey.url},
        stderr=subprocess.DEVNULL,
    )
    wait_until(site.is_up, within=60)
    yield site
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)


def test_no_acknowledged_change_is_lost_between_workers(
    site: Site, at_once: Callable[[list[Callable[[], Any]]], list[Any]]
) -> None:
    assert site.get("/begin")[0] == 200
    added = at_once([lambda: site.get("/add")] * 16)
    counted = at_once([lambda: site.get("/count")] * 16)
    statuses = [status for status, _ in added]
    assert set(statuses) <= {200, 409}
    assert {status for status, _ in counted} == {200}
    kept = statuses.count(200)
    assert kept > 0
    assert site.get("/read") == (200, f'{{"counted":16,"n":{kept}}}\n')
