"""Server: what happens to connections, callers and commands when things break."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from framework.redis_transport.connections import pack
from framework.redis_transport.exceptions import RedisRefused, RedisUnavailable
from framework.redis_transport.server import Server
from framework.redis_transport.urls import parse
from tests.framework.redis_servers import free_port, run_script

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.integration

PING = pack(b"PING")
CLIENT_ID = pack(b"CLIENT", b"ID")


def made(url: str, *, timeout: float = 10.0, max_connections: int = 8) -> Server:
    return Server(parse(url).endpoints[0], timeout=timeout, max_connections=max_connections)


def ask(server: Server, packed: bytes = PING) -> Any:
    return server.ask(packed, time.monotonic() + server._timeout)


def outcome(server: Server, packed: bytes = PING) -> str:
    try:
        ask(server, packed)
    except RedisUnavailable:
        return "unavailable"
    return "answered"


def test_connections_are_used_again(server: Any) -> None:
    asked = made(server.url)
    first = ask(asked, CLIENT_ID)
    assert {ask(asked, CLIENT_ID) for _ in range(10)} == {first}
    asked.drop_idle()
    assert ask(asked, CLIENT_ID) != first


def test_an_error_is_told_with_its_code_and_the_connection_is_kept(server: Any) -> None:
    asked = made(server.url)
    first = ask(asked, CLIENT_ID)
    with pytest.raises(RedisRefused, match="answered: ERR unknown command") as refused:
        ask(asked, pack(b"FROBNICATE"))
    assert refused.value.code == "ERR"
    with pytest.raises(RedisRefused) as unknown:
        ask(asked, pack(b"EVALSHA", b"0" * 40, b"0"))
    assert unknown.value.code == "NOSCRIPT"
    assert ask(asked, CLIENT_ID) == first


def test_a_broken_link_is_tried_once_more(server: Any, proxy: Any) -> None:
    asked = made(f"redis://127.0.0.1:{proxy.port}")
    key = f"n:{proxy.port}".encode()
    ask(asked)
    proxy.lose_next_reply = True
    # Only what may run twice is sent this way; this shows that it did.
    assert ask(asked, pack(b"INCR", key)) == 2
    proxy.refuse = True
    asked.drop_idle()
    assert outcome(asked) == "unavailable"
    proxy.refuse = False
    assert ask(asked) == b"PONG"


def test_all_idle_connections_are_dropped_when_one_was_cut(
    server: Any, at_once: Callable[[list[Any]], list[Any]]
) -> None:
    asked = made(server.url)
    slow = pack(b"BLPOP", f"nothing:{server.port}".encode(), b"0.2")
    at_once([lambda: ask(asked, slow)] * 4)
    kept = len(asked._idle)
    assert kept > 1
    for connection in asked._idle:
        connection._sock.shutdown(2)  # type: ignore[attr-defined]
    assert ask(asked) == b"PONG"
    assert len(asked._idle) == 1


def test_connections_that_another_thread_drops_meanwhile_do_no_harm(server: Any) -> None:
    class Dropped(list[Any]):
        """As if another thread had its turn as soon as somebody has seen that there are some."""

        def __bool__(self) -> bool:
            seen = len(self) > 0
            while len(self):
                self.pop().disconnect()
            return seen

    asked = made(server.url)
    ask(asked)
    asked._idle = Dropped(asked._idle)
    asked.drop_idle()
    assert ask(asked) == b"PONG"


def test_a_refused_connection_is_unavailable_and_soon_nobody_tries() -> None:
    asked = made(f"redis://127.0.0.1:{free_port()}")
    with pytest.raises(RedisUnavailable, match="Connection refused"):
        ask(asked)
    assert {outcome(asked) for _ in range(5)} == {"unavailable"}
    with pytest.raises(RedisUnavailable, match=r"times in a row: .*Connection refused"):
        ask(asked)


def test_while_a_server_hangs_one_caller_a_pause_waits_for_it(
    own_server: Any, wait_until: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = made(own_server.url, timeout=0.05)
    sent = 0
    converse = asked._converse

    def counted(*args: Any) -> Any:
        nonlocal sent
        sent += 1
        return converse(*args)

    monkeypatch.setattr(asked, "_converse", counted)
    own_server.pause()
    assert {outcome(asked) for _ in range(200)} == {"unavailable"}
    assert sent < 100
    own_server.resume()
    wait_until(lambda: outcome(asked) == "answered")


def test_a_restart_between_two_commands_is_not_noticed(own_server: Any) -> None:
    asked = made(own_server.url)
    ask(asked)
    own_server.kill()
    own_server.start()
    assert ask(asked) == b"PONG"


def test_a_killed_server_is_back_when_it_is_back(
    own_server: Any, wait_until: Callable[..., None]
) -> None:
    asked = made(own_server.url)
    ask(asked)
    own_server.kill()
    assert {outcome(asked) for _ in range(20)} == {"unavailable"}
    own_server.start()
    wait_until(lambda: outcome(asked) == "answered")


def test_a_server_that_is_loading_is_unavailable(
    own_server: Any, wait_until: Callable[..., None]
) -> None:
    with own_server.client.pipeline(transaction=False) as pipeline:
        for number in range(20_000):
            pipeline.set("ballast", number)
        pipeline.execute()
    own_server.kill()
    # Microseconds a command. The server answers LOADING after every 1024 of them.
    own_server.options += ["--key-load-delay", "20"]
    starting = threading.Thread(target=own_server.start)
    starting.start()
    asked = made(own_server.url)
    problems = []

    def loaded() -> bool:
        try:
            ask(asked)
        except RedisUnavailable as error:
            problems.append(str(error))
            return False
        return True

    wait_until(loaded)
    starting.join()
    assert any("loading" in problem for problem in problems)


def test_a_replica_that_is_written_to_loses_its_connections(own_server: Any) -> None:
    asked = made(own_server.url)
    own_server.client.replicaof("127.0.0.1", "1")
    write = pack(b"SET", b"a", b"b")
    from_script = pack(b"EVAL", b"return redis.call('SET', KEYS[1], 'b')", b"1", b"a")
    for command in (write, from_script):
        with pytest.raises(RedisRefused, match="read only replica"):
            ask(asked, command)
        assert asked._idle == []
    own_server.client.replicaof("NO", "ONE")
    assert ask(asked, write) == b"OK"


def test_a_wrong_password_is_told_without_showing_it(own_server: Any) -> None:
    own_server.client.acl_setuser("web", enabled=True, passwords=["+s/cret"], commands=["+@all"])
    url = f"redis://web:%s@{own_server.address}/3"
    assert b" db=3 " in ask(made(url % "s%2Fcret"), pack(b"CLIENT", b"INFO"))
    assert b" user=web " in ask(made(url % "s%2Fcret"), pack(b"CLIENT", b"INFO"))
    with pytest.raises(RedisUnavailable, match="invalid username-password") as refused:
        ask(made(url % "wr%2Fong"))
    assert "ong" not in str(refused.value)


def test_callers_beyond_the_number_of_connections_wait(
    server: Any, at_once: Callable[[list[Any]], list[Any]]
) -> None:
    asked = made(server.url, timeout=20.0, max_connections=2)
    replies = at_once([lambda i=i: ask(asked, pack(b"ECHO", b"%d" % i)) for i in range(40)])
    assert replies == [b"%d" % number for number in range(40)]
    assert len(asked._idle) <= 2


def test_callers_that_waited_too_long_for_a_connection_are_told(own_server: Any) -> None:
    asked = made(own_server.url, max_connections=1)
    assert asked._slots.acquire(0)
    with pytest.raises(RedisUnavailable, match="all 1 connections"):
        asked.ask(PING, time.monotonic() + 0.1)
    asked._slots.release()
    assert ask(asked) == b"PONG"


def test_a_caller_with_little_time_left_leaves_the_connection_as_it_was(own_server: Any) -> None:
    asked = made(own_server.url, timeout=20.0)
    ask(asked)
    (connection,) = asked._idle
    assert asked.ask(PING, time.monotonic() + 10.0) == b"PONG"
    assert asked._idle == [connection]
    assert connection._sock.gettimeout() == 20.0  # type: ignore[attr-defined]
    own_server.pause()
    begun = time.monotonic()
    with pytest.raises(RedisUnavailable, match="Timeout"):
        asked.ask(PING, time.monotonic() + 0.1)
    assert time.monotonic() - begun < 15.0
    assert asked._idle == []


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, TimeoutError])
def test_whatever_interrupts_a_call_its_connection_is_never_used_again(
    server: Any, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = made(server.url)
    ask(asked)
    (connection,) = asked._idle

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(connection._parser, "read_response", interrupted)  # type: ignore[attr-defined]
        with pytest.raises(RedisUnavailable if error is TimeoutError else error):
            ask(asked, pack(b"ECHO", b"for somebody else"))
    assert connection not in asked._idle
    numbers = [b"%d" % number for number in range(5)]
    assert [ask(asked, pack(b"ECHO", number)) for number in numbers] == numbers


def test_greenlets_share_few_connections_and_never_see_each_others_replies(server: Any) -> None:
    script = """
from gevent import monkey
monkey.patch_all()
import random, sys
import gevent
from framework.redis_transport.transport import RedisTransport

transport = RedisTransport(sys.argv[1], timeout=20.0, max_connections=8)
cut = 0

def visitor(number):
    global cut
    for turn in range(20):
        mine = b"%d:%d" % (number, turn) * 50
        with gevent.Timeout(random.choice([0.0005, 0.002, 10]), False) as timeout:
            assert transport.execute(b"ECHO", mine) == mine
            continue
        cut += 1

gevent.joinall([gevent.spawn(visitor, number) for number in range(150)], raise_error=True)
assert cut > 0
assert len(transport._target._idle) <= 8
assert transport._target._slots.free == 8
print(transport.execute(b"ECHO", b"the end").decode())
"""
    assert run_script(script, server.url) == "the end"


def test_a_greenlet_that_waits_lets_the_others_run(own_server: Any) -> None:
    script = """
from gevent import monkey
monkey.patch_all()
import sys
import gevent
from framework.redis_transport.exceptions import RedisUnavailable
from framework.redis_transport.transport import RedisTransport

transport = RedisTransport(sys.argv[1], timeout=0.5, max_connections=2)
turns = 0

def other_work():
    global turns
    while True:
        gevent.sleep(0.01)
        turns += 1

def blocked():
    try:
        transport.execute(b"SET", b"a", b"b")
    except RedisUnavailable:
        return "unavailable"

transport.execute(b"CLIENT", b"PAUSE", b"60000", b"WRITE")
worker = gevent.spawn(other_work)
waiting = [gevent.spawn(blocked) for _ in range(6)]
gevent.joinall(waiting)
assert {greenlet.value for greenlet in waiting} == {"unavailable"}
print(turns > 10)
"""
    assert run_script(script, own_server.url) == "True"
