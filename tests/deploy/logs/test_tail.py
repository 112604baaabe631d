from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.logs.files import LogFile
from deploy.logs.tail import CHUNK, LONGEST_TAIL, Follower, all_lines, last_lines

Follow = Callable[..., Follower]


@pytest.fixture
def follow() -> Iterator[Follow]:
    """Makes followers, and closes them."""
    followers: list[Follower] = []

    def make(path: Path, last: int | None = None) -> Follower:
        followers.append(Follower(path, last=last))
        return followers[-1]

    yield make
    for follower in followers:
        follower.close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "node1.log"
    path.write_text("one\ntwo\nthree\n")
    return path


def test_the_last_lines_are_shown(log: Path) -> None:
    assert last_lines(log, 2) == ["two", "three"]
    assert last_lines(log, 9) == ["one", "two", "three"]
    assert last_lines(log, 0) == []


def test_the_last_lines_may_be_in_the_file_before(log: Path) -> None:
    log.rename(f"{log}.1")
    log.write_text("four\n")
    assert last_lines(log, 2) == ["three", "four"]
    assert list(all_lines(log)) == ["one", "two", "three", "four"]
    # Between two files there may be none under the name.
    log.unlink()
    assert last_lines(log, 1) == ["three"]


def test_a_file_that_is_not_there_has_no_lines(tmp_path: Path, follow: Follow) -> None:
    assert last_lines(tmp_path / "gone", 5) == []
    assert list(follow(tmp_path / "gone", last=5).new_lines()) == []


def test_of_a_huge_file_only_the_end_is_read(tmp_path: Path, follow: Follow) -> None:
    log = tmp_path / "huge.log"
    with log.open("wb") as file:
        file.seek(1000 * LONGEST_TAIL)
        file.write(b"\nthe end\n")
    assert last_lines(log, 1) == ["the end"]
    assert list(follow(log, last=1).new_lines()) == ["the end"]


def test_bytes_that_are_no_text_are_shown_all_the_same(tmp_path: Path) -> None:
    log = tmp_path / "node1.log"
    log.write_bytes(b"caf\xe9\n")
    assert last_lines(log, 1) == ["caf\N{REPLACEMENT CHARACTER}"]


def test_new_lines_are_handed_out_when_they_are_complete(log: Path, follow: Follow) -> None:
    follower = follow(log, last=1)
    assert list(follower.new_lines()) == ["three"]
    with log.open("a") as file:
        file.write("fo")
        file.flush()
        assert list(follower.new_lines()) == []
        file.write("ur\nfive\n")
    assert list(follower.new_lines()) == ["four", "five"]
    assert list(follower.new_lines()) == []


def test_all_lines_of_a_new_file_are_handed_out(log: Path, follow: Follow) -> None:
    assert list(follow(log).new_lines()) == ["one", "two", "three"]


def test_a_file_that_is_truncated_is_read_from_its_start(log: Path, follow: Follow) -> None:
    follower = follow(log, last=0)
    assert list(follower.new_lines()) == []
    log.write_text("new\n")
    assert list(follower.new_lines()) == ["new"]


def test_a_follower_misses_nothing_however_often_files_are_rotated(
    tmp_path: Path, follow: Follow
) -> None:
    path = tmp_path / "node1.log"
    log = LogFile(path, file_size=20, files=50)
    log.write(b"0\n")
    follower = follow(path)
    seen = list(follower.new_lines())
    # Less than one file, one, and several between two looks.
    for number in range(1, 100):
        log.write(b"%d\n" % number)
        if number in (2, 3, 11, 30, 31, 99):
            seen += follower.new_lines()
    assert seen == [str(number) for number in range(100)]
    assert list(follower.new_lines()) == []


def test_a_file_is_read_to_its_end_when_the_next_one_is_found(
    tmp_path: Path, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "node1.log"
    log = LogFile(path, file_size=4, files=2)
    log.write(b"a\n")
    follower = follow(path)
    assert list(follower.new_lines()) == ["a"]
    look = follower._newer_files

    def write_and_look() -> object:
        # In the moment between the reading of this file and the look for others.
        log.write(b"b\n")
        log.write(b"c\n")
        return look()

    monkeypatch.setattr(follower, "_newer_files", write_and_look)
    assert list(follower.new_lines()) == ["b", "c"]


def test_a_follower_that_was_outrun_goes_on_with_the_oldest_there_is(
    tmp_path: Path, follow: Follow
) -> None:
    path = tmp_path / "node1.log"
    log = LogFile(path, file_size=4, files=2)
    log.write(b"a\n")
    follower = follow(path, last=0)
    assert list(follower.new_lines()) == []
    for letter in (b"b", b"c", b"d", b"e", b"f", b"g"):
        log.write(letter + b"\n")
    # What it had open it reads to its end, though it has no name any more.
    assert list(follower.new_lines()) == ["b", "e", "f", "g"]


def test_a_line_without_an_end_does_not_fill_the_memory(tmp_path: Path, follow: Follow) -> None:
    log = tmp_path / "node1.log"
    log.write_bytes(b"x" * (3 * CHUNK))
    assert sum(map(len, follow(log).new_lines())) >= 2 * CHUNK
