"""The setting `migrate`: once before the nodes of a version, and in nobody's way if it fails."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy import procfs
from deploy.errors import DeployError, RolloutError, SettingsError, StartError
from deploy.settings import load_deployment
from tests.deploy.visitors import RECORDING_APP, Visitors

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.targets.local import LocalTarget

    Start = Callable[..., LocalTarget]
    Eventually = Callable[..., None]

# Writes down each run, with what it finds in its environment and where.
MIGRATE = """\
import os, pathlib, sys
with open({record!r}, "a") as record:
    here = pathlib.Path().resolve().name
    print(os.environ["TWOFOLD_VERSION"], os.environ["PLACE"], here, file=record)
"""
FAILING = MIGRATE + 'print("column price is there already")\nsys.exit("no migration today")\n'
HANGING = """\
import os, pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path({record!r} + ".new").write_text(f"{{os.getpid()}} {{child.pid}}")
os.rename({record!r} + ".new", {record!r})
print("waiting for the moon", flush=True)
time.sleep(600)
"""


@pytest.fixture
def release(project: Path) -> Callable[..., Path]:
    """Write a version into a folder of its own."""

    def write(name: str, migrate: str, settings: str = "") -> Path:
        folder = project / name
        folder.mkdir()
        (folder / "site_app.py").write_text(
            RECORDING_APP.replace("os.path.dirname(__file__)", repr(str(project)))
        )
        (folder / "migrate.py").write_text(migrate.format(record=str(project / "ran")))
        (folder / "twofold.toml").write_text(
            f'migrate = "python migrate.py"\n{settings}\n[env]\nPLACE = "from {name}"\n'
        )
        return folder

    return write


@pytest.mark.integration
def test_it_runs_once_for_a_version_and_a_failure_is_in_nobodys_way(
    start: Start, project: Path, release: Callable[..., Path]
) -> None:
    ran = project / "ran"
    first = release("one", MIGRATE)
    (project / "twofold.toml").write_text((first / "twofold.toml").read_text())
    (project / "migrate.py").write_text((first / "migrate.py").read_text())
    (project / "site_app.py").write_text((first / "site_app.py").read_text())
    target = start(nodes=2, workers=1)
    assert ran.read_text() == f"1 from one {project.name}\n"
    pids = [node.pid for node in target.status().nodes]
    environ = Path(f"/proc/{pids[0]}/environ").read_text().split("\0")
    assert "WORKER_CONCURRENCY=4" in environ
    visitors = Visitors(target.url, project / "executed", each=2)
    with visitors.running():
        with pytest.raises(RolloutError) as failure:
            target.roll(place=release("bad", FAILING))
        assert [node.pid for node in target.status().nodes] == pids
        plan = target.plan_roll(place=release("two", MIGRATE))
        assert plan.steps[0] == (
            f"run `python migrate.py` once in {project / 'two'}, at most 600 s"
        )
        assert ran.read_text().splitlines()[1:] == ["2 from bad bad"]
        target.roll(place=project / "two")
        target.scale(1)
        target.rollback()
    assert visitors.failed == []
    assert visitors.answered["POST"] > 20
    assert str(failure.value).splitlines() == [
        "version 2 was not started: `python migrate.py` failed with code 1. It printed last:",
        "  column price is there already",
        "  no migration today",
        "Version 1 serves on.",
    ]
    # Neither more nodes nor a way back is a reason to run it.
    assert ran.read_text().splitlines()[2:] == ["3 from two two"]


@pytest.mark.integration
def test_a_failure_stops_the_start(start: Start, project: Path) -> None:
    (project / "twofold.toml").write_text("migrate = \"sh -c 'echo out of luck; exit 3'\"\n")
    with pytest.raises(StartError, match=r"failed with code 3. It printed last:\n  out of luck"):
        start()
    (project / "twofold.toml").write_text('migrate = "no-such-program --now"\n')
    with pytest.raises(StartError, match="there is no program 'no-such-program'"):
        start()


def family(ran: Path) -> list[int]:
    return [int(pid) for pid in ran.read_text().split()]


@pytest.mark.integration
def test_one_that_takes_too_long_is_ended_with_its_children(
    start: Start, project: Path, release: Callable[..., Path]
) -> None:
    target = start(nodes=1, workers=1)
    slow = release("slow", HANGING, "migrate_timeout = 5")
    with pytest.raises(RolloutError, match=r"not done after 5 s .*\n  waiting for the moon"):
        target.roll(place=slow)
    assert not any(map(procfs.runs, family(project / "ran")))
    assert target.status().version == "1"


@pytest.mark.integration
@pytest.mark.parametrize("how", ["down", "killed"])
def test_nothing_of_it_outlives_the_deployment(
    start: Start, project: Path, release: Callable[..., Path], eventually: Eventually, how: str
) -> None:
    target = start(nodes=1, workers=1)
    slow = release("slow", HANGING)
    outcome: list[Exception] = []

    def roll() -> None:
        try:
            target.roll(place=slow)
        except DeployError as error:
            outcome.append(error)

    rolling = threading.Thread(target=roll)
    rolling.start()
    eventually((project / "ran").exists)
    pids = family(project / "ran")
    assert all(map(procfs.runs, pids))
    if how == "down":
        target.down()
    else:
        os.kill(parent(pids[0]), signal.SIGKILL)
    eventually(lambda: not any(map(procfs.runs, pids)))
    rolling.join()
    assert outcome


def parent(pid: int) -> int:
    with open(f"/proc/{pid}/stat") as stat:
        return int(stat.read().rpartition(")")[2].split()[1])


# With the framework's own migrations

APP = """\
from framework import App, Rule
from sqlalchemy import text


def write(request):
    if request.method == "POST":
        request.db.execute(text("INSERT INTO item (name) VALUES (:name)"), {"name": "tea"})
    return str(request.db.scalar(text("SELECT count(*) FROM item")))


app = App("site_app", urls=[Rule("/", write, methods=["GET", "POST"], endpoint="write")])
"""
REVISION = """\
from alembic import op
import sqlalchemy as sa

revision = {name!r}
down_revision = {after!r}


def upgrade():
    {upgrade}
"""
TABLE = """op.create_table(
        "item", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(9)))"""
COLUMN = 'op.add_column("item", sa.Column("price", sa.Integer))'
BROKEN = 'op.drop_column("item", "colour")'


@pytest.mark.integration
def test_a_database_is_migrated_under_visitors(start: Start, project: Path) -> None:
    (project / "site_app.py").write_text(APP)
    versions = project / "migrations" / "versions"
    versions.mkdir(parents=True)
    database = project / "site.db"
    (project / "twofold.toml").write_text(
        f'app = "site_app:app"\nmigrate = "twofold db upgrade"\n'
        f'[env]\nDATABASE_URL = "sqlite:///{database}"\n'
    )

    def add(name: str, after: str | None, upgrade: str) -> None:
        text = REVISION.format(name=name, after=after, upgrade=upgrade)
        (versions / f"{name}.py").write_text(text)

    def columns() -> list[str]:
        connection = sqlite3.connect(database)
        try:
            return [row[1] for row in connection.execute("PRAGMA table_info(item)")]
        finally:
            connection.close()

    add("one", None, TABLE)
    target = start(nodes=1, workers=1)
    assert columns() == ["id", "name"]
    visitors = Visitors(target.url, each=1)
    with visitors.running():
        add("two", "one", COLUMN)
        target.roll()
        assert columns() == ["id", "name", "price"]
        add("three", "two", BROKEN)
        with pytest.raises(RolloutError, match="SQLite has rolled all of it back"):
            target.roll()
    assert visitors.failed == []
    assert visitors.answered["POST"] > 20
    assert target.status().version == "2"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("migrate = 3", "must be a command line"),
        ('migrate = ""', "must name a program"),
        ('migrate = "sh -c \'oops"', "is no command line: No closing quotation"),
        ("migrate_timeout = 0", "must be more than 0"),
    ],
)
def test_what_is_no_command_is_refused(project: Path, line: str, problem: str) -> None:
    (project / "twofold.toml").write_text(f'app = "site_app:app"\n{line}\n')
    with pytest.raises(SettingsError, match=problem):
        load_deployment(project, {})
