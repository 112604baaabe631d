"""docs/how-to/roll.md does what it says: its commands, and what they print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "roll.md").read_text(encoding="utf-8")
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SETTINGS = re.search(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

APP = """\
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "0")])
    return [b""]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three versions, the last a bad one, and `twofold` on the PATH."""
    for number, code in ((1, APP), (2, APP), (3, 'raise RuntimeError("no key is set")\n')):
        release = tmp_path / "releases" / str(number)
        release.mkdir(parents=True)
        (release / "site_app.py").write_text(code)
        (release / "twofold.toml").write_text(
            'app = "site_app:app"\n[balancer]\nbind = "127.0.0.1:0"\n'
        )
    command = tmp_path / "bin" / "twofold"
    command.parent.mkdir()
    command.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from deploy.cli import main\nmain(prog_name='twofold')\n"
    )
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def dialogue() -> list[tuple[str, str]]:
    """Each command of the page, and what it is said to print."""
    lines = "".join(CONSOLE.findall(PAGE))
    steps = [step.partition("\n") for step in re.split(r"^\$ ", lines, flags=re.MULTILINE)[1:]]
    return [(command, output) for command, _, output in steps]


def pattern(output: str) -> str:
    """`...` stands for anything."""
    return re.escape(output).replace(re.escape("..."), "(?s:.*)")


@pytest.mark.integration
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("folder")
def test_the_commands_print_what_the_page_says() -> None:
    exit_code = 0
    try:
        for command, expected in dialogue():
            done = subprocess.run(
                ["bash", "-c", f"(exit {exit_code}); {command} 2>&1"],
                capture_output=True,
                text=True,
                timeout=100,
                check=False,
            )
            exit_code = done.returncode
            printed = re.sub(r"(http://127\.0\.0\.1):\d+", r"\1:8000", done.stdout)
            assert re.fullmatch(pattern(expected), printed), (command, printed)
    finally:
        subprocess.run(["twofold", "down"], capture_output=True, timeout=100, check=False)


def test_the_settings_on_the_page_are_settings(folder: Path) -> None:
    from deploy.settings import load_deployment

    assert SETTINGS is not None
    (folder / "twofold.toml").write_text(SETTINGS[1])
    found = load_deployment(folder, {"app": "site_app:app"}, environ={})
    assert (found.boot_timeout, found.warm_up.paths) == (120, ("/", "/items/1"))
