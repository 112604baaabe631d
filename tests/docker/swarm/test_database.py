"""PostgreSQL in the stack, and migrations that run once before the nodes of a version."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.docker.swarm.conftest import left_in_swarm
from tests.docker.swarm.counter_site import PORT, Site, Visitors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.docker.swarm.hosts import Hosts

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

ALREADY_EXISTS = 'column "note" of relation "entry" already exists'


@pytest.fixture(scope="module")
def postgres_image(hosts: Hosts) -> None:
    """Where the volumes are, and nowhere else."""
    hosts.load("postgres:17", into=[hosts[1]])


@pytest.fixture
def ledger(
    hosts: Hosts, counter_image: str, postgres_image: None, tmp_path: Path
) -> Iterator[Site]:
    """The ledger, which is not up; nothing of it is left in the end."""
    site = Site(tmp_path, hosts, counter_image, app="ledger:app", name="ledger", port=PORT + 2)
    before = left_in_swarm(hosts)
    yield site
    site.run("down", "--volumes")
    assert found(hosts, "volume") == []
    assert left_in_swarm(hosts) == before


def found(hosts: Hosts, kind: str) -> list[str]:
    return hosts[1].docker(kind, "ls", "--quiet", "--filter", "name=ledger_").split()


def migrate_to(site: Site, revision: str) -> None:
    """Have the next version bring the database there."""
    site.write_first(f'migrate = "twofold db upgrade {revision} --app ledger:app"')


def ask(site: Site, statement: str) -> list[str]:
    """The rows that PostgreSQL answers."""
    filters = ("--filter", f"label=com.docker.swarm.service.name={site.name}_postgres")
    [container] = site.hosts[1].docker("ps", "--quiet", *filters).split()
    psql = ("psql", "-U", "app", "-At", "-c", statement)
    return site.hosts[1].docker("exec", container, *psql).splitlines()


def test_a_failed_migration_stops_a_roll_and_loses_nothing(ledger: Site) -> None:
    migrate_to(ledger, "0001")
    ledger.twofold("up", "--detach")
    [first] = ledger.versions()
    assert ledger.nodes_by_host().keys() == {"host1", "host2", "host3"}
    with Visitors(ledger.hosts, "POST", port=ledger.port) as visitors:
        visitors.go_on()
        migrate_to(ledger, "0003")
        failed = ledger.run("roll")
        assert ledger.versions() == {first}
        visitors.go_on()
        migrate_to(ledger, "0002")
        ledger.twofold("roll")
        visitors.go_on()

    assert failed.returncode == 1, failed.stderr
    assert "`twofold db upgrade 0003 --app ledger:app` failed" in failed.stderr
    assert ALREADY_EXISTS in failed.stderr
    assert f"Version {first} serves on" in failed.stderr
    assert visitors.failures == []
    assert Counter(ask(ledger, "SELECT name FROM entry")) == Counter(visitors.answered)
    assert ask(ledger, "SELECT version_num FROM alembic_version") == ["0002"]

    # A `down` keeps the database, and the secrets that open it.
    ledger.twofold("down")
    ledger.twofold("up", "--detach")
    assert len(ask(ledger, "SELECT name FROM entry")) == len(visitors.answered)


def test_a_first_migration_that_failed_is_mended_by_another_up(ledger: Site) -> None:
    migrate_to(ledger, "0003")
    failed = ledger.run("up", "--detach")
    assert failed.returncode == 2, failed.stderr
    assert ALREADY_EXISTS in failed.stderr
    assert ledger.hosts[1].docker("service", "ls", "--quiet", "--filter", "name=ledger") == ""
    migrate_to(ledger, "0002")
    ledger.twofold("up", "--detach")
    with Visitors(ledger.hosts, "POST", port=ledger.port) as visitors:
        visitors.go_on(20)
    assert visitors.failures == []
    assert ask(ledger, "SELECT count(*) FROM entry") == [str(len(visitors.answered))]


def test_what_a_failed_first_up_has_left_can_be_removed(ledger: Site) -> None:
    migrate_to(ledger, "0003")
    assert ledger.run("up", "--detach").returncode == 2
    assert found(ledger.hosts, "secret")
    assert found(ledger.hosts, "volume")
    # It is down, and only that is said.
    shown = ledger.run("status")
    assert shown.returncode == 2, shown.stderr
    assert "ledger does not run in this Swarm" in shown.stderr
    ledger.twofold("down", "--volumes")
    assert found(ledger.hosts, "secret") == []
    assert found(ledger.hosts, "volume") == []
