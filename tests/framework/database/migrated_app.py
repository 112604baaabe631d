"""An app with models and revisions in a package of its own, for tests of migrations."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from framework.commands.target import load_app
from framework.database.migrations import Migrations

if TYPE_CHECKING:
    from collections.abc import Callable

    from framework import App

    MakeProject = Callable[..., "Project"]

ON_TRANSACTIONAL = pytest.mark.parametrize("project", ["sqlite", "postgres"], indirect=True)
"""For tests of what only databases do that roll back changes of tables."""

ROOT = Path(__file__).resolve().parents[3]

FILES = {
    "__init__.py": """\
from framework import App

app = App("{name}", urls=[], models="{name}.models:Base")
""",
    "models.py": """\
from sqlalchemy import MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from framework.database import NAMING_CONVENTION


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Item(Base):
    __tablename__ = "item"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)
""",
}
ITEMS = """
    op.create_table(
        "item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(50), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_item"),
        sa.UniqueConstraint("name", name="uq_item_name"),
    )
"""


def revision_file(name: str, after: str | None, upgrade: str, downgrade: str = "    pass") -> str:
    return f'''"""{name} of the tables"""

import sqlalchemy as sa
from alembic import op

revision = "{name}"
down_revision = {after!r}


def upgrade():
{upgrade}


def downgrade():
{downgrade}
'''


@dataclass(frozen=True)
class Project:
    """A package in a folder, with an app in it."""

    folder: Path
    name: str
    url: str

    @property
    def app(self) -> App:
        return load_app(f"{self.name}:app")

    @property
    def migrations(self) -> Migrations:
        return Migrations(self.app, wait=60)

    @property
    def versions(self) -> Path:
        return self.folder / self.name / "migrations" / "versions"

    def add(self, name: str, after: str | None, upgrade: str, downgrade: str = "    pass") -> None:
        """Write a revision."""
        self.versions.mkdir(parents=True, exist_ok=True)
        text = revision_file(name, after, upgrade, downgrade)
        (self.versions / f"{name}.py").write_text(text)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a `db` command in a process of its own."""
        script = "from framework.commands.db import db; db()"
        return subprocess.Popen(
            [sys.executable, "-c", script, *arguments, "--app", f"{self.name}:app"],
            cwd=self.folder,
            env={**os.environ, "DATABASE_URL": self.url, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture
def make_project(
    write_package: Callable[[dict[str, str]], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> MakeProject:
    """Write a package with an app whose database is at a URL, by default an SQLite file."""

    def make(url: str = "", **files: str) -> Project:
        name = write_package({**FILES, **{f"{path}.py": text for path, text in files.items()}})
        project = Project(tmp_path, name, url or f"sqlite:///{tmp_path / name}.db")
        monkeypatch.setenv("DATABASE_URL", project.url)
        monkeypatch.chdir(tmp_path)
        return project

    return make


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def project(request: pytest.FixtureRequest, make_project: MakeProject) -> Project:
    """An app without revisions, on each kind of database."""
    if request.param == "sqlite":
        return make_project()
    return make_project(request.getfixturevalue(request.param).url)
