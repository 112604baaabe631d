import socket
import threading
import time
from collections.abc import Iterator

import pytest

from deploy.errors import StartError
from deploy.probes import ProbeAnswer, StorePing, check_store, probe, without_password


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        found.listen()
        yield found


def answer_with(listener: socket.socket, text: bytes) -> threading.Thread:
    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(text)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("status", "ready"), [(200, True), (302, True), (404, True), (500, False), (503, False)]
)
def test_anything_but_5xx_is_ready(status: int, ready: bool) -> None:
    assert ProbeAnswer(status, "").ready is ready


def test_no_answer_is_not_ready() -> None:
    assert not ProbeAnswer(None, "refused").ready


def test_an_answer_is_shown_with_the_start_of_its_body(listener: socket.socket) -> None:
    server = answer_with(listener, b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nwait")
    host, port = listener.getsockname()
    assert probe(host, port, "/readyz", timeout=60) == ProbeAnswer(503, "503 Busy wait")
    server.join()


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-x\r\n"])
def test_nonsense_is_an_answer_too(listener: socket.socket, said: bytes) -> None:
    server = answer_with(listener, said)
    host, port = listener.getsockname()
    assert probe(host, port, "/readyz", timeout=60).text.startswith("no answer: ")
    server.join()


def test_silence_is_given_up(listener: socket.socket) -> None:
    host, port = listener.getsockname()
    assert probe(host, port, "/readyz", timeout=0.05) == ProbeAnswer(None, "no answer: timed out")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:hush@h:1/2", "redis://h:1/2"),
        ("rediss://me:hush@h/0?ssl_cert_reqs=none&password=hush", "rediss://h/0"),
        ("unix://:hush@h/run/redis.sock", "unix://h/run/redis.sock"),
        ("redis://h", "redis://h"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_a_store_that_speaks_something_else_is_refused(listener: socket.socket) -> None:
    server = answer_with(listener, b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(StartError, match="redis_url = "):
        check_store(f"redis://127.0.0.1:{listener.getsockname()[1]}")
    server.join()


@pytest.mark.parametrize("url", ["http://127.0.0.1", "nonsense", "redis://h:port"])
def test_a_malformed_url_is_refused(url: str) -> None:
    with pytest.raises(StartError, match="correct redis_url"):
        check_store(url)


@pytest.mark.parametrize("scheme", ["redis+cluster", "rediss+sentinel", "valkey+cluster"])
def test_several_servers_are_left_to_the_nodes(scheme: str) -> None:
    url = f"{scheme}://127.0.0.1:1/main"
    check_store(url)
    assert StorePing(url).seconds() is None


def test_valkey_means_the_same_as_redis(listener: socket.socket) -> None:
    url = f"valkey://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()
    with pytest.raises(StartError, match=r"valkey://127.*refused"):
        check_store(url)
    assert StorePing(url).seconds() is None


def test_a_store_that_is_not_there_has_no_latency(listener: socket.socket) -> None:
    host, port = listener.getsockname()
    listener.close()
    assert StorePing(f"redis://{host}:{port}").seconds() is None


def test_a_ping_takes_as_long_as_the_store_does(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.probes.STORE_TIMEOUT", 60.0)
    port = listener.getsockname()[1]

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            while said := connection.recv(4096):
                # As many answers as commands: each is an array of strings.
                time.sleep(0.2 if b"PING" in said else 0)
                connection.sendall(b"+OK\r\n" * (said.count(b"\r\n*") + 1))

    server = threading.Thread(target=serve)
    server.start()
    ping = StorePing(f"redis://127.0.0.1:{port}?protocol=2")
    assert (ping.seconds() or 0) >= 0.2
    assert (ping.seconds() or 0) >= 0.2
    assert ping._client is not None
    ping._client.close()
    server.join()
