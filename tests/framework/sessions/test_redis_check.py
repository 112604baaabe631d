"""What is checked of Redis where a node starts, and what its user may do there."""

from __future__ import annotations

import logging
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest
import redis

from framework.redis_transport.transport import RedisTransport
from framework.sessions import SessionConfigError, redis_check
from framework.sessions.redis_store import RedisSessionStore
from tests.framework.redis_servers import ROOT, free_port, with_few_rights

if TYPE_CHECKING:
    from framework.sessions import SessionIds

pytestmark = pytest.mark.integration

LONG = 20.0


def check(url: str, patience: float = LONG) -> None:
    redis_check.check(RedisTransport(url, timeout=LONG), patience=patience)


def test_redis_that_does_not_answer_is_an_error_that_says_what_to_do() -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(SessionConfigError) as refused:
        check(f"redis://web:secret@{address}", patience=0.2)
    message = str(refused.value)
    assert f"REDIS_URL leads to Redis at {address}" in message
    assert "has not answered within 0.2 s" in message
    assert "Connection refused. Start it" in message
    assert "or correct REDIS_URL" in message
    assert "secret" not in message


def test_redis_that_starts_together_with_its_nodes_is_waited_for(own_server: Any) -> None:
    own_server.kill()
    starting = threading.Thread(target=own_server.start)
    starting.start()
    check(own_server.url, patience=60.0)
    starting.join()


@pytest.mark.parametrize(
    ("policy", "warnings"), [("noeviction", 0), ("allkeys-lru", 1), ("volatile-ttl", 1)]
)
def test_a_policy_that_deletes_sessions_is_named_in_the_log(
    own_server: Any, policy: str, warnings: int, caplog: pytest.LogCaptureFixture
) -> None:
    own_server.client.config_set("maxmemory-policy", policy)
    check(own_server.url)
    found = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(found) == warnings
    for record in found:
        assert f"{own_server.address} has maxmemory-policy {policy}" in record.getMessage()


def test_a_user_who_may_not_look_at_the_policy_can_start(
    own_server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    url = with_few_rights(own_server)
    own_server.client.execute_command("ACL SETUSER", "sessions", "-info")
    own_server.client.config_set("maxmemory-policy", "allkeys-lru")
    caplog.set_level(logging.INFO)
    check(url)
    assert [record.levelno for record in caplog.records] == [logging.INFO]
    assert "could not be looked up" in caplog.text


def test_every_node_of_a_cluster_is_looked_at(
    cluster: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for node in cluster.nodes:
        node.client.config_set("maxmemory-policy", "volatile-lru")
    check(cluster.url)
    for node in cluster.nodes:
        node.client.config_set("maxmemory-policy", "noeviction")
    assert len(caplog.records) == 3


@pytest.mark.parametrize(
    "command",
    [
        ("KEYS", "*"),
        ("SCAN", "0"),
        ("GET", "other"),
        ("EVAL", "return redis.call('GET', KEYS[1])", "1", "other"),
        ("SET", "other", "1"),
        ("DEL", "s:a"),
        ("FLUSHALL",),
        ("CONFIG", "GET", "*"),
        ("MONITOR",),
        ("CLIENT", "LIST"),
        ("ACL", "LIST"),
        ("SCRIPT", "FLUSH"),
        ("PUBLISH", "channel", "1"),
        ("SELECT", "1"),
    ],
    ids=lambda command: " ".join(command)[:20],
)
def test_the_documented_user_can_do_nothing_else(server: Any, command: tuple[str, ...]) -> None:
    with_few_rights(server)
    client = redis.Redis(port=server.port, username="sessions", password="PASSWORD")
    with client, pytest.raises(redis.ResponseError, match=r"(?i)permission"):
        client.execute_command(*command)


def test_the_documented_user_has_no_right_that_is_not_used() -> None:
    folder = ROOT / "framework/sessions"
    used = {"ping", "info", "eval", "evalsha"}
    for file in (*folder.glob("redis_*.py"), *folder.glob("scripts/*.lua")):
        calls = re.findall(r"redis\.call\('(\w+)'|execute\(b\"(\w+)\"", file.read_text())
        used |= {name.lower() for pair in calls for name in pair if name}
    page = (ROOT / "docs/reference/redis.md").read_text()
    (rules,) = re.findall(r"^user sessions (.*)$", page, re.MULTILINE)
    assert set(re.findall(r"\+(\w+)", rules)) == used


def test_sentinels_need_one_right_more(replicated: Any, ids: SessionIds) -> None:
    with_few_rights(replicated.primary)
    url = replicated.url.replace("://", "://sessions:PASSWORD@")
    store = RedisSessionStore(
        RedisTransport(url, timeout=LONG), idle_timeout=100, absolute_timeout=1000
    )
    replicated.primary.client.execute_command("ACL SETUSER", "sessions", "+role")
    assert store.load(ids.new()) is None
