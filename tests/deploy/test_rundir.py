import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy import rundir
from deploy.errors import StartError
from deploy.rundir import RunDirectory


@contextmanager
def looked_at(directory: RunDirectory) -> Iterator[None]:
    """Another process is just looking whether the directory is in use."""
    other = os.open(directory.path / "lock", os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_SH)
    try:
        yield
    finally:
        os.close(other)


def test_a_directory_is_this_users_alone_and_locked() -> None:
    directory = RunDirectory("shop")
    lock = directory.create()
    assert directory.path.stat().st_mode & 0o777 == 0o700
    assert directory.in_use
    assert [found.name for found in rundir.running()] == ["shop"]
    os.close(lock)
    assert not directory.in_use
    directory.remove()
    assert not rundir.root().exists()


def test_a_running_deployment_keeps_its_directory() -> None:
    directory = RunDirectory("shop")
    lock = directory.create()
    with pytest.raises(StartError, match="'shop' is already running"):
        RunDirectory("shop").create()
    directory.sweep()
    assert directory.in_use
    os.close(lock)
    directory.remove()


def test_what_a_killed_supervisor_left_is_swept_at_the_next_start() -> None:
    directory = RunDirectory("shop")
    os.close(directory.create())
    (directory.path / "old.log").write_text("old")
    lock = RunDirectory("shop").create()
    assert not (directory.path / "old.log").exists()
    os.close(lock)
    assert rundir.running() == []
    assert not rundir.root().exists()


def test_whoever_looks_at_what_was_left_is_not_taken_for_a_supervisor() -> None:
    directory = RunDirectory("shop")
    os.close(directory.create())
    with looked_at(directory):
        assert not directory.in_use
        lock = RunDirectory("shop").create()
    assert directory.in_use
    os.close(lock)
    directory.remove()


def test_a_deployment_that_starts_while_others_look_is_locked() -> None:
    stopped = threading.Event()

    def look() -> None:
        while not stopped.is_set():
            RunDirectory("shop").in_use  # noqa: B018

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    for _ in range(300):
        lock = RunDirectory("shop").create()
        assert RunDirectory("shop").in_use
        os.close(lock)
    stopped.set()
    for looker in lookers:
        looker.join()
    RunDirectory("shop").remove()


def test_what_is_swept_is_looked_at_once_more() -> None:
    # Another process starts a deployment of that name between the first look and the deleting.
    directory = RunDirectory("shop")
    os.close(directory.create())
    with rundir._root_locked():
        sweeper = threading.Thread(target=directory.sweep)
        sweeper.start()
        time.sleep(0.3)
        lock = os.open(directory.path / "lock", os.O_RDWR)
        fcntl.flock(lock, fcntl.LOCK_EX)
    sweeper.join()
    assert directory.in_use
    os.close(lock)
    directory.remove()


def test_a_file_that_cannot_be_written_is_named() -> None:
    directory = RunDirectory("shop")
    lock = directory.create()
    directory.path.joinpath("store.conf.new").mkdir()
    with pytest.raises(StartError, match=r"shop/store\.conf cannot be written: Is a directory"):
        directory.write_secret(directory.store_config, "requirepass hush")
    os.close(lock)
    directory.remove()


def test_a_folder_without_room_is_named() -> None:
    rundir.root().mkdir(mode=0o700)
    rundir.root().joinpath("shop").write_text("in the way")
    with pytest.raises(StartError, match=r"shop cannot be made: File exists; .*TMPDIR"):
        RunDirectory("shop").create()
    rundir.root().joinpath("shop").unlink()
    rundir.root().rmdir()


def test_secrets_are_readable_by_this_user_alone() -> None:
    directory = RunDirectory("shop")
    lock = directory.create()
    before = os.umask(0o000)
    try:
        directory.write_secret(directory.store_config, "requirepass hush")
    finally:
        os.umask(before)
    assert directory.store_config.stat().st_mode & 0o777 == 0o600
    assert directory.store_config.read_text() == "requirepass hush"
    os.close(lock)
    directory.remove()


@pytest.mark.parametrize("kind", ["open to others", "a link", "a file"])
def test_a_root_that_someone_else_may_have_made_is_refused(kind: str) -> None:
    root = rundir.root()
    elsewhere = Path(os.environ["TMPDIR"]) / "elsewhere"
    if kind == "open to others":
        root.mkdir()
        root.chmod(0o755)
    elif kind == "a link":
        elsewhere.mkdir(mode=0o700)
        root.symlink_to(elsewhere)
    else:
        root.write_text("")
    with pytest.raises(StartError, match=str(root)):
        RunDirectory("shop").create()
    if kind == "open to others":
        root.rmdir()
    else:
        root.unlink()
    if elsewhere.exists():
        elsewhere.rmdir()


def test_a_path_too_long_for_a_socket_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("x" * 90)
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    with pytest.raises(StartError, match="set TMPDIR to a shorter folder"):
        RunDirectory("shop").create()


def test_a_deployment_is_found_on_a_full_disk() -> None:
    directory = RunDirectory("shop")
    lock = directory.create()
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); "
        "from deploy import rundir; print(*rundir.root().iterdir())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == [str(directory.path)]
    os.close(lock)
    directory.remove()


def test_a_temporary_folder_that_is_not_there_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TMPDIR", "/no/such/folder")
    assert rundir.root().parent == Path("/tmp")
