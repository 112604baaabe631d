"""`twofold fork`, as it is typed."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from framework.commands import fork as command
from framework.forking.upstream import Upstream, installed

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

SERVES = """\
from acme import App, Rule
from acme.testing import TestClient

index = Rule("/", lambda request: "hello", endpoint="index")
app = App("demo", urls=[index], config={"debug": True})
print(TestClient(app).get("/").text)
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command.fork, arguments, prog_name="twofold fork")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> Upstream:
    """A later version, installed after a fork was made."""
    now = installed()
    changed = now.files["hooks.py"] + b"\n# One more line.\n"
    later = Upstream(now.package, "9.9", {**now.files, "hooks.py": changed})

    def use_it() -> Upstream:
        return later

    result = run("acme")
    assert result.exit_code == 0, result.output
    monkeypatch.setattr(command, "installed", use_it)
    return later


def test_the_installed_framework_is_forked_with_its_licence(here: Path) -> None:
    result = run("acme")
    assert result.exit_code == 0, result.output
    assert "Import acme, from" in result.output
    assert "Redistribution and use in source" in (here / "acme/LICENSE").read_text()
    assert "unknown" not in result.output
    printed = subprocess.run(
        [sys.executable, "-c", SERVES], cwd=here, capture_output=True, text=True, check=True
    )
    assert printed.stdout == "hello\n"


def test_update_says_what_it_changes_and_how_to_go_back(here: Path, newer: Upstream) -> None:
    told = run("--update", "--dry-run", "acme")
    assert told.output.splitlines()[0].startswith("acme would be updated from framework ")
    assert told.output.splitlines()[0].endswith(" to framework 9.9.")
    assert "# One more line." not in (here / "acme/hooks.py").read_text()

    done = run("--update", "acme")
    assert (done.exit_code, done.output.splitlines()[1]) == (0, "  M  hooks.py")
    assert (here / "acme/hooks.py").read_bytes() == newer.files["hooks.py"]
    assert run("--update", "acme").output == "acme is a fork of framework-9.9 already.\n"
    assert "acme is as it was before its update" in run("--undo", "acme").output


def test_a_conflict_is_told_and_is_exit_code_1(here: Path, newer: Upstream) -> None:
    with (here / "acme/hooks.py").open("a") as file:
        file.write("\n# Another line.\n")
    done = run("--update", "acme")
    assert done.exit_code == 1
    assert "CONFLICT (content): Merge conflict in hooks.py" in done.output
    assert "`twofold fork --undo acme` takes the update back" in done.output


def test_a_fork_with_uncommitted_changes_is_not_updated(here: Path, newer: Upstream) -> None:
    git = ["git", "-c", "user.name=somebody", "-c", "user.email=some@body"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "fork"], check=True)
    (here / "acme/app.py").write_text("changed")
    refused = run("--update", "acme")
    assert (refused.exit_code, "acme/app.py" in refused.output) == (2, True)
    assert run("--update", "--dry-run", "acme").exit_code == 0
    assert run("--update", "--force", "acme").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--diff", "--undo", "acme"], "Say one of --diff, --update and --undo."),
        (["--dry-run", "acme"], "--dry-run belongs to --update."),
        (["--update", "nowhere"], "has no record of its origin"),
        (["no/where"], "There is no folder"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.output


def test_diff_prints_what_was_changed(here: Path) -> None:
    run("acme")
    (here / "acme/hooks.py").unlink()
    assert "deleted file mode" in run("--diff", "acme").output
