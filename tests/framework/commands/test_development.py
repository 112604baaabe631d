from __future__ import annotations

from typing import TYPE_CHECKING

from framework.commands.development import prepare_environment

if TYPE_CHECKING:
    from pathlib import Path


def test_development_turns_debug_on_and_makes_a_secret_key(project: Path) -> None:
    (project / "twofold.toml").write_text('[env]\nSESSION_COOKIE_SECURE = "true"\nPLACE = "x"\n')
    first: dict[str, str] = {}
    second: dict[str, str] = {}
    prepare_environment(first)
    prepare_environment(second)
    assert (first["DEBUG"], first["SESSION_COOKIE_SECURE"], first["PLACE"]) == (
        "true",
        "false",
        "x",
    )
    assert first["SECRET_KEY"] != second["SECRET_KEY"]


def test_environment_of_the_developer_is_left_alone(project: Path) -> None:
    given = {"DEBUG": "no", "SESSION_COOKIE_SECURE": "yes", "SECRET_KEY_FILE": "key"}
    environ = dict(given)
    prepare_environment(environ)
    assert environ == given
