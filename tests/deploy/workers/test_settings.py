"""gunicorn's settings, hooks, logs and signals, on each of our worker classes."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Server

pytest.importorskip("gunicorn_h1c")
pytestmark = pytest.mark.integration

CLASSES = ["sync", "gthread", "gevent"]
KEEPING = ["gthread", "gevent"]

Start = Callable[..., "Server"]
Eventually = Callable[..., None]

FORMAT = (
    "%(h)s %(m)s %(U)s %(q)s %(H)s %(s)s %(b)s %(B)s %(f)s %(a)s {%({x-a}i)s} "
    "%({content-type}o)s %({raw_uri}e)s"
)


@pytest.fixture(scope="module", params=CLASSES)
def server(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    run: Callable[..., contextlib.AbstractContextManager[Server]],
    ours: dict[str, str],
) -> Iterator[Server]:
    """One for all tests that ask nothing special of it."""
    threads = "4" if request.param == "gthread" else "1"
    directory = tmp_path_factory.mktemp("shared")
    with run(directory, ours[request.param], "--threads", threads) as running:
        running.keeps = request.param in KEEPING
        yield running


def ask(client: socket.socket, target: str = "/", *headers: str) -> bytes:
    """One request on an open connection, and its answer, which has a length."""
    lines = [f"GET {target} HTTP/1.1", "Host: here", *headers, "", ""]
    client.sendall("\r\n".join(lines).encode())
    return answer(client)


def answer(client: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        data = client.recv(65536)
        if not data:
            return received
        received += data
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += client.recv(65536)
    return head + b"\r\n\r\n" + body


def worker_of(server: Server) -> int:
    [pid] = (
        Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    )
    return int(pid)


HOOKS = """
def post_request(worker, req, environ, resp):
    worker.log.warning("hook %s %s %s %s %s %s", req.method, req.path, req.query, dict(req.headers),
                       environ["PATH_INFO"], resp.status)
def post_worker_init(worker):
    worker.log.warning("hook init")
def worker_exit(server, worker):
    worker.log.warning("hook exit")
def worker_int(worker):
    worker.log.warning("hook int")
"""


@pytest.mark.parametrize("own", CLASSES)
def test_hooks_and_access_log_are_told_the_same(
    start: Start, ours: dict[str, str], tmp_path: Path, own: str
) -> None:
    (tmp_path / "hooks.py").write_text(HOOKS)
    told = []
    for worker_class in (own, ours[own]):
        options = ("--access-logfile", "-", "--access-logformat", FORMAT, "--config", "hooks.py")
        server = start(worker_class, *options)
        server.get("/a?b=c", "X-A: x", "User-Agent: me", "Referer: there")
        server.get("/chunked")
        server.get("/error")
        server.exchange(b"GET / HTTP/1.1\r\nHost\r\n\r\n")
        server.process.send_signal(signal.SIGQUIT)
        server.process.wait(60)
        lines = server.log.read_text().splitlines()
        hooks = [line.partition("] hook ")[2] for line in lines if "] hook " in line]
        told.append((hooks, [line for line in lines if line.startswith("127.0.0.1 ")]))
    assert told[0] == told[1]
    hooks, access = told[0]
    assert [hook.split()[0] for hook in hooks] == ["init", *["GET"] * 4, "int", "exit"]
    assert len(access) >= 4


def test_a_hook_before_the_request_may_change_it(
    start: Start, ours: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "hooks.py").write_text(
        "def pre_request(worker, req): req.headers.append(('X-HOOK', 'changed'))"
    )
    server = start(ours["gevent"], "--config", "hooks.py")
    assert b'"HTTP_X_HOOK": "\'changed\'"' in server.get("/")
    assert "gunicorn's own code serves every request: pre_request is set" in server.log.read_text()


@pytest.mark.parametrize("own", CLASSES)
def test_max_requests_replaces_the_worker(
    start: Start, ours: dict[str, str], eventually: Eventually, own: str
) -> None:
    server = start(ours[own], "--max-requests", "5")
    first = worker_of(server)
    # The one after which it was known to be up counts too.
    for _ in range(4):
        assert server.get("/").startswith(b"HTTP/1.1 200")
    eventually(lambda: not Path(f"/proc/{first}").exists())
    # The master holds the listening socket: a client waits for the next worker.
    assert server.get("/").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("own", CLASSES)
def test_a_request_is_finished_before_the_worker_stops(
    start: Start, ours: dict[str, str], tmp_path: Path, eventually: Eventually, own: str
) -> None:
    server = start(ours[own])
    with server.connect() as client:
        client.sendall(b"GET /wait?1.5 HTTP/1.1\r\nHost: here\r\n\r\n")
        eventually((tmp_path / "waiting").exists)
        server.process.terminate()
        assert answer(client).startswith(b"HTTP/1.1 200")
    assert server.process.wait(60) == 0


@pytest.mark.parametrize("own", KEEPING)
def test_a_waiting_connection_does_not_hold_up_the_stop(
    start: Start, ours: dict[str, str], own: str
) -> None:
    server = start(ours[own], "--graceful-timeout", "600", "--keep-alive", "600")
    with server.connect() as client, server.connect():
        assert b"Connection: keep-alive" in ask(client)
        server.process.terminate()
        assert server.process.wait(60) == 0


@pytest.mark.parametrize("own", KEEPING)
def test_a_waiting_connection_ends_with_its_time(
    start: Start, ours: dict[str, str], own: str
) -> None:
    server = start(ours[own], "--keep-alive", "1")
    with server.connect() as client:
        for _ in range(3):
            assert b"Connection: keep-alive" in ask(client)
        assert client.recv(1) == b""


@pytest.mark.parametrize("own", KEEPING)
def test_without_keep_alive_every_connection_is_closed(
    start: Start, ours: dict[str, str], own: str
) -> None:
    server = start(ours[own], "--keep-alive", "0")
    with server.connect() as client:
        assert b"Connection: close" in ask(client)
        assert client.recv(1) == b""


def test_a_connection_comes_back_from_gunicorns_own_code(server: Server) -> None:
    if not server.keeps:
        pytest.skip("it closes every connection")
    with server.connect() as client:
        for _ in range(2):
            assert ask(client, "/input").endswith(b"BytesIO")
            assert ask(client, "/input", "Upgrade: something").endswith(b"Body")


@pytest.mark.parametrize("own", KEEPING)
def test_more_connections_than_allowed_wait_until_others_end(
    start: Start, ours: dict[str, str], own: str
) -> None:
    server = start(ours[own], "--worker-connections", "4", "--threads", "2", "--keep-alive", "600")
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(server.connect()) for _ in range(4)]
        late = stack.enter_context(server.connect())
        late.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        late.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            assert late.recv(1) == b"", "it was served beside four others"
        late.settimeout(60)
        silent[0].close()
        assert answer(late).startswith(b"HTTP/1.1 200")


MEETING = """
import threading
barrier = threading.Barrier(4)
def app(environ, start_response):
    if environ["PATH_INFO"] == "/meet":
        barrier.wait(60)
    start_response("200 OK", [("Content-Length", "3")])
    return [b"met"]
"""


@pytest.mark.parametrize("own", KEEPING)
def test_requests_are_served_at_once(start: Start, ours: dict[str, str], own: str) -> None:
    server = start(ours[own], "--threads", "4", text=MEETING)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(4)]
        for _ in range(3):
            for client in clients:
                client.sendall(b"GET /meet HTTP/1.1\r\nHost: here\r\n\r\n")
            assert all(answer(client).endswith(b"met") for client in clients)


def test_many_clients_at_once_all_get_their_answers(server: Server) -> None:
    wrong: list[bytes] = []

    def visit(number: int) -> None:
        for request in range(50):
            said = server.get(f"/?{number}.{request}")
            if f'"QUERY_STRING": "\'{number}.{request}\'"'.encode() not in said:
                wrong.append(said)

    visitors = [threading.Thread(target=visit, args=(number,)) for number in range(8)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert wrong == []


def test_clients_that_leave_early_do_no_harm(server: Server) -> None:
    told_before = len(server.log.read_text())
    for sent in (
        b"",
        b"GET / HT",
        b"GET /wait?0.05 HTTP/1.1\r\n\r\n",
        b"GET /large HTTP/1.1\r\n\r\n",
    ):
        for reset in (False, True):
            with server.connect() as client:
                client.sendall(sent)
                if reset:
                    linger = struct.pack("ii", 1, 0)
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    assert server.get("/").startswith(b"HTTP/1.1 200")
    assert "Traceback" not in server.log.read_text()[told_before:]


def test_an_app_that_exits_is_answered_with_500(server: Server) -> None:
    for _ in range(6):
        assert server.get("/exit").startswith(b"HTTP/1.1 500")
        # In gunicorn's own code it ends the connection, with or without an answer.
        server.get("/exit", "Upgrade: something")
    assert server.get("/").startswith(b"HTTP/1.1 200")


def test_a_hung_process_is_replaced(start: Start, ours: dict[str, str]) -> None:
    server = start(ours["sync"], "--timeout", "2")
    assert server.get("/wait?600").startswith(b"HTTP/1.1 500")
    assert server.get("/").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("own", KEEPING)
def test_a_default_timeout_of_the_app_is_not_the_clients(
    start: Start, ours: dict[str, str], own: str
) -> None:
    server = start(ours[own], "--threads", "1")
    assert server.get("/default-timeout").startswith(b"HTTP/1.1 200")
    with server.connect() as silent, server.connect() as client:
        ask(client)
        # Longer than the app's timeout.
        time.sleep(0.5)
        assert ask(client).startswith(b"HTTP/1.1 200")
        assert ask(silent).startswith(b"HTTP/1.1 200")


def test_what_the_app_tells_goes_to_the_reopened_log(
    start: Start, ours: dict[str, str], tmp_path: Path, eventually: Eventually
) -> None:
    log = tmp_path / "error.log"
    server = start(ours["gthread"], "--error-logfile", str(log))
    server.get("/errors")
    eventually(lambda: "told by the app" in log.read_text().splitlines())
    log.rename(tmp_path / "old.log")
    os.kill(worker_of(server), signal.SIGUSR1)
    eventually(log.exists)
    server.get("/errors")
    eventually(lambda: "told by the app" in log.read_text().splitlines())


def test_statsd_is_told(start: Start, ours: dict[str, str]) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as statsd:
        statsd.bind(("127.0.0.1", 0))
        statsd.settimeout(60)
        server = start(ours["sync"], "--statsd-host", f"127.0.0.1:{statsd.getsockname()[1]}")
        server.get("/")
        while b"gunicorn.requests:1|c" not in statsd.recv(1000):
            pass


@pytest.mark.parametrize(
    ("option", "value"), [("--http-parser", "python"), ("--proxy-protocol", "v1")]
)
def test_a_setting_that_is_not_plain_is_gunicorns(
    start: Start, ours: dict[str, str], option: str, value: str
) -> None:
    server = start(ours["gthread"], option, value)
    first = b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" if value == "v1" else b""
    said = server.exchange(first + b"GET /input HTTP/1.1\r\nHost: here\r\n\r\n")
    assert said.endswith(b"Body")
    assert "gunicorn's own code serves every request" in server.log.read_text()


def test_a_unix_socket_is_gunicorns(start: Start, ours: dict[str, str], tmp_path: Path) -> None:
    # A path that is short enough, whatever the test's folder is called.
    short = Path(os.environ["TMPDIR"]) / "socket"
    server = start(ours["sync"], bind=f"unix:{short}")
    assert server.get("/input").endswith(b"Body")


def test_an_ipv6_address_is_served_like_any(start: Start, ours: dict[str, str]) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 on loopback")
        port = probe.getsockname()[1]
    server = start(ours["gthread"], bind=f"[::1]:{port}", at=("::1", port))
    assert server.get("/input").endswith(b"BytesIO")
    assert b'"REMOTE_ADDR": "\'::1\'"' in server.get("/")


def test_tls_is_gunicorns(start: Start, ours: dict[str, str], tmp_path: Path) -> None:
    if not shutil.which("openssl"):
        pytest.skip("no openssl to make a certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=here"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    server = start(ours["gevent"], "--certfile", str(certificate), "--keyfile", str(key))
    context = ssl.create_default_context(cafile=str(certificate))
    with context.wrap_socket(server.connect(), server_hostname="here") as client:
        said = ask(client, "/")
    assert b'"wsgi.url_scheme": "\'https\'"' in said
