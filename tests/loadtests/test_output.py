"""Files that commands write: whole, through links, into pipes, and one message where it fails."""

import errno
import os
from pathlib import Path

import pytest

from loadtests.errors import LoadTestError
from loadtests.output import require_distinct, require_writable, write_whole


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "run.json"
    for text in ("first", "second"):
        write_whole(file, text)
        assert file.read_text() == text
    assert list(file.parent.iterdir()) == [file]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "latest.json"
    link.symlink_to(tmp_path / "real" / "run.json")
    require_writable(link)
    write_whole(link, "figures")
    assert link.is_symlink()
    assert (tmp_path / "real" / "run.json").read_text() == "figures"


def test_a_link_that_leads_to_itself_gives_way(tmp_path: Path) -> None:
    link = tmp_path / "latest.json"
    link.symlink_to(link)
    require_writable(link)
    write_whole(link, "figures")
    assert link.read_text() == "figures"


def test_two_files_may_not_be_one(tmp_path: Path) -> None:
    file, link = tmp_path / "run", tmp_path / "latest"
    link.symlink_to(file)
    for other in (file, link, tmp_path / "folder" / ".." / "run"):
        with pytest.raises(LoadTestError, match="is named twice"):
            require_distinct(file, None, other)
    device = Path("/dev/null")
    require_distinct(file, None, tmp_path / "other", device, device)


def test_a_pipe_is_written_into_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    require_writable(pipe)
    write_whole(pipe, "figures")
    assert os.read(reader, 100) == b"figures"
    os.close(reader)
    assert pipe.is_fifo()


def test_no_room_is_one_message_and_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "run.json"
    write_whole(file, "old")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(LoadTestError, match=r"run.json cannot be written: No space left on device"):
        write_whole(file, "new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_device_is_one_message() -> None:
    with pytest.raises(LoadTestError, match=r"/dev/full cannot be written: No space left"):
        write_whole(Path("/dev/full"), "figures")


@pytest.mark.parametrize("name", ["/proc/run.json", "/proc/version/run.json", "/"])
def test_what_cannot_be_written_is_found_out_beforehand(name: str) -> None:
    with pytest.raises(LoadTestError, match="cannot be"):
        require_writable(Path(name))


def test_finding_out_leaves_a_file_that_is_there_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text("old")
    require_writable(file)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]
