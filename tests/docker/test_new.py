"""What `twofold new` writes, built and run by its own Dockerfile and Compose file."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.docker.project import eventually

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600), pytest.mark.usefixtures("engine")]

ROOT = Path(__file__).parents[2]
# The package is installed from this checkout, wherever an index may have it too. The compiler comes
# by the same words as in the example's Dockerfile, so that it is fetched once for both.
BASE = """\
FROM python:3.13-slim
RUN apt-get update -q \\
    && apt-get install -y -q --no-install-recommends gcc libc6-dev \\
    && rm -rf /var/lib/apt/lists/*
COPY *.whl /wheels/
RUN pip config --global set global.find-links /wheels
"""


def run(*command: str | Path, folder: Path, **environ: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environ}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def nodes_that_answer(port: str) -> set[str]:
    """Their names, as the page's footer says; none as long as a request fails."""
    names = set()
    try:
        for _ in range(8):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
                names.add(answer.read().decode().partition("Answered by ")[2].partition("<")[0])
    except OSError:
        return set()
    return names


def test_new_project_runs_on_two_containers(tmp_path: Path) -> None:
    name = f"tfnew{os.getpid()}"
    base = tmp_path / "base"
    base.mkdir()
    (base / "Dockerfile").write_text(BASE)
    wheel = ("pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(base), str(ROOT))
    run(sys.executable, "-m", *wheel, folder=tmp_path)
    run("docker", "build", "--quiet", "--tag", f"{name}-base", str(base), folder=tmp_path)
    run(Path(sys.executable).with_name("twofold"), "new", "my_site", folder=tmp_path)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environ = {
        "PORT": port,
        "PYTHON_IMAGE": f"{name}-base",
        "WEB_IMAGE": name,
    }
    project = tmp_path / "my_site"
    run("sh", "docker/make-secrets", folder=project)
    compose = ("docker", "compose", "--project-name", name)
    try:
        up = ("up", "--detach", "--wait", "--scale", "web=2", "balancer", "web")
        try:
            run(*compose, *up, folder=project, **environ)
        except AssertionError as error:
            error.add_note(run(*compose, "logs", "--tail", "20", "web", folder=project, **environ))
            raise
        # The balancer looks for itself who serves, and may learn it later than the engine.
        eventually(lambda: len(nodes_that_answer(port)) == 2, what="both nodes answer")
    finally:
        run(*compose, "down", "--volumes", "--timeout", "5", folder=project, **environ)
        run("docker", "image", "rm", "--force", name, f"{name}-base", folder=project)
