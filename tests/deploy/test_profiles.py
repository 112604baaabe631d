from typing import Any

import pytest
from gunicorn.config import Config

from deploy.errors import SettingsError
from deploy.profiles import PROFILES, gunicorn_settings, profile


def values(name: str, **numbers: Any) -> dict[str, object]:
    settings = gunicorn_settings(
        profile(name, **numbers),
        app="shop:app",
        binds=["127.9.9.1:8001", "127.9.9.1:8002"],
        request_timeout=12.5,
        trusted_proxies=["127.9.9.253"],
    )
    return {setting.name: setting.value for setting in settings}


def test_concurrency_is_the_number_of_the_profile() -> None:
    assert profile("threads", threads=7, greenlets=50).concurrency == 7
    assert profile("greenlets", threads=7, greenlets=50).concurrency == 50
    assert profile("processes", threads=7, greenlets=50).concurrency == 1


@pytest.mark.parametrize(("name", "hint"), [("thread", "threads"), ("eventlet", "gevent")])
def test_unknown_profile_is_refused_with_the_ones_there_are(name: str, hint: str) -> None:
    with pytest.raises(SettingsError, match=hint):
        profile(name)


@pytest.mark.parametrize("name", PROFILES)
def test_gunicorn_accepts_every_setting(name: str) -> None:
    config = Config()
    for setting, value in values(name).items():
        config.set(setting, value)
    assert len(config.address) == config.workers == 2
    assert config.forwarder_headers == []
    assert config.forwarded_allow_ips != ["*"]


@pytest.mark.parametrize("name", PROFILES)
def test_every_setting_has_a_reason(name: str) -> None:
    settings = gunicorn_settings(
        profile(name), app="a:b", binds=["h:1"], request_timeout=30, trusted_proxies=[]
    )
    assert all(setting.reason for setting in settings)
    assert len({setting.name for setting in settings}) == len(settings)


@pytest.mark.parametrize("name", PROFILES)
def test_worker_classes_are_ours_or_else_gunicorns_own(name: str) -> None:
    loaded = {}
    for fast in (True, False):
        config = Config()
        config.set("worker_class", profile(name, fast_workers=fast).worker_class)
        loaded[fast] = config.worker_class
    assert loaded[True] is not loaded[False]
    assert issubclass(loaded[True], loaded[False])
    assert loaded[False].__module__.startswith("gunicorn.")


def test_a_heartbeat_lasts_longer_than_any_request() -> None:
    heartbeat, graceful = values("processes")["timeout"], values("processes")["graceful_timeout"]
    assert isinstance(heartbeat, int)
    assert isinstance(graceful, int)
    assert heartbeat > graceful >= 12.5


def test_a_gevent_worker_has_room_for_connections_that_are_no_requests() -> None:
    connections = values("greenlets", greenlets=10)["worker_connections"]
    assert isinstance(connections, int)
    assert connections > 10


def test_the_heartbeat_file_is_in_shared_memory_only_where_there_is_some() -> None:
    for shared in (True, False):
        settings = gunicorn_settings(
            profile("threads"),
            app="a:b",
            binds=["h:1"],
            request_timeout=30,
            trusted_proxies=[],
            shared_memory=shared,
        )
        assert ("worker_tmp_dir" in {setting.name for setting in settings}) is shared
