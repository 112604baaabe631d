"""The image: what is in it, whom it runs as, and what a change of the code costs."""

from __future__ import annotations

import gzip
import json
import secrets
import shutil
import tarfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import pytest

from tests.docker.conftest import PLANTED_SECRET
from tests.docker.project import ROOT, docker, eventually, run, succeeded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

COPIED = ("pyproject.toml", "README.md", "LICENSE", "Dockerfile", ".dockerignore")
FOLDERS = ("framework", "deploy", "loadtests", "docker", "examples/shop")
MEGABYTE = 1_000_000
# What we put on the base image: 103 MB when this was written, 99 of them installed packages.
LARGEST = 120 * MEGABYTE
# An app that needs no store, which every Python has.
PLAIN_APP = ("twofold", "serve", "wsgiref.simple_server:demo_app")


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which a developer has left secrets where people leave them."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in COPIED:
        shutil.copy(ROOT / name, copy)
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (".env", "secrets/secret_key", "examples/shop/shop/.env"):
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_text(PLANTED_SECRET)
    return copy


@contextmanager
def built(context: Path) -> Iterator[str]:
    name = f"twofold-test-image-{secrets.token_hex(4)}"
    docker("build", "--quiet", "--tag", name, str(context))
    try:
        yield name
    finally:
        docker("image", "rm", "--force", name)


def inspected(image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(docker("image", "inspect", image))[0]
    return found


def in_image(image: str, *command: str) -> str:
    return docker("run", "--rm", "--network", "none", image, *command)


def test_it_runs_as_nobody_and_its_commands_need_no_shell(shop_image: str) -> None:
    config = inspected(shop_image)["Config"]
    assert config["User"] == "10001:10001"
    assert config["Cmd"][:2] == ["twofold", "serve"]
    assert config["Healthcheck"]["Test"][:2] == ["CMD", "python"]
    assert config["StopSignal"] == "SIGTERM"
    labels = {name.rpartition(".")[2] for name in config["Labels"]}
    assert labels >= {"title", "description", "licenses", "version", "revision"}


def test_its_settings_come_with_it(shop_image: str) -> None:
    explain = ("--bind", "0.0.0.0:8001", "--explain", "--json")
    explained = json.loads(in_image(shop_image, *PLAIN_APP, *explain))["settings"]
    settings = {setting["name"]: setting for setting in explained}
    assert settings["bind"]["value"] == ["0.0.0.0:8001", "0.0.0.0:8002"]
    assert settings["workers"]["reason"] == "/app/twofold.toml"


def test_it_is_as_small_as_it_is_said_to_be(shop_image: str) -> None:
    base = inspected("python:3.13-slim")["Size"]
    assert inspected(shop_image)["Size"] - base < LARGEST
    for module in ("rich", "locust", "loadtests", "pip"):
        script = f"import sys, importlib.util as u; sys.exit(u.find_spec({module!r}) is not None)"
        in_image(shop_image, "/opt/venv/bin/python", "-c", script)


def test_bytecode_is_compiled(shop_image: str) -> None:
    script = (
        "import importlib.util, pathlib\n"
        "for folder in ('/app/shop', '/opt/twofold/framework', '/opt/twofold/deploy'):\n"
        "    for source in pathlib.Path(folder).rglob('*.py'):\n"
        "        if not pathlib.Path(importlib.util.cache_from_source(source)).exists():\n"
        "            print(source)"
    )
    assert in_image(shop_image, "python", "-c", script) == ""


def test_no_layer_has_a_secret(shop_image: str, context: Path, tmp_path: Path) -> None:
    with built(context) as name:
        docker("save", "--output", str(tmp_path / "image.tar"), name, shop_image)
    described = json.dumps(inspected(shop_image))
    assert PLANTED_SECRET not in described
    with tarfile.open(tmp_path / "image.tar") as archive:
        files = [member for member in archive if member.isfile()]
        assert len(files) > 5
        for member in files:
            stream = archive.extractfile(member)
            assert stream is not None
            assert not holds(stream, PLANTED_SECRET.encode()), member.name


def holds(stream: IO[bytes] | gzip.GzipFile, secret: bytes) -> bool:
    if stream.read(2) == b"\x1f\x8b":
        stream.seek(0)
        return holds(gzip.GzipFile(fileobj=stream), secret)
    stream.seek(0)
    end = b""
    while block := stream.read(1 << 20):
        if secret in end + block:
            return True
        end = block[-len(secret) :]
    return False


def test_a_change_of_the_apps_code_changes_the_last_layer_only(context: Path) -> None:
    with built(context) as before, built(context) as same:
        layers = inspected(before)["RootFS"]["Layers"]
        assert inspected(same)["RootFS"]["Layers"] == layers
        views = context / "examples/shop/shop/views.py"
        views.write_text(views.read_text() + "\n# A change.\n")
        with built(context) as changed:
            found = inspected(changed)["RootFS"]["Layers"]
    assert found[:-1] == layers[:-1]
    assert found[-1] != layers[-1]


def test_two_workers_serve_under_any_user_on_a_root_that_cannot_be_written(shop_image: str) -> None:
    name = f"twofold-test-{secrets.token_hex(4)}"
    locked = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--user", "23456:0")
    options = (*locked, "--init", "--name", name, "--network", "none")
    docker("run", "--detach", *options, shop_image, *PLAIN_APP, "--bind", "0.0.0.0:8001")
    try:
        health = ("docker", "exec", name, "python", "-m", "deploy.gunicorn.health", "/readyz")
        eventually(
            lambda: run(*health, "8001", "8002").returncode == 0, what="both workers answering"
        )
        missing = run(*health, "8001", "8003")
        assert missing.returncode == 1
        assert "port 8003" in missing.stderr
        assert docker("exec", name, "id", "-u").strip() == "23456"
        log = run("docker", "logs", name)
        assert "gunicorn_h1c" not in log.stderr + log.stdout
        succeeded(run("docker", "stop", "--time", "30", name))
        [stopped] = json.loads(docker("inspect", name))
        assert stopped["State"]["ExitCode"] == 0
    finally:
        docker("rm", "--force", name)
