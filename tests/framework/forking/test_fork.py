"""A fork through its life: made at one version, changed, updated to another, taken back."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from framework.forking import fork as forks
from framework.forking.exceptions import ForkError
from framework.forking.files import read_files
from framework.forking.merging import git_version
from framework.forking.placing import READY, STAGED, finish, place
from framework.forking.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LINES = [f"line {number}\n" for number in range(1, 31)]
APP = "".join(LINES)


def upstream(version: str = "1.0", **changes: str | None) -> Upstream:
    """A package of a few files; `changes` by file stem, None for one that is not there."""
    texts: dict[str, str | None] = {"__init__": "", "app": APP, "views": "def view(): ...\n"}
    files = {
        (name if "." in name else f"{name.replace('__of__', '/')}.py"): text.encode()
        for name, text in {**texts, **changes}.items()
        if text is not None
    }
    return Upstream("framework", version, {**files, "LICENSE": b"Do what you like.\n"})


def with_line(number: int, text: str, start: str = APP) -> str:
    return start.replace(f"line {number}\n", f"{text}\n")


@pytest.fixture
def fork(tmp_path: Path) -> Path:
    path = tmp_path / "acme"
    forks.create(path, upstream())
    return path


def test_a_fork_is_the_files_their_licence_and_a_record(fork: Path) -> None:
    assert read_files(fork) == upstream().files
    record = json.loads((fork / ".origin/record.json").read_text())
    assert (record["package"], record["version"]) == ("framework", "1.0")
    assert set(record["files"]) == {"LICENSE", "__init__.py", "app.py", "views.py"}
    assert all(len(digest) == 64 for digest in record["files"].values())
    assert forks.diff(fork) == ""


def test_diff_shows_what_was_changed_added_removed_and_renamed(fork: Path) -> None:
    (fork / "app.py").write_text(with_line(3, "our line"))
    (fork / "new.py").write_text("ours\n")
    (fork / "views.py").unlink()
    text = forks.diff(fork)
    assert "-line 3\n+our line\n" in text
    assert "+++ b/new.py" in text
    assert "deleted file mode 100644\n" in text
    (fork / "app.py").rename(fork / "application.py")
    assert "rename from app.py\nrename to application.py\n" in forks.diff(fork)


def test_changes_in_different_places_are_merged(fork: Path) -> None:
    (fork / "app.py").write_text(with_line(3, "our line"))
    (fork / "ours.py").write_text("ours\n")
    newer = upstream("2.0", app=with_line(28, "their line"), theirs="theirs\n")
    done = forks.update(fork, newer)
    assert done is not None
    assert (done.old, done.new, done.conflicts) == ("framework 1.0", "framework 2.0", ())
    assert done.changes == ["M  app.py", "A  theirs.py"]
    assert (fork / "app.py").read_text() == with_line(28, "their line", with_line(3, "our line"))
    assert (fork / "ours.py").read_text() == "ours\n"
    assert (fork / "theirs.py").read_text() == "theirs\n"
    assert forks.update(fork, newer) is None
    assert "+our line" in forks.diff(fork)
    assert "their line" not in forks.diff(fork)


def test_both_sides_are_in_the_file_where_they_changed_the_same_line(fork: Path) -> None:
    (fork / "app.py").write_text(with_line(3, "our line"))
    newer = upstream("2.0", app=with_line(3, "their line"))
    done = forks.update(fork, newer)
    assert done is not None
    assert done.conflicts == ("CONFLICT (content): Merge conflict in app.py",)
    assert (
        "line 2\n<<<<<<< yours\nour line\n=======\ntheir line\n>>>>>>> framework-2.0\nline 4\n"
        in (fork / "app.py").read_text()
    )
    with pytest.raises(ForkError, match=r"still has conflicts .* in app\.py"):
        forks.update(fork, upstream("3.0", app="all new\n"))
    (fork / "app.py").write_text(with_line(3, "their line, and ours"))
    assert forks.diff(fork).count("\n+") == 2  # the file's own +++ line and the one that differs
    assert forks.update(fork, upstream("3.0", app=with_line(3, "their line", APP + "end\n")))


def test_the_same_change_on_both_sides_is_no_conflict(fork: Path) -> None:
    (fork / "app.py").write_text(with_line(3, "mended"))
    done = forks.update(fork, upstream("2.0", app=with_line(3, "mended")))
    assert done is not None
    assert (done.changes, done.conflicts) == ([], ())
    assert forks.diff(fork) == ""


def test_a_file_deleted_there_goes_here_unless_it_was_changed(fork: Path) -> None:
    done = forks.update(fork, upstream("2.0", views=None))
    assert done is not None
    assert done.changes == ["D  views.py"]
    assert not (fork / "views.py").exists()

    (fork / "app.py").write_text(with_line(3, "our line"))
    done = forks.update(fork, upstream("3.0", views=None, app=None))
    assert done is not None
    [conflict] = done.conflicts
    assert conflict.startswith("CONFLICT (modify/delete): app.py deleted in framework-3.0")
    assert (fork / "app.py").read_text() == with_line(3, "our line")


def test_a_file_deleted_here_stays_away_unless_it_was_changed_there(fork: Path) -> None:
    (fork / "views.py").unlink()
    forks.update(fork, upstream("2.0"))
    assert not (fork / "views.py").exists()
    done = forks.update(fork, upstream("3.0", views="def view(): return 3\n"))
    assert done is not None
    [conflict] = done.conflicts
    assert conflict.startswith("CONFLICT (modify/delete): views.py deleted in yours")


def test_our_change_follows_a_file_that_was_renamed_there(fork: Path) -> None:
    (fork / "app.py").write_text(with_line(3, "our line"))
    moved = upstream("2.0", app=None, core__of__application=with_line(28, "their line"))
    done = forks.update(fork, moved)
    assert done is not None
    assert done.conflicts == ()
    assert not (fork / "app.py").exists()
    text = (fork / "core/application.py").read_text()
    assert text == with_line(28, "their line", with_line(3, "our line"))
    forks.undo(fork)
    assert not (fork / "core").exists()


def test_a_file_renamed_here_takes_their_change(fork: Path) -> None:
    (fork / "app.py").rename(fork / "kernel.py")
    done = forks.update(fork, upstream("2.0", app=with_line(28, "their line")))
    assert done is not None
    assert (done.changes, done.conflicts) == (["M  kernel.py"], ())
    assert (fork / "kernel.py").read_text() == with_line(28, "their line")


def test_a_dry_run_says_the_same_and_changes_nothing(fork: Path) -> None:
    (fork / "app.py").write_text(with_line(3, "our line"))
    newer = upstream("2.0", app=with_line(3, "their line"), views=None)
    before = everything(fork)
    told = forks.update(fork, newer, dry_run=True)
    assert everything(fork) == before
    assert told == forks.update(fork, newer)


def test_an_update_can_be_taken_back_once(fork: Path) -> None:
    (fork / "app.py").write_text(with_line(3, "our line"))
    before = everything(fork)
    forks.update(fork, upstream("2.0", app=with_line(3, "theirs"), views=None, added="new\n"))
    assert forks.undo(fork) == "framework 1.0"
    assert everything(fork) == before
    with pytest.raises(ForkError, match="has had no update, or it is undone already"):
        forks.undo(fork)


def test_an_undo_that_would_lose_changes_has_to_be_forced(fork: Path) -> None:
    forks.update(fork, upstream("2.0", app=with_line(3, "theirs")))
    (fork / "views.py").write_text("ours\n")
    (fork / "mine.py").write_text("ours\n")
    with pytest.raises(ForkError, match=r"would lose that: mine\.py, views\.py"):
        forks.undo(fork)
    forks.undo(fork, force=True)
    assert read_files(fork) == upstream().files


def test_a_fork_can_be_forked_and_updated_from_the_fork(fork: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    forks.create(second, Upstream("acme", "1.0", read_files(fork)))
    (second / "app.py").write_text(with_line(3, "second's line"))
    forks.update(fork, upstream("2.0", app=with_line(28, "their line")))
    done = forks.update(second, Upstream("acme", "2.0", read_files(fork)))
    assert done is not None
    assert (second / "app.py").read_text().count("their line") == 1
    assert (second / "app.py").read_text().count("second's line") == 1


def test_what_is_not_source_is_left_alone(fork: Path) -> None:
    for name in ("__pycache__/app.cpython-311.pyc", ".git/HEAD"):
        (fork / name).parent.mkdir()
        (fork / name).write_text("kept")
    forks.update(fork, upstream("2.0", app="new\n"))
    forks.undo(fork)
    assert (fork / "__pycache__/app.cpython-311.pyc").read_text() == "kept"
    assert (fork / ".git/HEAD").read_text() == "kept"


# What can go wrong


def test_a_place_that_is_taken_or_has_no_folder_or_no_name_is_refused(
    fork: Path, tmp_path: Path
) -> None:
    with pytest.raises(ForkError, match="is there already"):
        forks.create(fork, upstream())
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ForkError, match="is there already"):
        forks.create(tmp_path / "dangling", upstream())
    with pytest.raises(ForkError, match="There is no folder"):
        forks.create(tmp_path / "no" / "acme", upstream())
    with pytest.raises(ForkError, match="'my-fork' cannot be the name of a package"):
        forks.create(tmp_path / "my-fork", upstream())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["acme", "dangling"]


@pytest.mark.parametrize("verb", [forks.diff, lambda fork: forks.update(fork, upstream("2.0"))])
def test_without_a_sound_record_nothing_is_done(verb: Callable[[Path], object], fork: Path) -> None:
    record, base = fork / ".origin/record.json", fork / ".origin/base.zip"
    sound = {path: path.read_bytes() for path in (record, base)}
    damages: dict[str, Callable[[], object]] = {
        "is not of format 1": lambda: record.write_text('{"format": 2}'),
        "cannot be read": lambda: record.write_text("{"),
        "archive of the fork's record is damaged": lambda: base.write_bytes(b"no zip"),
        "does not hold what": lambda: record.write_bytes(
            sound[record].replace(b'"files": {', b'"files": {"more": "",')
        ),
        "has no record of its origin": base.unlink,
    }
    for message, damage in damages.items():
        for path, content in sound.items():
            path.write_bytes(content)
        damage()
        with pytest.raises(ForkError, match=message):
            verb(fork)
    assert read_files(fork) == upstream().files


def test_a_symbolic_link_is_refused(fork: Path) -> None:
    (fork / "link.py").symlink_to(fork / "app.py")
    with pytest.raises(ForkError, match=r"link\.py is a symbolic link"):
        forks.update(fork, upstream("2.0", app="new\n"))


def test_without_git_it_says_what_to_install(
    fork: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_version() == ""
    with pytest.raises(ForkError, match=r"git 2\.38 or newer, and here is none"):
        forks.diff(fork)
    old = tmp_path / "git"
    old.write_text("#!/bin/sh\necho git version 2.37.9\n")
    old.chmod(0o755)
    with pytest.raises(ForkError, match=r"and here is git version 2\.37\.9"):
        forks.diff(fork)


def test_a_change_that_cannot_be_written_leaves_the_fork_as_it_was(
    fork: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(fork)
    full = OSError(28, "No space left on device")

    def no_space(*_: object) -> None:
        raise full

    monkeypatch.setattr("framework.forking.placing.write_files", no_space)
    with pytest.raises(ForkError, match="No space left on device"):
        forks.update(fork, upstream("2.0", app="new\n"))
    assert everything(fork) == before
    with pytest.raises(ForkError, match="No space left on device"):
        forks.create(fork.parent / "second", upstream())
    assert [path.name for path in fork.parent.iterdir()] == ["acme"]


def test_a_change_that_was_cut_off_is_finished_by_the_next_command(
    fork: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = upstream("2.0", app="new\n", views=None)
    with monkeypatch.context() as patch:
        patch.setattr("framework.forking.placing.finish", lambda _: None)
        forks.update(fork, newer)
    assert read_files(fork) == upstream().files
    (fork / STAGED / "app.py").replace(fork / "app.py")
    assert forks.diff(fork) == ""
    assert read_files(fork) == newer.files
    assert not (fork / STAGED).exists()
    assert not (fork / READY).exists()


def test_a_change_that_was_cut_off_before_it_was_whole_is_forgotten(fork: Path) -> None:
    (fork / STAGED).mkdir()
    (fork / STAGED / "app.py").write_text("half")
    finish(fork)
    assert read_files(fork) == upstream().files
    assert not (fork / STAGED).exists()
    place(fork, {"deep/er.py": b"new"}, ["views.py"])
    assert (fork / "deep/er.py").read_bytes() == b"new"
    assert not (fork / "views.py").exists()


def everything(fork: Path) -> dict[str, bytes]:
    """All files, the record's too."""
    return {
        path.relative_to(fork).as_posix(): path.read_bytes()
        for path in fork.rglob("*")
        if path.is_file()
    }


def test_nothing_is_left_in_the_temporary_folder(
    fork: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(work))
    forks.update(fork, upstream("2.0", app="new\n"))
    assert list(work.iterdir()) == []
    shutil.rmtree(work)
