"""From models to revisions and from revisions to tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic import command

from framework.commands.target import load_app
from framework.database import migrations
from framework.database.migrations.exceptions import FailedMigration, MigrationError
from tests.framework.database.migrated_app import (
    ITEMS,
    ON_TRANSACTIONAL,
    make_project,
    project,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.framework.database.migrated_app import MakeProject, Project

__all__ = ["make_project", "project"]


def tables(project: Project) -> set[str]:
    engine = project.app.database.engine
    with engine.connect() as connection:
        found = set(sa.inspect(connection).get_table_names())
    engine.dispose()
    return found


def change_models(project: Project, old: str, new: str) -> Project:
    """The same project after an edit: a package of another name, with the same database."""
    file = project.folder / project.name / "models.py"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return project


def test_from_models_to_tables(project: Project) -> None:
    told: list[str] = []
    written = project.migrations.write("add items", told.append)
    assert written is not None
    assert told == ["Detected added table 'item'"]
    assert "item" not in tables(project)
    project.migrations.upgrade(report=told.append)
    assert tables(project) == {"item", "alembic_version"}
    assert project.migrations.current() == (written.id,)
    assert told[1:] == [
        f"Running upgrade  -> {written.id}, add items",
        f"The database is at revision {written.id}.",
    ]
    assert project.migrations.differences() == []
    assert project.migrations.write("nothing") is None
    assert len(list(project.versions.glob("*.py"))) == 1


def test_names_of_constraints_are_the_conventions(project: Project) -> None:
    written = project.migrations.write("add items")
    assert written is not None
    text = next(project.versions.glob("*.py")).read_text()
    assert "name=op.f('pk_item')" in text
    assert "name=op.f('uq_item_name')" in text


def test_a_table_with_rows_is_changed_and_changed_back(project: Project) -> None:
    wider = """
    with op.batch_alter_table("item") as batch:
        batch.add_column(sa.Column("price", sa.Integer(), server_default="7", nullable=False))
        batch.drop_constraint("uq_item_name", type_="unique")
"""
    back = """
    with op.batch_alter_table("item") as batch:
        batch.create_unique_constraint("uq_item_name", ["name"])
        batch.drop_column("price")
"""
    project.add("one", None, ITEMS + "    op.execute(\"INSERT INTO item VALUES (1, 'tea')\")\n")
    project.add("two", "one", wider, back)
    project.migrations.upgrade()
    engine = project.app.database.engine
    with engine.begin() as connection:
        assert connection.execute(sa.text("SELECT * FROM item")).all() == [(1, "tea", 7)]
    project.migrations.downgrade("-1")
    with engine.begin() as connection:
        assert connection.execute(sa.text("SELECT * FROM item")).all() == [(1, "tea")]
    assert project.migrations.current() == ("one",)
    engine.dispose()


def test_foreign_keys_survive_the_copy_of_their_table(make_project: MakeProject) -> None:
    """SQLite changes a table by copying it, and dropping the old one would delete what refers."""
    project = make_project()
    project.add(
        "one",
        None,
        ITEMS
        + """
    op.create_table(
        "line",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("item_id", sa.Integer(), sa.ForeignKey("item.id", ondelete="CASCADE")),
    )
    op.execute("INSERT INTO item VALUES (1, 'tea')")
    op.execute("INSERT INTO line VALUES (1, 1)")
""",
    )
    project.add(
        "two",
        "one",
        """
    with op.batch_alter_table("item") as batch:
        batch.alter_column("name", type_=sa.String(60))
""",
    )
    project.migrations.upgrade()
    with project.app.database.engine.begin() as connection:
        assert connection.execute(sa.text("SELECT * FROM line")).all() == [(1, 1)]
    project.app.database.engine.dispose()


@ON_TRANSACTIONAL
def test_a_failed_upgrade_leaves_everything_as_it_was(project: Project) -> None:
    project.add("one", None, ITEMS)
    project.add("two", "one", '    op.create_table("other", sa.Column("id", sa.Integer()))')
    project.add("three", "two", '    op.execute("INSERT INTO nowhere VALUES (1)")')
    project.migrations.upgrade("one")
    with pytest.raises(FailedMigration) as failure:
        project.migrations.upgrade()
    message = str(failure.value)
    assert "Running upgrade two -> three, three of the tables failed: " in message
    assert "nowhere" in message
    assert f"{project.versions / 'three.py'}:11" in message
    assert "rolled all of it back: the database is at revision one, as before." in message
    assert tables(project) == {"item", "alembic_version"}


@ON_TRANSACTIONAL
def test_an_error_of_the_revision_itself_is_told_with_its_place(project: Project) -> None:
    project.add("one", None, ITEMS + '    {}["price"]')
    with pytest.raises(FailedMigration, match=r"failed: KeyError: 'price'\n  in .*one\.py:"):
        project.migrations.upgrade()
    assert tables(project) == set()


@ON_TRANSACTIONAL
def test_what_a_revision_commits_by_itself_stays(project: Project) -> None:
    project.add(
        "one",
        None,
        ITEMS
        + """
    with op.get_context().autocommit_block():
        op.create_index("ix_name", "item", ["name"], postgresql_concurrently=True)
    op.execute("INSERT INTO nowhere VALUES (1)")
""",
    )
    with pytest.raises(FailedMigration, match="has rolled"):
        project.migrations.upgrade()
    assert "item" in tables(project)


def test_models_that_no_revision_knows_are_found(project: Project) -> None:
    project.add("one", None, ITEMS.replace("String(50)", "String(20)"))
    project.migrations.upgrade()
    (line,) = project.migrations.differences()
    assert "item.name" in line


def test_a_column_type_of_the_apps_own_is_imported(make_project: MakeProject) -> None:
    models = """\
from sqlalchemy import Column, Integer, MetaData, Table, types


class Money(types.TypeDecorator):
    impl = types.Integer
    cache_ok = True


Base = MetaData()
Table("item", Base, Column("id", Integer, primary_key=True), Column("price", Money))
"""
    project = make_project(models=models)
    project.migrations.write("money")
    assert f"import {project.name}.models\n" in next(project.versions.glob("*.py")).read_text()
    project.migrations.upgrade()
    assert "item" in tables(project)


def test_two_newest_revisions_are_named_and_merged(make_project: MakeProject) -> None:
    project = make_project()
    project.add("one", None, ITEMS)
    project.add("left", "one", "    pass")
    project.add("right", "one", "    pass")
    for act in (project.migrations.upgrade, lambda: project.migrations.write("more")):
        with pytest.raises(MigrationError, match="more than one newest") as refusal:
            act()
        assert "left (left of the tables), left.py" in str(refusal.value)
        assert "right (right of the tables), right.py" in str(refusal.value)
    merged = project.migrations.merge("both")
    assert sorted(merged.parents) == ["left", "right"]
    project.migrations.upgrade()
    assert project.migrations.current() == (merged.id,)
    with pytest.raises(MigrationError, match="nothing to merge"):
        project.migrations.merge("again")


def test_a_database_of_newer_code_is_left_alone(make_project: MakeProject) -> None:
    project = make_project()
    project.add("one", None, ITEMS)
    project.add("two", "one", "    pass")
    project.migrations.upgrade()
    (project.versions / "two.py").unlink()
    for act in (
        project.migrations.upgrade,
        lambda: project.migrations.downgrade("base"),
        lambda: project.migrations.write("more"),
    ):
        with pytest.raises(MigrationError, match="at revision two, which is not in"):
            act()


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda found: found.upgrade("nope"), "There is no revision 'nope'"),
        (lambda found: found.upgrade("ons"), "Did you mean 'one'"),
        (lambda found: found.upgrade("+9"), "9"),
        (lambda found: found.downgrade("-9"), "9"),
        (lambda found: found.write("more"), "not at the newest revision"),
        (lambda found: found.differences(), "not at the newest revision"),
        (lambda found: found.print_sql(command.downgrade, "one"), "--sql requires"),
    ],
)
def test_what_cannot_be_done_is_told_and_nothing_is_made(
    make_project: MakeProject, act: object, words: str
) -> None:
    project = make_project()
    project.add("one", None, ITEMS)
    with pytest.raises(MigrationError) as refusal:
        act(project.migrations)  # type: ignore[operator]
    assert words in str(refusal.value)
    assert "item" not in tables(project)


def test_an_app_without_models_has_revisions_by_hand(make_project: MakeProject) -> None:
    project = make_project(__init__='from framework import App\napp = App("{name}", urls=[])\n')
    with pytest.raises(MigrationError, match=r"names no models .*--empty"):
        project.migrations.write("more")
    written = project.migrations.write_empty("by hand")
    project.migrations.upgrade()
    assert project.migrations.current() == (written.id,)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"models": "import no_such_thing"}, "no_such_thing"),
        ({"models": "1 / 0"}, r"ZeroDivisionError: division by zero \(.*models\.py:1\)"),
        ({"models": "Base = 7"}, "is 7"),
        ({"models": "base = None"}, "has no 'Base'"),
    ],
)
def test_models_that_cannot_be_used_are_named(
    make_project: MakeProject, files: dict[str, str], words: str
) -> None:
    project = make_project(**files)
    with pytest.raises(Exception, match=words):
        project.migrations.write("more")


def test_a_revision_that_cannot_be_read_is_named(make_project: MakeProject) -> None:
    project = make_project()
    project.add("one", None, "    )")
    with pytest.raises(MigrationError, match=r"cannot be read: .*one\.py"):
        project.migrations.upgrade()


def test_a_file_that_is_not_there_is_not_made_to_look_at_it(make_project: MakeProject) -> None:
    project = make_project()
    assert project.migrations.current() == ()
    project.migrations.write("add items")
    assert list(project.folder.glob("*.db")) == []


@pytest.mark.parametrize("name", ["file:a%20shop.db", "file:{folder}/a%20shop.db"])
def test_a_file_may_be_named_by_a_uri_of_sqlites_own(
    make_project: MakeProject, tmp_path: Path, name: str
) -> None:
    project = make_project(f"sqlite:///{name.format(folder=tmp_path)}?uri=true")
    project.migrations.write("add items")
    project.migrations.upgrade()
    assert (tmp_path / "a shop.db").exists()
    # Compared with the file, not with an empty database in its place.
    assert project.migrations.write("nothing") is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://someone:hidden@127.0.0.1:1/shop", "cannot be used: connection .*refused"),
        ("sqlite:////no/such/folder/shop.db", "There is no folder /no/such/folder"),
    ],
)
def test_a_database_that_cannot_be_reached_is_named(
    make_project: MakeProject, url: str, words: str
) -> None:
    project = make_project(url)
    project.add("one", None, ITEMS)
    with pytest.raises(MigrationError, match=words) as refusal:
        project.migrations.upgrade()
    assert "hidden" not in str(refusal.value)


def test_statements_are_printed_without_a_connection(
    make_project: MakeProject, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project("postgresql://127.0.0.1:1/nowhere")
    project.add("one", None, ITEMS)
    project.migrations.print_sql(command.upgrade, "head")
    printed = capsys.readouterr().out
    assert "BEGIN;" in printed
    assert "CREATE TABLE item" in printed
    assert "COMMIT;" in printed


def test_a_test_may_upgrade_without_a_command(make_project: MakeProject) -> None:
    project = make_project()
    project.add("one", None, ITEMS)
    migrations.upgrade(load_app(f"{project.name}:app"))
    assert "item" in tables(project)
