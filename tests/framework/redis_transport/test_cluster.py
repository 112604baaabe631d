"""Cluster: each command reaches the node that has its key, while keys move and nodes die."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from redis.crc import key_slot

from framework.redis_transport import lookout
from framework.redis_transport.exceptions import RedisRefused, RedisUnavailable
from framework.redis_transport.scripts import Script
from framework.redis_transport.transport import RedisTransport
from tests.framework.redis_servers import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.integration

LONG = 20.0
# In slots of three different nodes; the slots of other keys are moved about.
KEYS = (b"{3}", b"{1}", b"{4}")


def outcome(transport: RedisTransport, *args: bytes) -> str:
    try:
        transport.execute(*args)
    except RedisUnavailable:
        return "unavailable"
    return "answered"


def node_at(cluster: Any, key: bytes) -> Any:
    return cluster.node_of(key_slot(key))


@pytest.fixture
def two_keys(tmp_path: Path) -> Script:
    file = tmp_path / "rename.lua"
    file.write_text(
        "redis.call('SET', KEYS[1], 'moved') redis.call('RENAME', KEYS[1], KEYS[2]) return 'OK'"
    )
    return Script.from_file(file)


def test_each_key_is_on_its_node(cluster: Any, two_keys: Script) -> None:
    transport = RedisTransport(cluster.url, timeout=LONG)
    assert len({node_at(cluster, key).port for key in KEYS}) == 3
    for key in KEYS:
        node = node_at(cluster, key)
        assert transport.execute(b"SET", key, b"1") == b"OK"
        assert node.client.get(key) == b"1"
        # Each node learns the script for itself.
        assert transport.run(two_keys, (key + b"old", key + b"new")) == b"OK"
        assert node.client.get(key + b"new") == b"moved"
    assert transport.execute(b"PING") == b"PONG"


def test_once_known_a_key_costs_one_command(cluster: Any) -> None:
    transport = RedisTransport(cluster.url, timeout=LONG)
    key = KEYS[0]
    transport.execute(b"SET", key, b"1")
    node = node_at(cluster, key)
    assert node.commands(lambda: transport.execute(b"GET", key)) == ["GET"]


def test_a_key_that_has_moved_is_followed(cluster: Any) -> None:
    transport = RedisTransport(cluster.url, timeout=LONG)
    key = b"{b}"
    slot = key_slot(key)
    transport.execute(b"SET", key, b"before")
    source, target = cluster.begin_move(slot)
    assert cluster.move_keys(slot, source, target) >= 1
    cluster.end_move(slot, target)
    source.client.config_resetstat()
    for _ in range(5):
        assert transport.execute(b"GET", key) == b"before"
    assert source.client.info("errorstats") == {"errorstat_MOVED": {"count": 1}}


def test_a_key_is_found_on_both_sides_while_its_slot_is_moving(
    cluster: Any, two_keys: Script
) -> None:
    transport = RedisTransport(cluster.url, timeout=LONG)
    stays, goes = b"{5}stays", b"{5}goes"
    slot = key_slot(stays)
    transport.execute(b"SET", goes, b"1")
    source, target = cluster.begin_move(slot)
    cluster.move_keys(slot, source, target)
    # The source still owns the slot, and asks for one key at a time to be looked for elsewhere.
    for _ in range(3):
        assert transport.execute(b"GET", goes) == b"1"
    assert transport.execute(b"SET", stays, b"2") == b"OK"
    # What has just been written went the way of the others.
    assert transport.execute(b"GET", stays) == b"2"
    assert transport.run(two_keys, (goes,) * 2) == b"OK"
    cluster.end_move(slot, target)
    assert transport.execute(b"GET", goes) == b"moved"
    assert target.client.get(stays) == b"2"


def test_a_script_whose_keys_are_on_both_sides_waits_for_them(
    cluster: Any, two_keys: Script, at_once: Callable[[list[Any]], list[Any]]
) -> None:
    transport = RedisTransport(cluster.url, timeout=LONG)
    old, new = b"{a}old", b"{a}new"
    slot = key_slot(old)
    transport.execute(b"SET", old, b"1")
    source, target = cluster.begin_move(slot)
    hasty = RedisTransport(cluster.url, timeout=0.3)
    with pytest.raises(RedisRefused) as refused:
        hasty.run(two_keys, (old, new))
    assert refused.value.code == "TRYAGAIN"

    def move() -> None:
        cluster.move_keys(slot, source, target)
        cluster.end_move(slot, target)

    results = at_once([lambda: transport.run(two_keys, (old, new)), move])
    assert results[0] == b"OK"
    assert transport.execute(b"GET", new) == b"moved"


def test_the_other_nodes_serve_while_one_is_away(
    own_cluster: Any, wait_until: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookout, "PAUSE", 0)
    for node in own_cluster.nodes:
        node.client.config_set("cluster-require-full-coverage", "no")
    transport = RedisTransport(own_cluster.url)
    for key in KEYS:
        wait_until(lambda key=key: outcome(transport, b"SET", key, b"1") == "answered")
    hurt = node_at(own_cluster, KEYS[0])
    hurt.pause()
    assert {outcome(transport, b"GET", KEYS[0]) for _ in range(10)} == {"unavailable"}
    for key in KEYS[1:]:
        wait_until(lambda key=key: outcome(transport, b"GET", key) == "answered")
    hurt.resume()
    wait_until(lambda: outcome(transport, b"GET", KEYS[0]) == "answered")


def test_a_node_that_restarts_elsewhere_is_found_again(
    own_cluster: Any, wait_until: Callable[..., None]
) -> None:
    transport = RedisTransport(own_cluster.url, timeout=LONG)
    key = KEYS[0]
    transport.execute(b"SET", key, b"1")
    node = node_at(own_cluster, key)
    node.kill()
    assert outcome(transport, b"GET", key) == "unavailable"
    old_port, node.port = node.port, free_port()
    node.options[node.options.index(str(old_port))] = str(node.port)
    node.client.close()
    node.client = type(node.client)(port=node.port)
    node.start()
    wait_until(lambda: outcome(transport, b"GET", key) == "answered")
    assert transport.execute(b"GET", key) == b"1"


def test_seeds_that_are_dead_are_passed_over_and_named_when_all_are(cluster: Any) -> None:
    dead = f"127.0.0.1:{free_port()}"
    transport = RedisTransport(f"redis+cluster://{dead},{cluster.nodes[0].address}", timeout=LONG)
    assert transport.execute(b"SET", KEYS[0], b"1") == b"OK"
    with pytest.raises(RedisUnavailable, match=f"no node of the .* Redis at {dead}: .*refused"):
        RedisTransport(f"redis+cluster://{dead}", timeout=LONG).execute(b"GET", b"a")


def test_not_only_one_node_is_asked_for_the_slots(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is cut off from the others would tell the same old news again and again."""
    monkeypatch.setattr(lookout, "PAUSE", 0)
    transport = RedisTransport(cluster.url, timeout=LONG)
    for node in cluster.nodes:
        node.client.config_resetstat()
    for _ in range(20):
        transport.execute(b"GET", KEYS[0])
        transport._target._lookout.soon()  # type: ignore[attr-defined]
    for node in cluster.nodes:
        assert node.client.info("commandstats")["cmdstat_cluster|slots"]["calls"] > 1


def test_a_slot_that_nobody_serves_is_told(
    own_cluster: Any, wait_until: Callable[..., None]
) -> None:
    key, slot = KEYS[0], key_slot(KEYS[0])
    for node in own_cluster.nodes:
        node.client.execute_command("CLUSTER DELSLOTS", slot)
    transport = RedisTransport(own_cluster.url, timeout=LONG)
    with pytest.raises(RedisUnavailable, match=f"serves slot {slot}"):
        transport.execute(b"GET", key)
    with pytest.raises(RedisUnavailable, match=f"serves slot {slot}"):
        transport.ask_each(b"PING")


def test_a_server_that_is_no_cluster_says_so(server: Any) -> None:
    url = f"redis+cluster://{server.address}"
    with pytest.raises(RedisUnavailable, match="cluster support disabled"):
        RedisTransport(url, timeout=LONG).execute(b"GET", b"a")


def test_a_node_of_a_cluster_asked_as_if_it_were_alone_says_so(cluster: Any) -> None:
    transport = RedisTransport(cluster.nodes[0].url, timeout=LONG)
    with pytest.raises(RedisRefused, match="MOVED") as moved:
        transport.execute(b"GET", KEYS[2])
    assert moved.value.code == "MOVED"


def test_a_command_that_is_sent_around_in_circles_comes_to_an_end(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = RedisTransport(cluster.url, timeout=LONG)
    transport.execute(b"GET", KEYS[0])
    asked = []

    def send_on(node: Any, *args: Any) -> None:
        asked.append(node.endpoint.port)
        # A node that was told no name for another means the host it has itself.
        raise RedisRefused(node.name, "MOVED", f"{key_slot(KEYS[0])} :{asked[-1]}")

    monkeypatch.setattr(transport._target, "_ask_in_place", send_on)
    with pytest.raises(RedisUnavailable, match="from node to node"):
        transport.execute(b"GET", KEYS[0])
    assert len(asked) == 5
    assert transport._target._slots[key_slot(KEYS[0])].endpoint.host == "127.0.0.1"  # type: ignore[attr-defined]
