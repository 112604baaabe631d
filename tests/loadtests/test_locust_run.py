"""Locust as a child process, against a small site in this one."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from loadtests import locust_process, locust_run
from loadtests.errors import LoadTestError, LocustFailed
from loadtests.locust_run import Load, LocustRun, find_suite, suite_names
from loadtests.records import Record
from tests.loadtests.locustfiles import end_after, write_suite

USERS = 4


def records(load: Load, wanted: int) -> list[Record]:
    """The first records with all users running."""
    found: list[Record] = []
    with LocustRun(load) as run:
        for record in run:
            found += [record] if record.users == load.users else []
            if len(found) == wanted:
                break
    return found


@pytest.mark.integration
def test_records_add_up_to_what_the_server_counted(
    url: str, seen: Counter[str], suite: Path
) -> None:
    write_suite(suite, "self.client.get('/')", before=end_after(50))
    with LocustRun(Load(suite, url, USERS, run_time=60)) as run:
        found = list(run)
    requests = sum(record.requests for record in found)
    assert 0 <= seen["/"] - requests <= USERS
    assert requests == sum(record.latencies.count for record in found) >= 50
    assert max(record.users for record in found) == USERS
    assert sum(record.failures for record in found) == 0
    assert all(record.cpu > 0 for record in found)
    assert sum(r.seconds for r in found[1:]) == pytest.approx(found[-1].time - found[0].time)


@pytest.mark.integration
def test_failures_are_counted_by_message_and_redirects_apart(
    url: str, seen: Counter[str], suite: Path
) -> None:
    task = "self.client.get('/missing')\nself.client.get('/old')"
    write_suite(suite, task, before=end_after(20))
    with LocustRun(Load(suite, url, USERS, run_time=60)) as run:
        found = list(run)
    errors = sum((Counter(record.errors) for record in found), Counter())
    assert set(errors) == {"GET /missing: HTTP 404"}
    assert errors.total() == sum(record.failures for record in found)
    assert 0 <= seen["/new"] - sum(record.redirects for record in found) <= USERS


@pytest.mark.integration
def test_messages_without_end_are_gathered(url: str, suite: Path) -> None:
    write_suite(
        suite,
        """
        with self.client.get("/", catch_response=True) as response:
            response.failure(f"number {next(numbers)}" + "x" * 1000)
        """,
        before="from itertools import count\nnumbers = count()",
    )
    with LocustRun(Load(suite, url, USERS, run_time=60)) as run:
        # A busy machine may need more than one interval for so many.
        record = next(record for record in run if record.failures > 25)
    assert len(record.errors) == 21
    assert record.errors["other errors"] > 1
    assert all(len(message) <= 300 for message in record.errors)


@pytest.mark.integration
def test_a_package_of_the_users_called_loadtests_is_not_taken_for_ours(
    url: str, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loadtests").mkdir()
    (tmp_path / "loadtests" / "__init__.py").write_text("")
    monkeypatch.chdir(tmp_path)
    write_suite(suite, "self.client.get('/')")
    assert records(Load(suite, url, USERS, run_time=60), 1)


def interrupt_after(_: Record) -> None:
    raise KeyboardInterrupt


@pytest.mark.integration
def test_nothing_is_left_after_an_interrupted_run(url: str, suite: Path) -> None:
    write_suite(suite, "self.client.get('/')")
    before = set(os.listdir("/proc/self/fd"))
    run = LocustRun(Load(suite, url, USERS, run_time=60))
    with pytest.raises(KeyboardInterrupt), run:
        interrupt_after(next(iter(run)))
    assert [process.exit_code is None for process in run.processes] == [False]
    assert set(os.listdir("/proc/self/fd")) == before


def failure(load: Load) -> str:
    """What a run says that cannot go on."""
    with pytest.raises(LocustFailed) as raised, LocustRun(load) as run:
        list(run)
    return str(raised.value)


@pytest.mark.integration
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("import no_such_module_anywhere", "no_such_module_anywhere"),
        ("def visit(:", "SyntaxError"),
        ("raise RuntimeError('no token is set')", "RuntimeError: no token is set"),
        ("import locust", "No User class found"),
    ],
)
def test_a_suite_that_cannot_be_used_is_told_with_the_reason(
    url: str, suite: Path, content: str, expected: str, processes: int
) -> None:
    suite.write_text(content + "\n")
    said = failure(Load(suite, url, USERS, run_time=60, processes=processes))
    assert "exit code 1" in said
    assert str(suite) in said
    assert expected in said


# Ten seconds of silence are a long time in a test.
SOON = "from loadtests.suites import silence\nsilence.QUIET = 2"


@pytest.mark.integration
@pytest.mark.parametrize("processes", [1, 2])
def test_a_suite_that_sends_nothing_is_told(url: str, suite: Path, processes: int) -> None:
    write_suite(suite, "pass", before=SOON)
    said = failure(Load(suite, url, USERS, run_time=60, processes=processes))
    assert "sent no request in 2 s: users of Visitor run" in said


@pytest.mark.integration
def test_users_without_a_client_are_told(url: str, suite: Path) -> None:
    before = f"{SOON}\nfrom locust import User"
    write_suite(suite, "self.client.get('/')", before=before, user="User")
    said = failure(Load(suite, url, USERS, run_time=60))
    assert "Its tasks raised AttributeError: 'Visitor' object has no attribute 'client'" in said
    assert "FastHttpUser" in said


@pytest.mark.integration
def test_an_app_that_hangs_is_not_taken_for_a_silent_suite(
    url: str, suite: Path, gate: threading.Event
) -> None:
    gate.clear()
    write_suite(suite, "self.client.get('/')", before=SOON)
    found = records(Load(suite, url, USERS, run_time=60), 6)
    assert sum(record.requests for record in found) == 0


@pytest.mark.integration
def test_what_a_task_raises_is_counted_apart_from_requests(url: str, suite: Path) -> None:
    task = "self.client.get('/')\nraise ValueError('a bug')"
    write_suite(suite, task, before=end_after(20))
    with LocustRun(Load(suite, url, USERS, run_time=60)) as run:
        found = list(run)
    raised = sum((Counter(record.exceptions) for record in found), Counter())
    assert set(raised) == {"ValueError: a bug"}
    assert sum(record.requests for record in found) == raised.total()
    assert sum(record.failures for record in found) == 0


@pytest.mark.integration
def test_a_locust_that_dies_is_told(url: str, suite: Path) -> None:
    write_suite(suite, "import os\nos._exit(7)")
    with (
        pytest.raises(LocustFailed, match="exit code 7"),
        LocustRun(Load(suite, url, USERS, run_time=60)) as run,
    ):
        list(run)


HANGING = """
import pathlib, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("counting sheep", flush=True)
pathlib.Path(__file__).with_name("hanging").touch()
signal.pause()
"""


@pytest.mark.integration
def test_a_locust_that_hangs_is_told_and_killed(
    url: str, suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locust_run, "PATIENCE", 1.0)
    monkeypatch.setattr(locust_process, "STOP_TIMEOUT", 0.5)
    suite.write_text(HANGING)
    with LocustRun(Load(suite, url, USERS, run_time=60)) as run:
        wait_for(suite.with_name("hanging"))
        with pytest.raises(LocustFailed, match=r"(?s)nothing for 1 s.*counting sheep"):
            list(run)
    assert [process.exit_code for process in run.processes] == [-signal.SIGKILL]


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.integration
def test_locust_dies_with_a_killed_parent_even_while_it_hangs(url: str, suite: Path) -> None:
    suite.write_text(HANGING)
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from loadtests.locust_run import *\n"
            "with LocustRun(Load(Path(sys.argv[1]), sys.argv[2], 2, 60)) as run:\n"
            "    print(run.processes[0].pid, flush=True)\n"
            "    list(run)",
            str(suite),
            url,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        locust = int(parent.stdout.readline())
        wait_for(suite.with_name("hanging"))
        parent.kill()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{locust}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{locust}").exists()


def test_suites_are_found_by_name_and_by_path(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text("")
    assert find_suite("mine.py", tmp_path) == mine
    assert find_suite("journey", tmp_path).name == "journey.py"
    assert suite_names() == ["browsing", "cpu", "front", "journey", "mixed", "upload", "waiting"]


@pytest.mark.parametrize("name", ["nothing", "recorder", "__init__", "../suites/front", "."])
def test_an_unknown_suite_is_told_with_the_known_ones(name: str, tmp_path: Path) -> None:
    with pytest.raises(
        LoadTestError, match="browsing, cpu, front, journey, mixed, upload, waiting"
    ):
        find_suite(name, tmp_path)
