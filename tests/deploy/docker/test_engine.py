"""The command `docker`, with one of the test's own in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.docker.engine import Engine
from deploy.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Docker = Callable[[str], None]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    """Writes a command `docker`, the only one there is besides the shell's own."""

    def write(script: str) -> None:
        file = tmp_path / "docker"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path))
    return write


def test_without_a_docker_the_message_says_what_to_install(docker: Docker) -> None:
    with pytest.raises(EngineError, match="there is no command `docker`; install Docker"):
        Engine().run("version")


def test_an_engine_that_is_too_old_is_refused(docker: Docker) -> None:
    docker("echo 19.03.15")
    with pytest.raises(EngineError, match=r"engine is 19\.03\.15, and 20\.10 is the oldest"):
        Engine().check_compose()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo \"docker: 'compose' is not a docker command.\" >&2; exit 1", "has no `compose`"),
        ("echo v2.3.4", "Compose is 2.3.4"),
        ("echo 1.29.2", "Compose is 1.29.2"),
    ],
)
def test_only_compose_2_will_do(docker: Docker, script: str, said: str) -> None:
    docker(f'case "$1" in version) echo 27.0.1 ;; *) {script} ;; esac')
    with pytest.raises(EngineError) as error:
        Engine().check_compose()
    assert said in str(error.value)
    assert "`docker-compose` is Compose v1, which has ended" in str(error.value)


def test_what_works_is_accepted(docker: Docker) -> None:
    docker('case "$1" in version) echo 20.10.24+dfsg1 ;; *) echo 2.26.1-4 ;; esac')
    Engine().check_compose()


def test_the_engine_is_named(docker: Docker) -> None:
    docker('echo "$@"')
    assert Engine("tcp://a:1").run("ps", "-a") == "--host tcp://a:1 ps -a\n"
    assert Engine(context="far").run("ps") == "--context far ps\n"


def test_a_refusal_has_the_commands_own_words(docker: Docker) -> None:
    docker("echo lost in space >&2; exit 3")
    with pytest.raises(EngineError, match=r"`docker ps` failed:\n  lost in space"):
        Engine().run("ps")
    assert Engine().ask("ps").returncode == 3


def test_what_takes_long_is_told_line_by_line(docker: Docker) -> None:
    docker("echo one; echo two >&2; exit 0")
    lines: list[str] = []
    Engine().follow("build", line=lines.append)
    assert lines == ["one", "two"]


def test_what_fails_after_long_has_its_last_lines(docker: Docker) -> None:
    docker("echo one; echo two >&2; exit 1")
    with pytest.raises(EngineError, match=r"`docker load` failed:\n  one\n  two"):
        Engine().follow("load", line=lambda text: None)


def test_an_engine_that_hangs_is_named(docker: Docker) -> None:
    docker("exec 1>&- 2>&-; while :; do :; done")
    with pytest.raises(EngineError, match=r"`docker ps` did not answer within 0\.2 s"):
        Engine().run("ps", timeout=0.2)


def test_lines_of_a_program_that_waits_for_ever_end_with_the_patience(docker: Docker) -> None:
    docker("echo one; echo two; printf three; exec /bin/sleep 600")
    assert list(Engine().lines("logs", patience=1)) == ["one", "two", "three"]
    docker("echo one; exit 3")
    lines = Engine().lines("logs", patience=60)
    assert next(lines) == "one"
    with pytest.raises(StopIteration) as end:
        next(lines)
    assert end.value.value == 3
