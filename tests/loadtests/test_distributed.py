"""Several Locust processes under a master: exact sums, and what happens when one is lost."""

import itertools
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtests.errors import LocustFailed
from loadtests.locust_run import Load, LocustRun
from loadtests.records import Record
from tests.loadtests.locustfiles import end_after, write_suite

pytestmark = pytest.mark.integration

USERS = 5


@pytest.fixture
def load(url: str, suite: Path) -> Load:
    write_suite(suite, "self.client.get('/')")
    return Load(suite, url, USERS, run_time=60, processes=2)


def processes_after(
    records: Iterator[Record], run: LocustRun, name: str, sig: signal.Signals
) -> Iterator[int]:
    """How many processes the records count after a signal to one of them."""
    with_all_users = itertools.dropwhile(lambda record: record.users < USERS, records)
    next(with_all_users)
    [process] = [process for process in run.processes if process.name == name]
    os.kill(process.pid, sig)
    return (record.processes for record in with_all_users)


def test_the_records_of_all_processes_add_up_to_what_the_server_counted(
    load: Load, seen: Counter[str]
) -> None:
    write_suite(load.suite, "self.client.get('/')", before=end_after(50))
    with LocustRun(load) as run:
        records = list(run)
    requests = sum(record.requests for record in records)
    assert 0 <= seen["/"] - requests <= USERS
    assert requests == sum(record.latencies.count for record in records) >= 50
    assert max(record.users for record in records) == USERS
    assert max(record.processes for record in records) == 2
    assert all(record.busiest < record.cpu for record in records if record.processes == 2)
    assert [process.name for process in run.processes] == [
        "The Locust master",
        "Locust worker 1",
        "Locust worker 2",
    ]


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGSTOP])
def test_a_lost_worker_is_noticed_and_the_run_goes_on(load: Load, sig: signal.Signals) -> None:
    with LocustRun(load) as run:
        records = iter(run)
        assert 1 in processes_after(records, run, "Locust worker 2", sig)
        following = next(records)
        assert following.processes == 1
        assert following.requests > 0


def test_a_lost_master_ends_the_run_with_the_reason(load: Load) -> None:
    with (
        pytest.raises(LocustFailed, match="The Locust master was killed by SIGKILL"),
        LocustRun(load) as run,
    ):
        list(processes_after(iter(run), run, "The Locust master", signal.SIGKILL))


def test_the_loss_of_all_workers_ends_the_run_with_the_reason(load: Load) -> None:
    with LocustRun(load) as run:
        records = iter(run)
        next(records)
        for process in run.processes[1:]:
            os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(LocustFailed, match=r"Locust worker \d was killed by SIGKILL"):
            list(records)


def test_nothing_is_left_of_a_distributed_run(load: Load) -> None:
    before = set(os.listdir("/proc/self/fd"))
    run = LocustRun(load)
    with run:
        next(iter(run))
    assert len(run.processes) == 3
    assert all(process.exit_code is not None for process in run.processes)
    assert set(os.listdir("/proc/self/fd")) == before
