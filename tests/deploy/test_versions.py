from dataclasses import replace
from pathlib import Path

import pytest

from deploy.deployment import Deployment
from deploy.errors import DeployError, SettingsError
from deploy.settings import load_deployment
from deploy.versions import History, check_label, next_version


@pytest.fixture
def running(tmp_path: Path) -> Deployment:
    given = {"app": "shop:app", "workers": 3, "threads": 8, "env": {"A": "1", "B": "1"}}
    return load_deployment(tmp_path, given, environ={})


def settings(running: Deployment, text: str) -> None:
    (running.directory / "twofold.toml").write_text(text)


def test_versions_are_numbered_unless_they_have_a_name(running: Deployment) -> None:
    history = History(running)
    for wanted, label in (
        (None, "2"),
        ("2026.11", "2026.11"),
        (None, "4"),
        ("5", "5"),
        (None, "6"),
    ):
        assert history.new_label(wanted) == label
        history.rolled_to(replace(running, version=label))


def test_a_number_that_is_taken_is_passed_over(running: Deployment) -> None:
    history = History(replace(running, version="2"))
    assert history.new_label(None) == "3"


def test_a_label_is_given_once(running: Deployment) -> None:
    with pytest.raises(DeployError, match=r"there is a version 1 already.*twofold rollback"):
        History(running).new_label("1")


def test_a_rollback_goes_one_version_back_each_time(running: Deployment) -> None:
    history = History(running)
    for label in ("2", "3"):
        history.rolled_to(replace(running, version=label))
    assert (history.current.version, history.previous.version) == ("3", "2")
    history.rolled_back()
    assert (history.current.version, history.previous.version) == ("2", "1")
    history.rolled_back()
    with pytest.raises(DeployError, match="version 1 is the first"):
        _ = history.previous


@pytest.mark.parametrize("label", ["", "a b", "x" * 41, "-rf/", "ä"])
def test_a_label_is_one_plain_word(label: str) -> None:
    assert check_label(label)
    assert check_label("2026.11-rc1+3_a") is None


def test_settings_are_read_again_below_the_command_line(running: Deployment) -> None:
    settings(running, 'workers = 1\nreadiness_path = "/ok"\n[env]\nC = "file"\n')
    version, ignored = next_version(running, "2", None, {})
    assert (version.version, version.workers, version.readiness_path) == ("2", 3, "/ok")
    assert (version.env, ignored) == ({"A": "1", "B": "1", "C": "file"}, [])


def test_what_the_command_line_says_now_is_added_and_kept(running: Deployment) -> None:
    second, _ = next_version(running, "2", None, {"workers": 2, "env": {"B": "2"}})
    third, _ = next_version(second, "3", None, {"app": "shop:other"})
    assert (third.workers, third.env, third.app) == (2, {"A": "1", "B": "2"}, "shop:other")


def test_numbers_of_another_profile_are_forgotten(running: Deployment) -> None:
    version, _ = next_version(running, "2", None, {"profile": "greenlets", "greenlets": 9})
    assert version.profile.concurrency == 9
    with pytest.raises(SettingsError, match="threads = 5 is a number of the profile"):
        next_version(version, "3", None, {"threads": 5})


def test_what_everything_is_connected_to_stays_and_is_told(running: Deployment) -> None:
    settings(running, 'redis_url = "redis://h"\nname = "x"\nnodes = 9\n[balancer]\nbind = "h:1"\n')
    version, ignored = next_version(running, "2", None, {})
    assert ignored == ["balancer.bind", "redis_url"]
    assert (version.balancer.bind, version.redis_url) == (running.balancer.bind, None)
    assert (version.name, version.nodes) == (running.name, running.nodes)


def test_a_free_port_that_was_taken_is_no_change(running: Deployment) -> None:
    settings(running, '[balancer]\nbind = "127.0.0.1:0"\nrequest_timeout = 7\n')
    version, ignored = next_version(running.bound_to("127.0.0.1:4711"), "2", None, {})
    assert ignored == []
    assert (version.balancer.bind, version.balancer.request_timeout) == ("127.0.0.1:4711", 7)


def test_a_link_is_followed_anew(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    link = tmp_path / "current"
    link.symlink_to("one")
    first = load_deployment(link, {"app": "shop:app"}, environ={})
    link.unlink()
    link.symlink_to("two")
    version, _ = next_version(first, "2", None, {})
    assert (first.directory, version.directory) == (tmp_path / "one", tmp_path / "two")
    other, _ = next_version(version, "3", tmp_path / "one", {})
    assert other.directory == tmp_path / "one"
    again, _ = next_version(other, "4", None, {})
    assert again.directory == tmp_path / "one"
