"""An engine with Compose and the base images, the shop's image, or the reason why there is none."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

# What a developer has in the environment while building; no image may have it.
PLANTED_SECRET = "planted-" + secrets.token_hex(16)


@pytest.fixture(scope="session")
def engine() -> None:
    """Skips where Docker cannot run what the Compose file describes."""
    if shutil.which("docker") is None:
        pytest.skip("there is no docker command")
    answer = _run("docker", "version", "--format", "{{.Server.Version}}")
    if answer.returncode != 0:
        pytest.skip(f"no Docker engine answers: {answer.stderr.strip()}")
    if _run("docker", "compose", "version").returncode != 0:
        pytest.skip("docker has no plugin 'compose' (v2); tests/docker/prepare installs it")
    images = _run(str(HERE / "base-images"))
    if images.returncode != 0:
        pytest.skip(f"base images are missing: {images.stderr.strip()}")


@pytest.fixture(scope="session")
def shop_image(engine: None) -> Iterator[str]:
    """The example shop's image, built once for all tests, by a tag of its own."""
    name = f"twofold-test-shop-{secrets.token_hex(4)}"
    build = ("docker", "build", "--quiet", "--tag", name, str(ROOT))
    built = _run(*build, SECRET_KEY=PLANTED_SECRET, DATABASE_URL=PLANTED_SECRET)
    assert built.returncode == 0, built.stderr
    yield name
    _run("docker", "image", "rm", "--force", name)


@pytest.fixture(scope="session")
def secrets_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the project's script makes, somewhere else than in the checkout."""
    project = tmp_path_factory.mktemp("project")
    script = project / "docker" / "make-secrets"
    script.parent.mkdir()
    shutil.copy(ROOT / "docker" / "make-secrets", script)
    subprocess.run(["sh", script], check=True)
    return project / "secrets"


def _run(*command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "DOCKER_BUILDKIT": "1", **environ}
    return subprocess.run(command, capture_output=True, text=True, timeout=800, env=env)
