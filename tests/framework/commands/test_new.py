from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from framework import scaffold
from framework.commands import new as module
from framework.commands.new import new, possible_name

if TYPE_CHECKING:
    from click.testing import Result

ROOT = Path(__file__).parents[3]
COMMAND = Path(sys.executable).with_name("twofold")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@click.group()
def group() -> None:
    pass


group.add_command(new)


def make(name: str) -> Result:
    return CliRunner().invoke(group, ["new", name], prog_name="twofold")


def run(*arguments: str | Path, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    keep = {key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR") if key in os.environ}
    return subprocess.run(
        arguments,
        cwd=folder,
        env={**keep, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        timeout=110,
    )


def test_project_is_written_whole_and_the_next_steps_are_told(folder: Path) -> None:
    answer = make("my_site")
    assert answer.exit_code == 0, answer.output
    assert answer.output.startswith("Wrote my_site. Next:\n\n  cd my_site\n  twofold run ")
    assert [path.name for path in folder.iterdir()] == ["my_site"]
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {f"my_site/{path}" for path, _ in scaffold.files(VALUES)} == written
    assert "my_site/my_site/visits/templates/visits.html" in written
    texts = {path: Path(path).read_text() for path in written}
    assert [path for path, text in texts.items() if scaffold.PLACEHOLDER.search(text)] == []
    assert "image: ${WEB_IMAGE:-my-site}" in texts["my_site/docker-compose.yml"]
    assert 'dependencies = ["twofold"]' in texts["my_site/pyproject.toml"]
    umask = module.current_umask()
    assert (folder / "my_site").stat().st_mode & 0o777 == 0o777 & ~umask


VALUES = dict.fromkeys(["package", "distribution", "command", "image"], "x") | {"name": "my_site"}


def test_empty_folder_is_used(folder: Path) -> None:
    (folder / "my_site").mkdir()
    assert make("my_site").exit_code == 0
    assert (folder / "my_site" / "twofold.toml").exists()


@pytest.mark.parametrize("kind", ["full folder", "file", "dangling link"])
def test_what_is_there_is_left_alone(folder: Path, kind: str) -> None:
    target = folder / "my_site"
    if kind == "full folder":
        target.mkdir()
        (target / "precious").touch()
    elif kind == "file":
        target.touch()
    else:
        target.symlink_to("nowhere")
    before = sorted(folder.rglob("*"))
    answer = make("my_site")
    assert answer.exit_code == 2
    assert f"{target} is there already. Choose another name" in answer.output
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("my-site", "as in 'my_site'"),
        ("MySite", "as in 'mysite'"),
        ("2nd", "as in 'nd'"),
        ("../up", "as in 'up'"),
        ("été", "as in 't'"),
        ("-", "No such option|as in 'my_app'"),
        ("", "as in 'my_app'"),
        ("a" * 33, "at most 32"),
        ("class", "it is a keyword of Python"),
        ("json", "would hide Python's own module 'json'"),
        ("tests", "the project has another 'tests' beside the package"),
        ("docker", "the project has another 'docker' beside the package"),
        ("locustfile", "another 'locustfile' beside"),
        ("werkzeug", r"a package of that name is installed \(.*werkzeug.*\)"),
        ("framework", "a package of that name is installed"),
    ],
)
def test_name_that_cannot_work_is_refused_with_the_reason(
    folder: Path, name: str, reason: str
) -> None:
    import re

    answer = make(name)
    assert answer.exit_code == 2
    assert re.search(reason, answer.output), answer.output
    assert list(folder.iterdir()) == []


def test_suggested_name_has_the_right_form() -> None:
    for text in ["My Site", "9lives", "a_" * 40, "__x__", "!"]:
        assert module.name_problem(possible_name(text)) is None


def test_namespace_package_that_is_installed_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "site" / "my_space").mkdir(parents=True)
    monkeypatch.syspath_prepend(folder / "site")
    assert "is installed" in make("my_space").output


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_nothing_is_left_behind_when_writing_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def files(values):
        yield Path("first"), "written"
        raise error

    monkeypatch.setattr(scaffold, "files", files)
    answer = make("my_site")
    assert answer.exit_code != 0
    assert list(folder.iterdir()) == []
    if isinstance(error, OSError):
        assert answer.exit_code == 2
        assert "cannot be written: No space left on device" in answer.output


def test_command_that_no_distribution_brings_names_itself(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "distributions", list)
    assert module.distribution_name() is None
    answer = CliRunner().invoke(group, ["new", "my_site"], prog_name="mine")
    assert "  mine run" in answer.output
    assert 'dependencies = ["mine"]' in (folder / "my_site" / "pyproject.toml").read_text()


def test_balancer_of_the_project_is_the_one_that_is_tested_here() -> None:
    ours = (ROOT / "docker" / "haproxy.cfg").read_text()
    assert dict(scaffold.files(VALUES))[Path("docker/haproxy.cfg")] == ours


def test_tests_of_the_new_project_pass(folder: Path) -> None:
    make("my_site")
    # REDIS_URL of whoever runs them does not matter.
    environ = {"REDIS_URL": "redis://127.0.0.1:1/0"}
    done = run(sys.executable, "-m", "pytest", "-q", folder=folder / "my_site", **environ)
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout


def test_new_project_is_clean_to_linters_and_type_checkers(folder: Path) -> None:
    make("my_site")
    project = folder / "my_site"
    # The options that this project uses itself.
    rules = "E,F,W,I,UP,B,SIM,PIE,PT,RET,TC,RUF,T20"
    for tool in (["check", "--select", rules], ["format", "--check"]):
        done = run(
            *(sys.executable, "-m", "ruff", *tool, "--isolated", "--line-length", "100", "."),
            folder=project,
        )
        assert done.returncode == 0, done.stdout
    done = run(
        *(sys.executable, "-m", "mypy", "--strict", "--explicit-package-bases"),
        *("--cache-dir", str(folder / "cache"), "--follow-imports", "silent", "my_site", "tests"),
        folder=project,
        MYPYPATH=os.pathsep.join([".", str(ROOT)]),
    )
    assert done.returncode == 0, done.stdout


def test_project_of_a_renamed_copy_is_written_for_that_copy(folder: Path) -> None:
    copy = folder / "copied" / "kernel"
    shutil.copytree(ROOT / "framework", copy, ignore=shutil.ignore_patterns("__pycache__"))
    done = run(
        *(sys.executable, "-c", "from kernel.commands.new import new; new(['my_site'])"),
        folder=folder,
        PYTHONPATH=str(copy.parent),
    )
    assert done.returncode == 0, done.stderr
    assert "from kernel import App" in (folder / "my_site" / "my_site" / "__init__.py").read_text()
    done = run(
        *(sys.executable, "-m", "pytest", "-q"),
        folder=folder / "my_site",
        PYTHONPATH=str(copy.parent),
    )
    assert "5 passed" in done.stdout, done.stdout


@pytest.mark.integration
def test_new_project_is_served_by_two_nodes(folder: Path) -> None:
    done = run(COMMAND, "new", "my_site", folder=folder)
    assert done.returncode == 0, done.stderr
    project = folder / "my_site"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        bind = f"127.0.0.1:{probe.getsockname()[1]}"
    short = Path("/tmp") / f"tf-new-{os.getpid()}"
    short.mkdir()
    environ = {"TMPDIR": str(short)}  # pytest's folders are too deep for unix sockets
    try:
        done = run(
            *(COMMAND, "up", "--nodes", "2", "--bind", bind, "--detach"), folder=project, **environ
        )
        assert done.returncode == 0, done.stdout + done.stderr
        seen = set()
        for _ in range(8):
            with urllib.request.urlopen(f"http://{bind}/", timeout=30) as answer:
                page = answer.read().decode()
            assert "It works" in page
            seen.add(page.partition("Answered by ")[2].partition("<")[0])
        assert seen == {"node1", "node2"}
    finally:
        down = run(COMMAND, "down", folder=project, **environ)
        shutil.rmtree(short, ignore_errors=True)
    assert down.returncode == 0, down.stdout + down.stderr
