"""Settings of gunicorn's about processes, files and logs, on each of our worker classes."""

from __future__ import annotations

import os
import re
import signal
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy import procfs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from conftest import Server

    Start = Callable[..., Server]
    Eventually = Callable[..., None]

pytest.importorskip("gunicorn_h1c")
pytestmark = pytest.mark.integration

CLASSES = ["sync", "gthread", "gevent"]

TELLING_APP = """
import os
def app(environ, start_response):
    if environ["PATH_INFO"] == "/print":
        print("printed by the app", flush=True)
    body = f"{os.getuid()} {os.getgid()} {os.environ.get('COLOUR')}".encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


def body_of(server: Server, target: str = "/") -> list[str]:
    return server.get(target).rpartition(b"\r\n\r\n")[2].decode().split()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder for everybody; pytest's own are for the user who runs the tests."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
@pytest.mark.parametrize("own", CLASSES)
def test_owner_environment_pid_file_and_captured_output(
    run: Callable[..., AbstractContextManager[Server]],
    ours: dict[str, str],
    open_folder: Path,
    own: str,
) -> None:
    log, pid_file = open_folder / "error.log", open_folder / "pid"
    options = (
        *("--user", "65534", "--group", "65533", "--env", "COLOUR=green"),
        *("--pid", str(pid_file), "--error-logfile", str(log), "--capture-output"),
    )
    with run(open_folder, ours[own], *options, text=TELLING_APP) as server:
        assert body_of(server) == ["65534", "65533", "green"]
        assert pid_file.read_text().strip() == str(server.process.pid)
        body_of(server, "/print")
        assert "printed by the app" in log.read_text()


@pytest.mark.parametrize("own", CLASSES)
def test_a_changed_file_replaces_the_worker(
    start: Start, ours: dict[str, str], tmp_path: Path, eventually: Eventually, own: str
) -> None:
    server = start(ours[own], "--reload", "--reload-engine", "poll", text=TELLING_APP)
    file = tmp_path / "told.py"
    file.write_text(TELLING_APP.replace("COLOUR", "PYTHONPATH"))

    def noticed() -> bool:
        # Newer each time: the change may have come before gunicorn first looked at the file.
        os.utime(file)
        return "Worker reloading" in server.log.read_text()

    eventually(noticed, seconds=60)
    eventually(lambda: str(tmp_path) in body_of(server)[2], seconds=60)


@pytest.mark.parametrize("own", CLASSES)
@pytest.mark.parametrize("sig", [signal.SIGABRT, signal.SIGQUIT, signal.SIGTERM])
def test_a_worker_that_is_told_to_end_ends_with_its_threads(
    start: Start, ours: dict[str, str], eventually: Eventually, own: str, sig: signal.Signals
) -> None:
    server = start(ours[own], "--threads", "3")
    server.get("/")
    [worker] = procfs.children(server.process.pid)
    os.kill(worker, sig)
    eventually(lambda: not procfs.runs(worker))
    assert server.get("/").startswith(b"HTTP/1.1 200")


ATOMS = (
    "%(h)s|%(l)s|%(u)s|%(t)s|%(r)s|%(m)s|%(U)s|%(q)s|%(H)s|%(s)s|%(B)s|%(b)s|%(f)s|%(a)s|%(T)s|"
    "%(M)s|%(D)s|%(L)s|%(p)s|%({x-a}i)s|%({content-length}o)s|%({path_info}e)s"
)


@pytest.mark.parametrize("own", CLASSES)
def test_every_atom_of_the_access_log_has_its_value(
    start: Start, ours: dict[str, str], own: str, eventually: Eventually
) -> None:
    server = start(ours[own], "--access-logfile", "-", "--access-logformat", ATOMS)
    server.get(
        "/wait?0.05", "X-A: x", "User-Agent: me", "Referer: there", "Authorization: Basic dTpw"
    )
    [worker] = procfs.children(server.process.pid)
    eventually(lambda: "/wait" in server.log.read_text())
    [line] = [line for line in server.log.read_text().splitlines() if "/wait" in line]
    found = dict(zip(re.findall(r"%\((.+?)\)s", ATOMS), line.split("|"), strict=True))
    length = found["{content-length}o"]
    assert re.fullmatch(r"\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]", found.pop("t"))
    seconds, milliseconds, microseconds = found.pop("T"), found.pop("M"), found.pop("D")
    assert int(seconds) <= int(milliseconds) / 1000 <= int(microseconds) / 1e6
    assert int(microseconds) >= 50_000
    assert float(found.pop("L")) == pytest.approx(int(microseconds) / 1e6)
    assert found == {
        "h": "127.0.0.1",
        "l": "-",
        "u": "u",
        "r": "GET /wait?0.05 HTTP/1.1",
        "m": "GET",
        "U": "/wait",
        "q": "0.05",
        "H": "HTTP/1.1",
        "s": "200",
        "B": length,
        "b": length,
        "f": "there",
        "a": "me",
        "p": f"<{worker}>",
        "{x-a}i": "x",
        "{content-length}o": length,
        "{path_info}e": "/wait",
    }


LOG_CONFIGURATION = """
[loggers]
keys=root,access
[handlers]
keys=file
[formatters]
keys=plain
[logger_root]
level=INFO
handlers=
[logger_access]
level=INFO
handlers=file
qualname=gunicorn.access
propagate=0
[handler_file]
class=FileHandler
formatter=plain
args=("access.log",)
[formatter_plain]
format=configured %(message)s
"""


def test_a_configuration_of_the_logs_is_used(
    start: Start, ours: dict[str, str], tmp_path: Path, eventually: Eventually
) -> None:
    (tmp_path / "logs.ini").write_text(LOG_CONFIGURATION)
    server = start(ours["gthread"], "--log-config", "logs.ini")
    server.get("/configured")
    log = tmp_path / "access.log"
    eventually(lambda: "GET /configured HTTP/1.1" in log.read_text())
    assert log.read_text().startswith("configured 127.0.0.1")


def test_the_system_log_is_told(start: Start, ours: dict[str, str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as syslog:
        syslog.bind(("127.0.0.1", 0))
        syslog.settimeout(60)
        address = f"udp://127.0.0.1:{syslog.getsockname()[1]}"
        server = start(ours["gthread"], "--log-syslog", "--log-syslog-to", address)
        server.get("/told")
        while b"GET /told HTTP/1.1" not in syslog.recv(10_000):
            pass


CHORES = """
from gunicorn.dirty.app import DirtyApp
class Chores(DirtyApp):
    def double(self, number):
        return 2 * number
"""
CHORES_USER = """
from gunicorn.dirty import get_dirty_client
def app(environ, start_response):
    said = b"up"
    if environ["PATH_INFO"] == "/chore":
        said = str(get_dirty_client().execute("chores:Chores", "double", 21)).encode()
    start_response("200 OK", [("Content-Length", str(len(said)))])
    return [said]
"""


@pytest.mark.parametrize("own", ["sync", "gthread"])
def test_a_dirty_worker_does_its_chores(
    start: Start, ours: dict[str, str], tmp_path: Path, eventually: Eventually, own: str
) -> None:
    (tmp_path / "chores.py").write_text(CHORES)
    options = ("--dirty-app", "chores:Chores", "--dirty-workers", "1")
    server = start(ours[own], *options, text=CHORES_USER)
    # It may boot later than the worker that asks it.
    eventually(lambda: body_of(server, "/chore") == ["42"])
