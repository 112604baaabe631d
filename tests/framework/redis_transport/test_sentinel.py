"""SentinelPrimary: finds the primary, notices that it has changed, and never waits long to ask."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from framework.redis_transport import lookout
from framework.redis_transport.exceptions import RedisRefused, RedisUnavailable
from framework.redis_transport.transport import RedisTransport
from tests.framework.redis_servers import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.integration

LONG = 20.0
# A failover takes about a second here; a busy machine may need several attempts at it.
WITHIN = 60.0


def outcome(transport: RedisTransport, *args: bytes) -> str:
    try:
        transport.execute(*args)
    except RedisUnavailable:
        return "unavailable"
    return "answered"


def primary_of(transport: RedisTransport) -> Any:
    return transport._target._primary  # type: ignore[attr-defined]


def port_of(transport: RedisTransport) -> int:
    return int(primary_of(transport).endpoint.port)


def test_the_primary_is_found_and_asked(replicated: Any) -> None:
    transport = RedisTransport(f"{replicated.url}/2", timeout=LONG)
    assert transport.execute(b"SET", b"a", b"1") == b"OK"
    assert port_of(transport) == replicated.primary.port
    assert b" db=2 " in transport.execute(b"CLIENT", b"INFO")
    assert transport.name == "Redis primary 'sessions'"


def test_an_unknown_service_and_sentinels_that_are_away_are_told(replicated: Any) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    url = f"redis+sentinel://{nobody},{replicated.sentinel.address}/unheard-of"
    with pytest.raises(RedisUnavailable) as unknown:
        RedisTransport(url, timeout=LONG).execute(b"PING")
    assert f"The sentinel at {nobody}: " in str(unknown.value)
    assert f"{replicated.sentinel.address} knows no service 'unheard-of'" in str(unknown.value)


def test_a_sentinel_that_is_dead_or_hangs_is_passed_over(replicated: Any, own_server: Any) -> None:
    own_server.pause()
    hosts = f"127.0.0.1:{free_port()},{own_server.address},{replicated.sentinel.address}"
    transport = RedisTransport(f"redis+sentinel://{hosts}/sessions", timeout=3.0)
    assert transport.execute(b"PING") == b"PONG"
    # The one that answered is asked first from now on.
    first = transport._target._sentinels[0]  # type: ignore[attr-defined]
    assert first.endpoint.port == replicated.sentinel.port


def test_while_no_sentinel_answers_the_known_primary_is_used(
    replicated: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookout, "PAUSE", 0)
    transport = RedisTransport(replicated.url, timeout=LONG)
    transport.execute(b"PING")
    replicated.sentinel.pause()
    for _ in range(10):
        transport._target._lookout.soon()  # type: ignore[attr-defined]
        assert transport.execute(b"PING") == b"PONG"


def test_a_login_for_sentinels_of_their_own(replicated: Any) -> None:
    sentinel = replicated.sentinel.client
    sentinel.execute_command("ACL SETUSER scout on >quiet +sentinel")
    sentinel.execute_command("ACL SETUSER default off")
    login = "sentinel_username=scout&sentinel_password"
    transport = RedisTransport(f"{replicated.url}?{login}=quiet", timeout=LONG)
    assert transport.execute(b"PING") == b"PONG"
    with pytest.raises(RedisUnavailable, match="invalid username-password") as refused:
        RedisTransport(f"{replicated.url}?{login}=loud", timeout=LONG).execute(b"PING")
    assert "loud" not in str(refused.value)


@pytest.mark.parametrize("blow", ["kill", "pause"])
def test_when_the_primary_dies_or_hangs_its_replica_takes_over(
    replicated: Any, wait_until: Callable[..., None], blow: str
) -> None:
    transport = RedisTransport(replicated.url)
    wait_until(lambda: outcome(transport, b"SET", b"a", b"1") == "answered")
    replicated.primary.client.wait(1, 10_000)
    replicated.watch_closely()
    getattr(replicated.primary, blow)()
    wait_until(lambda: outcome(transport, b"SET", b"b", b"2") == "answered", within=WITHIN)
    assert port_of(transport) == replicated.replica.port
    assert replicated.replica.client.get("a") == b"1"


def test_a_new_primary_is_noticed_though_the_old_one_still_takes_writes(
    replicated: Any, wait_until: Callable[..., None]
) -> None:
    transport = RedisTransport(replicated.url, timeout=LONG)
    transport.execute(b"SET", b"a", b"1")
    sentinel, new = replicated.sentinel.client, replicated.replica
    new.client.replicaof("NO", "ONE")
    sentinel.sentinel_remove(replicated.service)
    sentinel.sentinel_monitor(replicated.service, "127.0.0.1", new.port, 1)

    def moved() -> bool:
        transport.execute(b"SET", b"a", b"2")
        return port_of(transport) == new.port

    wait_until(moved)
    assert new.client.get("a") == b"2"


def test_a_planned_failover_is_noticed(replicated: Any, wait_until: Callable[..., None]) -> None:
    transport = RedisTransport(replicated.url)
    wait_until(lambda: outcome(transport, b"SET", b"a", b"1") == "answered")
    replicated.fail_over()

    def moved() -> bool:
        outcome(transport, b"SET", b"a", b"2")
        return port_of(transport) == replicated.replica.port

    wait_until(moved, within=WITHIN)
    wait_until(lambda: outcome(transport, b"SET", b"a", b"3") == "answered")
    assert replicated.replica.client.get("a") == b"3"


def test_a_replica_that_is_taken_for_the_primary_is_refused(
    replicated: Any, wait_until: Callable[..., None]
) -> None:
    replicated.primary.client.replicaof("127.0.0.1", "1")
    transport = RedisTransport(replicated.url, timeout=LONG)
    with pytest.raises(RedisUnavailable, match="its role is slave"):
        transport.execute(b"GET", b"a")
    replicated.primary.client.replicaof("NO", "ONE")
    wait_until(lambda: outcome(transport, b"SET", b"a", b"1") == "answered", within=WITHIN)


def test_a_primary_that_is_demoted_under_way_loses_its_connections(
    replicated: Any, wait_until: Callable[..., None]
) -> None:
    transport = RedisTransport(replicated.url, timeout=LONG)
    transport.execute(b"SET", b"a", b"1")
    replicated.primary.client.replicaof("127.0.0.1", "1")
    with pytest.raises(RedisRefused, match="read only replica"):
        transport.execute(b"SET", b"a", b"2")
    assert primary_of(transport)._idle == []
    with pytest.raises(RedisUnavailable, match="its role is slave"):
        transport.execute(b"GET", b"a")
    replicated.primary.client.replicaof("NO", "ONE")
    wait_until(lambda: outcome(transport, b"SET", b"a", b"3") == "answered", within=WITHIN)


def test_writes_that_were_acknowledged_survive_a_lagging_replica(
    replicated: Any, wait_until: Callable[..., None]
) -> None:
    """With min-replicas-to-write a primary alone soon refuses, instead of promising too much."""
    for server in (replicated.primary, replicated.replica):
        server.client.config_set("min-replicas-to-write", 1)
        server.client.config_set("min-replicas-max-lag", 1)
    transport = RedisTransport(replicated.url)
    wait_until(lambda: outcome(transport, b"SET", b"begun", b"1") == "answered")
    replicated.replica.pause()
    acknowledged: list[bytes] = []

    def refused() -> bool:
        key = b"k%d" % len(acknowledged)
        try:
            transport.execute(b"SET", key, b"1")
        except RedisRefused as refusal:
            return refusal.code == "NOREPLICAS"
        except RedisUnavailable:
            return False
        acknowledged.append(key)
        time.sleep(0.01)
        return False

    wait_until(refused)
    replicated.watch_closely()
    replicated.primary.kill()
    replicated.replica.resume()
    replicated.replica.client.config_set("min-replicas-to-write", 0)
    wait_until(lambda: outcome(transport, b"SET", b"ended", b"1") == "answered", within=WITHIN)
    assert acknowledged
    assert all(replicated.replica.client.get(key) == b"1" for key in acknowledged)
