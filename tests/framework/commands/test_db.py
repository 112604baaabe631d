"""`twofold db` at the terminal; what it does to a database is tested beside the migrations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from framework.commands.db import LOCK_TIMEOUT, LOCK_WAIT, db
from framework.database.migrations import operations
from tests.framework.database.migrated_app import ITEMS, make_project

if TYPE_CHECKING:
    from tests.framework.database.migrated_app import MakeProject, Project

__all__ = ["make_project"]


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    """A project with `app` in its twofold.toml, on SQLite."""
    made = make_project()
    (made.folder / "twofold.toml").write_text(f'app = "{made.name}:app"\n')
    return made


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(db, arguments, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def test_from_models_to_tables_and_back(project: Project) -> None:
    assert run("history") == f"There is no revision in {project.name}/migrations/versions yet.\n"
    assert run("current") == "The database has no revision yet.\n"
    assert "Detected added table 'item'" in run("check", code=1)
    told = run("revision", "-m", "add items").splitlines()
    assert told[0] == "Detected added table 'item'"
    file = project.folder / told[1]
    assert file.name.endswith("_add_items.py")
    revision = file.name.split("_")[1]
    assert "lacks 1 of 1" in run("current")
    assert "Run `db upgrade` first" in run("check", code=2)

    assert f"Running upgrade  -> {revision}, add items" in run("upgrade")
    assert "nothing to do" in run("upgrade")
    assert run("history") == f"{revision}  add items  (the database)\n"
    assert run("current") == f"{revision}  add items\n"
    assert run("check") == run("revision", "-m", "none").replace(": there is nothing to write", "")
    assert json.loads(run("current", "--json")) == {
        "current": [revision], "heads": [revision], "behind": 0
    }  # fmt: skip
    (row,) = json.loads(run("history", "--json"))
    assert (row["id"], row["parents"], row["current"]) == (revision, [], True)

    assert "The database is at no revision." in run("downgrade", "-1")
    assert "lacks 1 of 1" in run("current")


def test_revisions_by_hand_and_beside_each_other(project: Project) -> None:
    project.add("one", None, ITEMS)
    project.add("two", "one", "    pass")
    first = run("revision", "--empty", "-m", "by hand").strip()
    assert "def upgrade() -> None:\n    pass" in (project.folder / first).read_text()
    project.add("other", "one", "    pass")
    assert "`db merge` writes a revision" in run("upgrade", code=2)
    run("merge", "-m", "both")
    assert "The database is at revision" in run("upgrade")


def test_statements_are_printed(project: Project) -> None:
    project.add("one", None, ITEMS, '    op.drop_table("item")')
    assert "CREATE TABLE item" in run("upgrade", "--sql")
    assert "DROP TABLE item" in run("downgrade", "--sql", "one:base")
    assert "requires <fromrev>:<torev>" in run("downgrade", "--sql", "base", code=2)
    assert list(project.folder.glob("*.db")) == []


def test_a_failed_revision_is_1_and_what_could_not_begin_is_2(project: Project) -> None:
    project.add("one", None, '    op.execute("DROP TABLE nowhere")')
    assert "SQLite has rolled all of it back" in run("upgrade", code=1)
    assert "There is no revision 'two'" in run("upgrade", "two", code=2)
    (project.folder / "twofold.toml").unlink()
    assert "db upgrade --app shop:app`" in run("upgrade", code=2)


def test_without_a_database_only_the_history_is_shown(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.add("one", None, ITEMS)
    monkeypatch.setenv("DATABASE_URL", "postgresql://someone:hidden@127.0.0.1:1/shop")
    told = run("history")
    assert "one  one of the tables\n" in told
    assert "is not known" in told
    for command in ("upgrade", "current"):
        told = run(command, code=2)
        assert "cannot be used" in told
        assert "hidden" not in told


def test_the_limits_are_those_of_the_library() -> None:
    """Written down twice, for `--help` should not have to import Alembic."""
    assert (operations.LOCK_WAIT, operations.LOCK_TIMEOUT) == (LOCK_WAIT, LOCK_TIMEOUT)
