import os
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy import preflight
from deploy.deployment import Deployment
from deploy.errors import StartError

Make = Callable[..., Deployment]

pytestmark = pytest.mark.integration


def complaint(deployment: Deployment) -> str:
    with pytest.raises(StartError) as error:
        preflight.check_app(deployment, dict(os.environ))
    return str(error.value)


@pytest.mark.parametrize("profile", ["threads", "greenlets"])
def test_an_app_that_can_be_imported_is_fine(deployment: Make, project: Path, profile: str) -> None:
    (project / "noisy.py").write_text("print('null', flush=True)\nfrom site_app import app\n")
    preflight.check_app(deployment("noisy:app", profile=profile), dict(os.environ))


def test_it_tells_memory_and_the_drivers_that_block_greenlets(
    deployment: Make, project: Path
) -> None:
    (project / "with_driver.py").write_text("import psycopg2\nfrom site_app import app\n")
    found = {
        profile: preflight.check_app(
            deployment("with_driver:app", profile=profile), dict(os.environ)
        )
        for profile in ("threads", "greenlets")
    }
    assert all(app.memory > 2**20 for app in found.values())
    assert found["threads"].blocking == ()
    assert found["greenlets"].blocking[0].startswith("psycopg2: ")


def test_a_factory_is_called(deployment: Make, project: Path) -> None:
    (project / "made.py").write_text(
        "def make(name):\n    import site_app\n    return site_app.app"
    )
    preflight.check_app(deployment("made:make('x')"), dict(os.environ))
    assert "missing 1 required positional argument" in complaint(deployment("made:make()"))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("app = 1", "Application object must be callable"),
        ("other = 1", "Failed to find attribute 'app' in 'wrong'"),
        ("def app(:", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import sys; sys.exit(4)", "sys.exit(4)"),
        ("import os; os._exit(5)", "ended the process (code 5)"),
        ("import wrong_dependency", "No module named 'wrong_dependency'"),
        ("def app(): pass", "a factory is called: 'wrong:app()'"),
    ],
)
def test_the_real_cause_is_shown(deployment: Make, project: Path, code: str, words: str) -> None:
    (project / "wrong.py").write_text(code)
    message = complaint(deployment("wrong:app"))
    assert words in message
    assert f"the app 'wrong:app' cannot be served from {project}" in message
    assert "--directory" in message


def test_the_line_of_the_users_own_is_named(deployment: Make, project: Path) -> None:
    (project / "deep.py").write_text("import json\njson.loads('{')\n")
    assert f"{project / 'deep.py'}, line 2" in complaint(deployment("deep:app"))


def test_a_missing_module_is_named(deployment: Make) -> None:
    assert "No module named 'nowhere'" in complaint(deployment("nowhere:app"))


def test_an_import_that_never_ends_is_given_up(
    deployment: Make, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "IMPORT_TIMEOUT", 1.0)
    (project / "hangs.py").write_text("import time\ntime.sleep(60)\n")
    assert "took longer than 1 s" in complaint(deployment("hangs:app"))
