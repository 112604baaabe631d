"""Scheduled arrivals: the schedules as numbers, and what they show of an app that stalls."""

import itertools
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from loadtests.errors import LocustFailed
from loadtests.locust_run import SUITES, Load, LocustRun
from loadtests.measurement import Histogram
from loadtests.records import Record, added
from tests.loadtests.locustfiles import end_after, write_suite

pytestmark = pytest.mark.integration

RATE = 40.0
STALL = 3.0
SLOW = 1.0

# Sources as they are in several workers of Locust, with a clock that stands still.
SCHEDULES = """
import itertools, json
from types import SimpleNamespace
from locust.runners import WorkerRunner
from loadtests.suites import arrivals

def times(index, processes, now, end, **settings):
    arrivals.time = SimpleNamespace(monotonic=lambda: now)
    runner = WorkerRunner.__new__(WorkerRunner)
    runner.worker_index = index
    options = SimpleNamespace(expect_workers=processes)
    source = type("Source", (arrivals.ScheduledUser,), settings)
    source = source(SimpleNamespace(runner=runner, parsed_options=options))
    runner.greenlet = None
    return list(itertools.takewhile(lambda time: time < end, source.schedule()))

print(json.dumps({
    "alone": times(0, 1, 100, 1100, arrival_rate=4),
    "again": times(0, 1, 100, 1100, arrival_rate=4),
    "other": times(0, 1, 100, 1100, arrival_rate=4, arrival_seed=2),
    "shares": [times(index, 2, 100, 1100, arrival_rate=4) for index in range(2)],
    "even": [
        times(index, 3, 100.3 + index, 110, arrival_rate=8, arrivals="constant")
        for index in range(3)
    ],
}))
"""


@pytest.fixture(scope="module")
def schedules() -> dict[str, list[list[float]]]:
    """Times as the suite makes them, in a process of its own, which Locust may patch."""
    done = subprocess.run(
        [sys.executable, "-c", SCHEDULES], capture_output=True, text=True, check=True
    )
    numbers: dict[str, list[list[float]]] = json.loads(done.stdout)
    return numbers


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise(times)]


def chance_of_poisson(times: list[float], rate: float) -> float:
    """How likely a Poisson process has gaps as far from exponential as these, or farther."""
    return float(stats.kstest(gaps(times), stats.expon(scale=1 / rate).cdf).pvalue)


def test_a_poisson_schedule_has_exponential_gaps_that_its_seed_repeats(
    schedules: dict[str, list[float]],
) -> None:
    assert schedules["alone"] == schedules["again"]
    assert not set(schedules["alone"]) & set(schedules["other"])
    assert len(schedules["alone"]) == pytest.approx(4000, rel=0.05)
    assert chance_of_poisson(schedules["alone"], 4) > 0.05


def test_the_shares_of_two_processes_together_are_a_poisson_schedule(
    schedules: dict[str, list[list[float]]],
) -> None:
    first, second = schedules["shares"]
    assert not set(first) & set(second)
    together = sorted(first + second)
    assert len(together) == pytest.approx(4000, rel=0.05)
    assert chance_of_poisson(together, 4) > 0.05
    assert stats.pearsonr(gaps(first)[:1900], gaps(second)[:1900]).pvalue > 0.05


def test_the_shares_of_three_processes_together_have_even_gaps(
    schedules: dict[str, list[list[float]]],
) -> None:
    together = sorted(time for share in schedules["even"] for time in share if time >= 103)
    assert gaps(together) == pytest.approx([1 / 8] * (len(together) - 1))
    assert together[-1] == pytest.approx(110 - 1 / 8)


def scheduled_suite(path: Path, task: str = "self.client.get('/')", **settings: Any) -> None:
    write_suite(path, task, user="ScheduledUser, FastHttpUser", before=IMPORT)
    with path.open("a") as file:
        for name, value in {"arrivals": "constant", "arrival_rate": RATE, **settings}.items():
            file.write(f"\n    {name} = {value!r}")


IMPORT = "from loadtests.suites.arrivals import ScheduledUser"


def slow_requests(load: Load, gate: threading.Event) -> tuple[float, int]:
    """For how long the app stalled, and how many requests took longer than SLOW."""
    latencies = Histogram()
    stall: Stall | None = None
    with LocustRun(load) as run:
        for record in run:
            latencies.merge(record.latencies)
            if stall is None and record.requests:
                stall = Stall(gate)
            if stall and stall.over and time.monotonic() > stall.end + 2 and record.requests:
                break
    assert stall is not None
    slow = sum(count for bucket, count in latencies.counts.items() if bucket >= SLOW * 1e6)
    return stall.end - stall.start, slow


class Stall:
    """An app that answers nobody for some time."""

    def __init__(self, gate: threading.Event) -> None:
        gate.clear()
        self.start = time.monotonic()
        self.gate = gate
        self.end = 0.0
        self._thread = threading.Timer(STALL, self._finish)
        self._thread.start()

    def _finish(self) -> None:
        self.end = time.monotonic()
        self.gate.set()

    @property
    def over(self) -> bool:
        return self.gate.is_set()


def test_a_stall_delays_everyone_who_was_due_where_a_closed_loop_hides_it(
    url: str, suite: Path, gate: threading.Event
) -> None:
    users = 2
    scheduled_suite(suite)
    stalled, slow = slow_requests(Load(suite, url, users=1, run_time=60), gate)
    # Whoever was due more than SLOW before the end of the stall.
    assert slow >= 0.9 * RATE * (stalled - SLOW)
    assert slow > 10 * users

    write_suite(suite, "self.client.get('/')", before="from locust import constant_throughput")
    with suite.open("a") as file:
        file.write(f"\n    wait_time = constant_throughput({RATE / users})")
    _, hidden = slow_requests(Load(suite, url, users, run_time=60), gate)
    assert users <= hidden < slow / 4


def test_arrivals_beyond_the_limit_are_dropped_and_are_no_failures_of_the_app(
    url: str, suite: Path, gate: threading.Event, seen: Counter[str]
) -> None:
    gate.clear()
    scheduled_suite(suite, max_in_flight=5)
    found: list[Record] = []
    with LocustRun(Load(suite, url, users=1, run_time=60)) as run:
        for record in run:
            found.append(record)
            scheduled = sum(record.scheduled for record in found)
            if not gate.is_set() and scheduled > 2 * RATE:
                assert sum(record.dropped for record in found) == scheduled - 5
                assert sum(record.requests for record in found) == 0
                gate.set()
            elif gate.is_set() and seen["/"] > 20:
                break
    assert not added([record.errors for record in found])


def test_latency_counts_from_the_intended_start_when_the_generator_itself_is_late(
    url: str, suite: Path
) -> None:
    before = f"{IMPORT}\nimport itertools, time\nnumbers = itertools.count()"
    busy = """
    if next(numbers) == 20:
        end = time.monotonic() + 2
        while time.monotonic() < end:
            pass
    self.client.get("/")
    self.client.get("/second")
    """
    write_suite(suite, busy, before=before, user="ScheduledUser, FastHttpUser")
    with suite.open("a") as file:
        file.write(f"\n    arrivals = 'constant'\n    arrival_rate = {RATE}")
    late = Histogram()
    lateness = 0.0
    with LocustRun(Load(suite, url, users=1, run_time=60)) as run:
        for record in run:
            late.merge(record.latencies)
            lateness = max(lateness, record.lateness)
            if late.count > 6 * RATE:
                break
    assert lateness > 1.5
    # Those due in the first 1.5 s of the two were late by 0.5 s or more, with their first request.
    slow = sum(count for bucket, count in late.counts.items() if bucket >= 0.5e6)
    assert slow >= 0.9 * RATE * 1.5


def test_a_visitor_has_cookies_of_its_own_and_does_one_task(
    url: str, suite: Path, seen: Counter[str]
) -> None:
    task = """
    assert len(self.client.cookiejar) == 0
    self.client.get("/")
    self.client.get("/second")
    """
    scheduled_suite(suite, task)
    with suite.open("a") as file:
        file.write("\n    def on_start(self): self.client.get('/start')")
        file.write("\n    def on_stop(self): self.client.get('/stop')")
    with LocustRun(Load(suite, url, users=3, run_time=60)) as run:
        scheduled = 0
        for record in run:
            assert not record.exceptions
            scheduled += record.scheduled
            if scheduled > 2 * RATE:
                break
    assert seen["/start"] > RATE
    for path in ("/", "/second", "/stop"):
        assert seen[path] == pytest.approx(seen["/start"], abs=RATE)


@pytest.mark.parametrize("processes", [1, 2])
def test_any_suite_runs_by_schedule_with_the_rate_split_over_processes(
    url: str, suite: Path, processes: int, seen: Counter[str]
) -> None:
    write_suite(suite, "self.client.get('/')")
    load = Load(suite, url, users=50, run_time=60, processes=processes, rate=RATE)
    measured: list[Record] = []
    with LocustRun(load) as run:
        for record in run:
            if record.scheduled or measured:
                measured.append(record)
            if len(measured) == 7:
                break
    whole = measured[1:]
    scheduled = sum(record.scheduled for record in whole)
    # Of 240 expected arrivals the standard deviation is 15.
    assert scheduled / sum(record.seconds for record in whole) == pytest.approx(RATE, rel=0.35)
    assert {record.users for record in whole} == {processes}
    assert sum(record.dropped for record in measured) == 0
    assert seen["/"] <= sum(record.scheduled for record in measured) + 2 * RATE


def test_plain_locust_schedules_a_suite_beside_the_file(url: str, suite: Path) -> None:
    write_suite(suite, "self.client.get('/')", before=end_after(20))
    files = f"{SUITES / 'arrivals.py'},{suite}"
    options = ("--headless", "--users", "1", "--run-time", "60s", "--arrivals", "constant")
    done = subprocess.run(
        [
            *(sys.executable, "-P", "-m", "locust", "-f", files, "--host", url),
            *(*options, "--arrival-rate", f"{RATE:g}"),
        ],
        capture_output=True,
        text=True,
        cwd=suite.parent,
    )
    assert done.returncode == 0, done.stderr
    assert "0 of whom were dropped" in done.stderr


def test_a_suite_with_its_own_copy_of_the_file_is_scheduled(
    url: str, suite: Path, seen: Counter[str]
) -> None:
    suite.with_name("arrivals.py").write_text((SUITES / "arrivals.py").read_text())
    write_suite(
        suite,
        "self.client.get('/')",
        before="from arrivals import ScheduledUser",
        user="ScheduledUser, FastHttpUser",
    )
    for rate in (None, RATE):
        seen.clear()
        with LocustRun(Load(suite, url, users=1, run_time=60, rate=rate)) as run:
            scheduled = 0
            for record in run:
                scheduled += record.scheduled
                if scheduled >= 20:
                    break
        assert seen["/"] > 0


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"arrivals": "often"}, "arrivals is 'often'"),
        ({"arrival_rate": 0}, "arrival_rate is 0: write a number above 0"),
    ],
)
def test_a_wrong_setting_is_told_at_once(
    url: str, suite: Path, setting: dict[str, Any], expected: str
) -> None:
    scheduled_suite(suite, **setting)
    load = Load(suite, url, users=1, run_time=60)
    with LocustRun(load) as run, pytest.raises(LocustFailed, match=expected):
        list(run)


def test_a_wrong_rate_on_the_command_line_is_told_at_once(url: str, suite: Path) -> None:
    write_suite(suite, "self.client.get('/')")
    load = Load(suite, url, users=1, run_time=60, rate=-1.0)
    with LocustRun(load) as run, pytest.raises(LocustFailed, match=r"arrival_rate is -1\.0"):
        list(run)
