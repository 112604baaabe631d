"""A small app as a project of the compose target, for tests."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.settings import load_deployment
from deploy.targets.compose import ComposeTarget
from tests.docker.project import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.deployment import Deployment

APP = """\
import os, time

def app(environ, start_response):
    if environ["PATH_INFO"] == "/wait":
        time.sleep(2)
    elif environ["QUERY_STRING"]:
        time.sleep(0.01)
    names = ("TWOFOLD_VERSION", "TWOFOLD_NODE", "TWOFOLD_SLOT")
    body = " ".join(os.environ[name] for name in names).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
NOT_READY = """\
import sys

print("no key is set", file=sys.stderr, flush=True)

def app(environ, start_response):
    start_response("503 Not Ready", [])
    return [b"the key is missing"]
"""
DOCKERFILE = """\
FROM {image}
ARG VERSION=dev
ENV TWOFOLD_VERSION=$VERSION
WORKDIR /site
COPY site_app.py .
"""
SETTINGS = """\
app = "site_app:app"
name = "{name}"
target = "compose"
nodes = 2
workers = 2
boot_timeout = {boot_timeout}

[balancer]
bind = "127.0.0.1:{port}"
"""
BOOT_TIMEOUT = 120
START_TIMEOUT = 300.0


class Site:
    """Its folder, its name and its port; `remove` leaves nothing in the engine."""

    def __init__(self, folder: Path, image: str) -> None:
        self.folder = folder
        self.name = f"tf-test-{secrets.token_hex(4)}"
        self.port = free_port()
        self.folder.mkdir()
        (folder / "Dockerfile").write_text(DOCKERFILE.format(image=image))
        self.write()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def write(self, app: str = APP, boot_timeout: int = BOOT_TIMEOUT) -> None:
        """The code and the settings of the next version."""
        values = {"name": self.name, "port": self.port, "boot_timeout": boot_timeout}
        (self.folder / "twofold.toml").write_text(SETTINGS.format(**values))
        (self.folder / "site_app.py").write_text(app)

    def deployment(self, **overrides: object) -> Deployment:
        return load_deployment(self.folder, overrides, environ={})

    def up(self) -> ComposeTarget:
        return ComposeTarget.up(self.deployment(), owned=False)

    def twofold(self, *arguments: str) -> subprocess.Popen[str]:
        """A command in a process of its own."""
        code = "from deploy.cli import main; main(prog_name='twofold')"
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def containers(self, service: str = "web") -> list[str]:
        """Ids of those that there are, whatever they do."""
        labels = (
            *("--filter", f"label=com.docker.compose.project={self.name}"),
            *("--filter", f"label=com.docker.compose.service={service}"),
        )
        return docker("ps", "--all", "--quiet", "--no-trunc", *labels).split()

    def processes(self, container: str) -> list[Path]:
        """Where the kernel shows those that run in it."""
        _, *pids = docker("top", container, "-o", "pid").split()
        return [Path("/proc", pid) for pid in pids]

    def began(self, container: str) -> str:
        """When it was started last."""
        return docker("inspect", "--format", "{{.State.StartedAt}}", container)

    def kill(self, container: str) -> None:
        """As a crash does: an end that the engine was not asked for."""
        os.kill(int(docker("inspect", "--format", "{{.State.Pid}}", container)), signal.SIGKILL)

    def leftovers(self) -> str:
        mine = f"label=com.docker.compose.project={self.name}"
        return (
            docker("ps", "--all", "--quiet", "--filter", f"name={self.name}")
            + docker("network", "ls", "--quiet", "--filter", mine)
            + docker("volume", "ls", "--quiet", "--filter", mine)
        )

    def remove(self) -> None:
        """Whatever state a test has left."""
        for kind, options in (("container", ("--all",)), ("volume", ()), ("network", ())):
            found = docker(kind, "ls", *options, "--quiet", "--filter", f"name={self.name}").split()
            if found:
                force = ("--force",) if kind != "network" else ()
                docker(kind, "rm", *force, *found)
        images = docker("image", "ls", "--quiet", "--filter", f"reference={self.name}").split()
        if images:
            docker("image", "rm", "--force", *images)


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def eventually(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"did not come true: {what}"
        time.sleep(0.1)
