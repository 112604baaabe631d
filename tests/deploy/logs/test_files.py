"""Files of a bounded size, also where there is no room for them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from deploy.logs.files import LogFile, newest_first
from deploy.logs.tail import all_lines

if TYPE_CHECKING:
    from pathlib import Path

# A file may have 1,000 bytes here, as on a disk that is full then; after that, as many as it likes.
FULL_DISK = """\
import resource, sys
from pathlib import Path
from deploy.logs.files import LogFile
log = LogFile(Path(sys.argv[1]), file_size=10**6, files=2)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
for number in range(30):
    log.write(b"%098d\\n" % number * 2)
lost = log.lost
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.write(b"there is room again\\n")
print(lost, log.lost)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "node1.log"


def test_a_full_file_is_kept_under_a_number_and_the_oldest_goes(path: Path) -> None:
    log = LogFile(path, file_size=10, files=3)
    for letter in (b"a", b"b", b"c", b"d"):
        log.write(letter * 7 + b"\n")
    assert [name.name for name in newest_first(path)] == ["node1.log", "node1.log.1", "node1.log.2"]
    assert [name.read_text()[0] for name in newest_first(path)] == ["d", "c", "b"]
    assert log.lost == 0


def test_one_file_may_be_all_that_is_kept(path: Path) -> None:
    log = LogFile(path, file_size=10, files=1)
    for letter in (b"a", b"b"):
        log.write(letter * 7 + b"\n")
    assert list(path.parent.iterdir()) == [path]
    assert path.read_text() == "bbbbbbb\n"


def test_a_file_is_filled_before_the_next_is_begun(path: Path) -> None:
    log = LogFile(path, file_size=10, files=2)
    log.write(b"1234\n")
    log.write(b"6789\n")
    assert newest_first(path) == [path]
    log.write(b"\n")
    assert len(newest_first(path)) == 2


def test_what_was_there_counts(path: Path) -> None:
    path.write_text("1234567\n")
    LogFile(path, file_size=10, files=2).write(b"next\n")
    assert [name.read_text() for name in newest_first(path)] == ["next\n", "1234567\n"]


def test_nothing_is_lost_or_torn_while_several_threads_write(path: Path) -> None:
    log = LogFile(path, file_size=5_000, files=1000)

    def write(thread: int) -> None:
        for number in range(300):
            log.write(f"{thread} {number} {'x' * 80}\n".encode())

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = list(all_lines(path))
    assert len(newest_first(path)) > 10
    for writer in range(4):
        mine = [line for line in lines if line.startswith(f"{writer} ")]
        assert mine == [f"{writer} {number} {'x' * 80}" for number in range(300)]


def test_a_full_disk_costs_lines_that_are_counted_and_nothing_else(path: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True, check=True
    )
    lines = path.read_text().splitlines()
    assert lines[-1] == "there is room again"
    assert all(len(line) == 98 for line in lines[:-1])
    kept = len(lines) - 1
    assert kept == 10
    assert shown.stdout.split() == [str(60 - kept)] * 2


def test_a_folder_that_has_gone_is_no_error(path: Path) -> None:
    log = LogFile(path.parent / "gone" / "node1.log", file_size=10, files=2)
    log.write(b"a\nb\n")
    assert log.lost == 2


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_closed_is_no_error(path: Path) -> None:
    path.parent.chmod(0o500)
    log = LogFile(path, file_size=10, files=2)
    log.write(b"a\n")
    path.parent.chmod(0o700)
    assert log.lost == 1
