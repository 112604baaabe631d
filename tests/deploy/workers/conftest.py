"""gunicorn with one of its own worker classes or one of ours, and an app that tells what it saw."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[3]

OURS = {
    "sync": "deploy.gunicorn.workers.processes.ProcessWorker",
    "gthread": "deploy.gunicorn.workers.threads.ThreadWorker",
    "gevent": "deploy.gunicorn.workers.greenlets.GreenletWorker",
}

APP = """
import io, json, os, sys, time

LEFT_OUT = {"REMOTE_PORT", "SERVER_PORT", "wsgi.input", "wsgi.errors", "wsgi.early_hints",
            "wsgi.file_wrapper", "gunicorn.socket"}

class Closed:
    def __init__(self, blocks): self.blocks = blocks
    def __iter__(self): return iter(self.blocks)
    def close(self): print("blocks closed", file=sys.stderr, flush=True)

def seen(environ, body):
    told = {key: repr(value) for key, value in sorted(environ.items()) if key not in LEFT_OUT}
    return json.dumps({**told, "body": repr(body)}).encode()

def app(environ, start_response):
    path = environ["PATH_INFO"]
    body = b"" if path == "/unread" else environ["wsgi.input"].read(3 if path == "/part" else None)
    text = seen(environ, body)
    plain = [("Content-Type", "text/plain")]
    sized = [*plain, ("Content-Length", str(len(text)))]
    if path == "/chunked":
        start_response("200 OK", plain)
        return [text]
    if path == "/blocks":
        start_response("200 OK", plain)
        return iter([b"", text, b"", b"end"])
    if path == "/short":
        start_response("200 OK", [*plain, ("Content-Length", "5")])
        return [text]
    if path == "/written":
        write = start_response("200 OK", sized)
        write(text[:9])
        return Closed([text[9:]])
    if path == "/file":
        start_response("200 OK", [*plain, ("Content-Length", "12")])
        return environ["wsgi.file_wrapper"](open(__file__, "rb"))
    if path == "/memory":
        start_response("200 OK", plain)
        return environ["wsgi.file_wrapper"](io.BytesIO(text))
    if path == "/nothing":
        start_response("204 No Content", sized)
        return []
    if path == "/large":
        start_response("200 OK", [*plain, ("Content-Length", "100000")])
        return [b"x" * 100_000]
    if path == "/hints":
        environ["wsgi.early_hints"]([("Link", "</style.css>")])
    if path == "/error":
        raise RuntimeError("before the answer")
    if path == "/late":
        start_response("200 OK", plain)
        def fail():
            yield b"begun"
            raise RuntimeError("in the answer")
        return fail()
    if path == "/exit":
        sys.exit(3)
    if path == "/bad":
        start_response("200 OK", [("X-Bad", "one\\r\\ntwo")])
        return [text]
    if path == "/input":
        text = type(environ["wsgi.input"]).__name__.encode()
        sized = [*plain, ("Content-Length", str(len(text)))]
    if path == "/errors":
        print("told by the app", file=environ["wsgi.errors"])
    if path == "/wait":
        open("waiting", "w").close()
        time.sleep(float(environ["QUERY_STRING"]))
    if path == "/default-timeout":
        import socket
        socket.setdefaulttimeout(0.2)
    headers = [*sized, ("X-Pid", "-"), ("connection", "close")] if path == "/closes" else sized
    start_response("200 OK", headers)
    return [text]
"""


@dataclass
class Server:
    """A running gunicorn with one worker."""

    process: subprocess.Popen[bytes]
    address: tuple[str, int] | str
    log: Path
    keeps: bool = True
    """Whether it keeps connections for further requests."""

    def connect(self) -> socket.socket:
        if isinstance(self.address, str):
            client = socket.socket(socket.AF_UNIX)
        else:
            family = socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET
            client = socket.socket(family)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.settimeout(60)
        try:
            client.connect(self.address)
        except OSError:
            client.close()
            raise
        return client

    def exchange(self, *segments: bytes) -> bytes:
        """Everything the server says to these bytes and the end of the client's side."""
        with self.connect() as client:
            with contextlib.suppress(OSError):
                for segment in segments:
                    client.sendall(segment)
                    if len(segments) > 1:
                        # Long enough to be a segment of its own on most machines.
                        time.sleep(0.005)
                client.shutdown(socket.SHUT_WR)
            return receive_all(client)

    def get(self, target: str, *headers: str) -> bytes:
        lines = [f"GET {target} HTTP/1.1", "Host: here", *headers, "", ""]
        return self.exchange("\r\n".join(lines).encode())


def receive_all(client: socket.socket) -> bytes:
    received = b""
    try:
        while data := client.recv(65536):
            received += data
    except ConnectionResetError:
        return received + b"<reset>"
    return received


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(
    directory: Path,
    worker_class: str,
    *options: str,
    bind: str = "",
    at: tuple[str, int] | None = None,
    text: str = APP,
) -> Iterator[Server]:
    """gunicorn with that worker class, at a free port unless `bind` and `at` say where."""
    (directory / "told.py").write_text(text)
    port = free_port()
    bind = bind or f"127.0.0.1:{port}"
    log = directory / f"{worker_class.rpartition('.')[2]}-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "told:app", "-k", worker_class),
                *("--bind", bind, "--no-control-socket", *options),
            ],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": f"{directory}{os.pathsep}{ROOT}"},
            stdout=output,
            stderr=output,
        )
    path = bind.removeprefix("unix:")
    server = Server(process, path if path != bind else at or ("127.0.0.1", port), log)
    try:
        wait_for(lambda: is_up(server) or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield server
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def is_up(server: Server) -> bool:
    """Whether a worker has booted, and not only the master listens."""
    try:
        with server.connect() as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            client.recv(1)
    except ConnectionResetError:
        return True
    except OSError:
        return False
    return True


@pytest.fixture(scope="session")
def run() -> Callable[..., contextlib.AbstractContextManager[Server]]:
    """Runs gunicorn in a `with` block."""
    return running


@pytest.fixture(scope="session")
def ours() -> dict[str, str]:
    """Our worker class in place of each of gunicorn's own."""
    return OURS


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts gunicorns that end with the test."""
    with contextlib.ExitStack() as stack:

        def start(worker_class: str, *options: str, **more: Any) -> Server:
            return stack.enter_context(running(tmp_path, worker_class, *options, **more))

        yield start
