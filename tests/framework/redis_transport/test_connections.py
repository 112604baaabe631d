"""Endpoint: connecting by every way there is, within the time there is."""

from __future__ import annotations

import socket
import ssl
import tempfile
import time
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from redis.exceptions import ConnectionError, TimeoutError

from framework.redis_transport.connections import Endpoint, pack
from framework.redis_transport.exceptions import RedisUnavailable
from framework.redis_transport.transport import RedisTransport
from framework.redis_transport.urls import parse
from tests.framework.redis_servers import CuttingProxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

LONG = 20.0


def endpoint(url: str) -> Endpoint:
    return parse(url).endpoints[0]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path) -> Path:
    """A file with the certificate of the authority."""
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    return file


@pytest.fixture
def over_tls(server: Any, authority: trustme.CA, request: Any) -> Iterator[CuttingProxy]:
    """The server behind TLS, with a certificate for 127.0.0.1 unless another name is asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(getattr(request, "param", "127.0.0.1")).configure_cert(context)
    proxy = CuttingProxy(server.port, context=context)
    yield proxy
    proxy.close()


@pytest.mark.parametrize("scheme", ["rediss", "valkeys"])
def test_tls_with_a_certificate_that_is_trusted(
    over_tls: CuttingProxy, trusted: Path, scheme: str
) -> None:
    transport = RedisTransport(
        f"{scheme}://127.0.0.1:{over_tls.port}?ssl_ca_certs={trusted}", timeout=LONG
    )
    assert transport.execute(b"ECHO", b"x" * 10_000) == b"x" * 10_000
    sock = transport._target._idle[0]._sock  # type: ignore[attr-defined]
    assert isinstance(sock, ssl.SSLSocket)
    assert sock.version() in {"TLSv1.2", "TLSv1.3"}


def test_tls_with_a_certificate_of_an_unknown_authority_is_refused(over_tls: CuttingProxy) -> None:
    transport = RedisTransport(f"rediss://127.0.0.1:{over_tls.port}", timeout=LONG)
    with pytest.raises(RedisUnavailable, match="certificate verify failed"):
        transport.execute(b"PING")


@pytest.mark.parametrize("over_tls", ["elsewhere.example"], indirect=True)
def test_tls_with_a_certificate_for_another_host_is_refused(
    over_tls: CuttingProxy, trusted: Path
) -> None:
    url = f"rediss://127.0.0.1:{over_tls.port}?ssl_ca_certs={trusted}"
    with pytest.raises(RedisUnavailable, match="certificate verify failed"):
        RedisTransport(url, timeout=LONG).execute(b"PING")
    unchecked = RedisTransport(f"{url}&ssl_check_hostname=false", timeout=LONG)
    assert unchecked.execute(b"PING") == b"PONG"


def test_plain_redis_where_tls_is_expected_is_refused(server: Any, trusted: Path) -> None:
    url = f"rediss://127.0.0.1:{server.port}?ssl_ca_certs={trusted}"
    # A server that knows no TLS waits for the end of the line.
    with pytest.raises(RedisUnavailable):
        RedisTransport(url, timeout=0.5).execute(b"PING")


def test_a_unix_socket(own_server: Any) -> None:
    # The names of sockets are short, and those of the tests' folders are not.
    with tempfile.TemporaryDirectory(prefix="tf-") as folder:
        path = f"{folder}/redis.sock"
        own_server.stop()
        own_server.options += ["--unixsocket", path]
        own_server.start()
        transport = RedisTransport(f"unix://{path}?db=3", timeout=LONG)
        assert b" db=3 " in transport.execute(b"CLIENT", b"INFO")
        assert transport.name == f"Redis at {path}"
        transport.drop_idle()


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port that answers nobody, as that of a machine that is switched off."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        # What the queue does not hold is dropped.
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        yield port
        for client in waiting:
            client.close()


def test_all_addresses_of_a_name_together_have_the_time_of_one(
    deaf: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = socket.getaddrinfo("127.0.0.1", deaf, 0, socket.SOCK_STREAM)
    monkeypatch.setattr("socket.getaddrinfo", lambda *args: address * 50)
    begun = time.monotonic()
    with pytest.raises((TimeoutError, ConnectionError)):
        endpoint(f"redis://127.0.0.1:{deaf}").connect(deadline=begun + 0.3, timeout=LONG)
    # Each of fifty would have had 0.3 s.
    assert time.monotonic() - begun < 10.0


def test_the_greeting_belongs_to_the_time_for_connecting(own_server: Any) -> None:
    own_server.pause()
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        endpoint(f"redis://:secret@{own_server.address}").connect(
            deadline=begun + 0.2, timeout=LONG
        )
    assert time.monotonic() - begun < 15.0


def test_a_connection_has_its_usual_time_limit_once_it_is_made(server: Any) -> None:
    connection: Any = endpoint(f"{server.url}/1").connect(
        deadline=time.monotonic() + LONG, timeout=7.0
    )
    assert connection._sock.gettimeout() == 7.0
    connection.send_packed_command((pack(b"PING"),), check_health=False)
    assert connection.read_response(timeout=5.0) == b"PONG"
    assert connection._sock.gettimeout() == 7.0
    connection.disconnect()


def test_a_connection_whose_greeting_fails_is_closed(server: Any) -> None:
    refused: list[Any] = []

    def greet(connection: Any) -> None:
        refused.append(connection)
        raise SystemExit

    with pytest.raises(SystemExit):
        endpoint(server.url).connect(deadline=time.monotonic() + LONG, timeout=LONG, greet=greet)
    assert not refused[0].is_connected
