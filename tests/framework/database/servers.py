"""Programs that tests start beside a PostgreSQL: gunicorn with an app, and PgBouncer."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import psycopg

from tests.framework.redis_servers import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 60.0


@contextmanager
def gunicorn(folder: Path, app: str, url: str, *options: str) -> Iterator[str]:
    """Serve the module ``app``, which has an ``app``; yields its address."""
    (folder / "served.py").write_text(app)
    address = f"127.0.0.1:{free_port()}"
    environ = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}",
        "DATABASE_URL": url,
        "SECRET_KEY": "a key for tests only",
    }
    command = [sys.executable, "-m", "gunicorn", "served:app", "--bind", address]
    log = folder / "gunicorn.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--no-control-socket", *options],
            env=environ,
            cwd=folder,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: get(f"http://{address}/readyz") == "ready\n", process, log)
        yield f"http://{address}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(SECONDS)


@contextmanager
def pgbouncer(folder: Path, url: str) -> Iterator[str]:
    """Put a PgBouncer in transaction mode, with one connection, before the server of ``url``."""
    target = psycopg.conninfo.conninfo_to_dict(url)
    port = free_port()
    root = os.geteuid() == 0
    user = "nobody" if root else None
    settings = folder / "pgbouncer.ini"
    (folder / "users").write_text('"postgres" ""\n')
    settings.write_text(
        "[databases]\n"
        f"* = host={target['host']} port={target['port']} user=postgres\n"
        "[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = any\nauth_file = {folder}/users\n"
        "pool_mode = transaction\ndefault_pool_size = 2\nmax_client_conn = 50\n"
    )
    log = folder / "pgbouncer.log"
    if user is not None:
        for path in [folder, *folder.parents[:3]]:
            path.chmod(path.stat().st_mode | 0o005)
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["pgbouncer", str(settings)],
            stdout=output,
            stderr=output,
            user=user and pwd.getpwnam(user).pw_uid,
            group=user and pwd.getpwnam(user).pw_gid,
            extra_groups=[] if root else None,
        )
    try:
        pooled = f"postgresql://postgres@127.0.0.1:{port}/{target['dbname']}"
        wait_until(lambda: answers(pooled), process, log)
        yield pooled
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(SECONDS)


def get(url: str) -> str | None:
    """Return the body of a page, or what an error says; ``None`` while nobody answers."""
    try:
        with urlopen(url, timeout=SECONDS) as answer:
            return str(answer.read().decode())
    except HTTPError as error:
        return f"{error.code} Retry-After: {error.headers['Retry-After']}"
    except (URLError, ConnectionError):
        return None


def answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def until(condition) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_until(condition, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert process.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < deadline, log.read_text(errors="replace")
        time.sleep(0.05)
