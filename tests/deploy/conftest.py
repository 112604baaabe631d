"""Deployments for tests: small apps in temporary folders, on free ports, ended whatever happens."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.deployment import Deployment
from deploy.settings import load_deployment
from deploy.targets.local import LocalTarget

APP = """\
import os, time

def app(environ, start_response):
    if environ["PATH_INFO"] == "/wait":
        go = os.path.join(os.path.dirname(__file__), "go")
        while not os.path.exists(go):
            time.sleep(0.02)
    names = ("TWOFOLD_NODE", "TWOFOLD_SLOT")
    said = [os.environ[name] for name in names] + [str(os.getpid())]
    said += [environ.get("HTTP_" + environ["QUERY_STRING"], "-")]
    body = " ".join(said).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""

SHORT_TEMPORARY_FOLDER = "/tmp"


@pytest.fixture(autouse=True)
def own_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No setting of whoever runs the tests, and run directories of the test's own."""
    for variable in ("REDIS_URL", "WEB_CONCURRENCY", "PORT", "GUNICORN_CMD_ARGS", "SECRET_KEY"):
        monkeypatch.delenv(variable, raising=False)
    # Deployments in containers of this machine's engine are none of a test's.
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    # pytest's folders are too deep for unix sockets.
    short = Path(SHORT_TEMPORARY_FOLDER) / f"tf-{tmp_path.name[:20]}-{time.monotonic_ns() % 10**9}"
    short.mkdir()
    monkeypatch.setenv("TMPDIR", str(short))
    monkeypatch.setattr("tempfile.tempdir", None)
    yield
    assert list(short.iterdir()) == []
    short.rmdir()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with a small app, `site_app:app`: it answers /wait once there is `go`."""
    (tmp_path / "site_app.py").write_text(APP)
    return tmp_path


@pytest.fixture
def deployment(project: Path) -> Callable[..., Deployment]:
    def make(app: str = "site_app:app", **overrides: object) -> Deployment:
        values = {"app": app, "balancer.bind": "127.0.0.1:0", **overrides}
        return load_deployment(project, values, environ={})

    return make


@pytest.fixture
def start(deployment: Callable[..., Deployment]) -> Iterator[Callable[..., LocalTarget]]:
    """Starts deployments, and ends them with the test."""
    targets: list[LocalTarget] = []

    def up(app: str = "site_app:app", **overrides: object) -> LocalTarget:
        targets.append(LocalTarget.up(deployment(app, **overrides), owned=True))
        return targets[-1]

    yield up
    for target in targets:
        target.down()


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Waits until a condition holds, and fails if it does not within a generous time."""

    def wait(condition: Callable[[], bool], seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true"
            time.sleep(0.02)

    return wait
