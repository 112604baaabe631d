"""Writing a setting into twofold.toml: only its keys change, and nobody's edit is lost."""

import stat
import tomllib
from pathlib import Path

import pytest

from deploy.settings import load_deployment
from loadtests.errors import LoadTestError
from loadtests.tune.candidates import Candidate
from loadtests.tune.writing import SettingsFile

GREENLETS = Candidate("greenlets", 3, 64)
BEFORE = """\
# How the shop is run.
app = "shop:app"

workers = 2          # on each node
threads = 4

[env]
# Seconds.
STOCK_DELAY = "0.1"

[loadtests]
suite = "journey"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "twofold.toml"
    path.write_text(BEFORE)
    return path


def written(directory: Path, candidate: Candidate = GREENLETS) -> str:
    settings = SettingsFile.read(directory)
    settings.write(settings.edited(candidate, "shop:app"))
    return settings.path.read_text()


def test_only_the_settings_change(file: Path) -> None:
    text = written(file.parent)
    expected = BEFORE.replace("workers = 2 ", "workers = 3 ").replace(
        "threads = 4\n", 'threads = 4\nprofile = "greenlets"\ngreenlets = 64\n'
    )
    assert text == expected


def test_what_is_written_is_what_is_deployed(file: Path) -> None:
    for candidate in (GREENLETS, Candidate("threads", 1, 16), Candidate("processes", 4, 1)):
        written(file.parent, candidate)
        assert Candidate.of(load_deployment(file.parent, {}, environ={})) == candidate


def test_the_difference_is_shown_before(file: Path) -> None:
    settings = SettingsFile.read(file.parent)
    diff = settings.diff(settings.edited(Candidate("threads", 2, 16), "shop:app"))
    assert "-threads = 4\n+threads = 16\n" in diff
    assert '+profile = "threads"' in diff
    assert "STOCK_DELAY" not in diff
    assert file.read_text() == BEFORE


def test_an_edit_made_meanwhile_is_not_lost(file: Path) -> None:
    settings = SettingsFile.read(file.parent)
    file.write_text(BEFORE.replace("threads = 4", "threads = 5"))
    with pytest.raises(LoadTestError, match="was changed while the search ran"):
        settings.write(settings.edited(GREENLETS, "shop:app"))
    assert "threads = 5" in file.read_text()


def test_a_file_that_was_removed_meanwhile_is_not_made_again(file: Path) -> None:
    settings = SettingsFile.read(file.parent)
    file.unlink()
    with pytest.raises(LoadTestError, match="was changed"):
        settings.write(settings.edited(GREENLETS, "shop:app"))
    assert not file.exists()


def test_without_a_file_there_is_a_new_one_with_the_app(tmp_path: Path) -> None:
    text = written(tmp_path)
    assert tomllib.loads(text) == {
        "app": "shop:app",
        "profile": "greenlets",
        "workers": 3,
        "greenlets": 64,
    }


def test_its_rights_and_line_ends_stay(file: Path) -> None:
    file.write_bytes(BEFORE.replace("\n", "\r\n").encode())
    file.chmod(0o600)
    written(file.parent, Candidate("threads", 2, 16))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"workers = 2          # on each node\r\n" in file.read_bytes()
    assert list(file.parent.iterdir()) == [file]


def test_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    file.rename(shared / "real.toml")
    file.symlink_to(shared / "real.toml")
    written(tmp_path)
    assert file.is_symlink()
    assert "greenlets = 64" in (shared / "real.toml").read_text()


def test_a_folder_that_cannot_be_written_is_one_message(file: Path) -> None:
    settings = SettingsFile(Path("/proc/twofold.toml"), None)
    with pytest.raises(LoadTestError, match=r"/proc/twofold\.toml cannot be written"):
        settings.write("app = 1\n")
