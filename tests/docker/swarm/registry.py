"""A Docker registry of our own, for the hosts, which lets in who has logged in."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = "docker-registry"
START_TIMEOUT = 30.0

LOGIN = "visitor:correct horse"
# The same with bcrypt, the only kind that the registry reads.
HASHED_LOGIN = "visitor:$2b$04$Z7Fm5HuthXOe3oubHDafAuT1hm3PUN0INl/KSA6ZoJEzS2u5FXcgK\n"
SETTINGS = """\
version: 0.1
storage:
  filesystem: {{ rootdirectory: {folder}/images }}
  delete: {{ enabled: true }}
http: {{ addr: "{place}" }}
auth:
  htpasswd: {{ realm: tests, path: {folder}/htpasswd }}
log: {{ level: warn }}
"""


def why_not() -> str | None:
    """Why there can be none here, or None."""
    if shutil.which(PROGRAM) is None:
        return f"there is no {PROGRAM}, which is in Debian's package of that name"
    return None


@contextmanager
def registry(folder: Path, address: str) -> Iterator[str]:
    """One on a port of the address until the block ends: its name, as images have it."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        place = f"{address}:{probe.getsockname()[1]}"
    (folder / "htpasswd").write_text(HASHED_LOGIN)
    (folder / "config.yml").write_text(SETTINGS.format(folder=folder, place=place))
    command = (PROGRAM, "serve", str(folder / "config.yml"))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait(place, process, folder / "log")
        yield place
    finally:
        process.terminate()
        process.wait()


def logged_in(folder: Path, place: str) -> str:
    """As in DOCKER_CONFIG: what `docker login` leaves in the user's folder."""
    auth = base64.b64encode(LOGIN.encode()).decode()
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"auths": {place: {"auth": auth}}}))
    return str(folder)


def _wait(place: str, process: subprocess.Popen[bytes], log: Path) -> None:
    address, _, port = place.partition(":")
    end = time.monotonic() + START_TIMEOUT
    while True:
        try:
            socket.create_connection((address, int(port)), timeout=1).close()
        except OSError:
            said = log.read_text(errors="replace")
            assert process.poll() is None, said
            assert time.monotonic() < end, said
            time.sleep(0.1)
        else:
            return
