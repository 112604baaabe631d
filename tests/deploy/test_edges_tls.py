"""https at the balancer."""

import http.client
import os
import signal
import socket
import ssl
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from deploy import addresses, binaries
from deploy.deployment import Balancer
from deploy.errors import RolloutError, StartError
from deploy.rundir import RunDirectory
from deploy.targets.local import LocalTarget
from tests.deploy.raw_visitors import ECHO_APP, Answer, ask

pytestmark = pytest.mark.integration

Start = Callable[..., LocalTarget]
Eventually = Callable[..., None]

AUTHORITY = trustme.CA()


@pytest.fixture
def site(project: Path) -> Path:
    """A project with a certificate."""
    (project / "site_app.py").write_text(ECHO_APP)
    (project / "twofold.toml").write_text(
        '[balancer.tls]\ncertificate = "cert.pem"\nkey = "key.pem"\nhsts = 300\n'
    )
    write_certificate(project)
    return project


def write_certificate(folder: Path, not_after: datetime | None = None) -> None:
    issued = AUTHORITY.issue_cert("127.0.0.1", "shop.example", not_after=not_after)
    replace(folder / "cert.pem", issued.cert_chain_pems[0].bytes())
    replace(folder / "key.pem", issued.private_key_pem.bytes())


def replace(file: Path, content: bytes) -> None:
    """In one step, as tools that renew certificates do."""
    new = file.with_suffix(".new")
    new.write_bytes(content)
    new.replace(file)


def trust(*protocols: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


class SecureVisitor(http.client.HTTPSConnection):
    """A visitor who knows the authority, and keeps the connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.scheme == "https"
        super().__init__(parts.hostname or "", parts.port, timeout=60, context=trust())

    def ask(self, path: str = "/", **headers: str) -> Answer:
        self.request("GET", path, headers=headers)
        response = self.getresponse()
        found = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, found, response.read().decode())

    @property
    def serial(self) -> object:
        """Of the certificate that it was shown."""
        assert isinstance(self.sock, ssl.SSLSocket)
        return (self.sock.getpeercert() or {})["serialNumber"]


def serial(url: str) -> object:
    visitor = SecureVisitor(url)
    try:
        visitor.ask()
        return visitor.serial
    finally:
        visitor.close()


def test_visitors_speak_https_and_the_app_knows(start: Start, site: Path) -> None:
    target = start(nodes=1, workers=1)
    assert target.url == target.status().url
    visitor = SecureVisitor(target.url)
    answer = visitor.ask("/", **{"X-Forwarded-Proto": "http"})
    assert answer.headers["strict-transport-security"] == "max-age=300"
    assert answer.said["wsgi.url_scheme"] == answer.said["HTTP_X_FORWARDED_PROTO"] == "https"
    assert answer.said["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"
    # The balancer's own answers are of this site too.
    assert visitor.ask("/" + "u" * 9000).headers["strict-transport-security"] == "max-age=300"
    visitor.close()
    # Plain http to the port of https is no request.
    with pytest.raises((ConnectionError, http.client.BadStatusLine)):
        ask(target.url.replace("https", "http"))


def test_old_protocols_and_weak_ciphers_are_refused(start: Start, site: Path) -> None:
    address = urlsplit(start(nodes=1, workers=1).url)

    def negotiated(
        version: ssl.TLSVersion, ciphers: str = "DEFAULT@SECLEVEL=0"
    ) -> tuple[str | None, str | None]:
        context = trust("h2", "http/1.1")
        # The client at least would speak them.
        context.set_ciphers(ciphers)
        context.minimum_version = context.maximum_version = version
        plain = socket.create_connection((address.hostname or "", address.port or 0), timeout=60)
        with plain, context.wrap_socket(plain, server_hostname="shop.example") as connection:
            return connection.version(), connection.selected_alpn_protocol()

    assert negotiated(ssl.TLSVersion.TLSv1_3) == ("TLSv1.3", "h2")
    assert negotiated(ssl.TLSVersion.TLSv1_2) == ("TLSv1.2", "h2")
    with _warned(), pytest.raises((ssl.SSLError, ConnectionError)):
        negotiated(ssl.TLSVersion.TLSv1_1)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        negotiated(ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")


def _warned() -> AbstractContextManager[object]:
    return pytest.warns(DeprecationWarning, match="TLSv1_1")


def test_a_client_of_http2_is_served(
    start: Start, site: Path, tmp_path: Path, eventually: Eventually
) -> None:
    """The client is another HAProxy, which speaks nothing else to ours."""
    target = start(nodes=1, workers=1)
    with addresses.reserve(Balancer("127.0.0.1:0")) as reserved:
        port = reserved.getsockname()[1]
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    address = target.url.removeprefix("https://")
    (tmp_path / "client.cfg").write_text(
        "defaults\n mode http\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n"
        f"listen client\n bind 127.0.0.1:{port}\n server twofold {address} ssl verify required "
        f"ca-file {tmp_path}/ca.pem verifyhost shop.example alpn h2 proto h2\n"
    )
    client = subprocess.Popen([binaries.haproxy(), "-db", "-f", tmp_path / "client.cfg"])
    try:
        eventually(lambda: _answers(f"127.0.0.1:{port}"))
        assert ask(f"127.0.0.1:{port}", "Host: shop.example").said["HTTP_HOST"] == "shop.example"
    finally:
        client.terminate()
        client.wait(30)


def _answers(url: str) -> bool:
    try:
        return ask(url).status == 200
    except OSError:
        return False


def test_plain_http_leads_to_https(start: Start, site: Path) -> None:
    with addresses.reserve(Balancer("127.0.0.1:0")) as reserved:
        plain = f"127.0.0.1:{reserved.getsockname()[1]}"
    target = start(nodes=1, workers=1, **{"balancer.redirect_bind": plain})
    port = urlsplit(target.url).port
    for host, name in {
        "shop.example": "shop.example",
        "shop.example:80": "shop.example",
        "[::1]:80": "[::1]",
        "[2001:db8::1]": "[2001:db8::1]",
    }.items():
        answer = ask(plain, f"Host: {host}")
        assert answer.status == 308
        assert answer.headers["location"] == f"https://{name}:{port}/"
        # A browser does not believe it there.
        assert "strict-transport-security" not in answer.headers
    assert sum(slot.requests for slot in target.status().slots) == 0


def test_a_renewed_certificate_is_shown_without_losing_a_connection(
    start: Start, site: Path, eventually: Eventually
) -> None:
    target = start(nodes=1, workers=1)
    kept = SecureVisitor(target.url)
    kept.ask()
    first, balancer = kept.serial, target.status().balancer.pid

    write_certificate(site)
    eventually(lambda: serial(target.url) != first)
    second = serial(target.url)
    assert kept.ask().status == 200
    assert kept.serial == first
    assert target.status().balancer.pid == balancer

    # One that is no good is told of, and the one before stays.
    write_certificate(site, not_after=datetime.now(UTC) - timedelta(days=1))
    log = RunDirectory(target.name).log("supervisor")
    eventually(lambda: "the certificate in use stays" in log.read_text())
    assert "certificate has expired" in log.read_text()
    assert serial(target.url) == second
    assert kept.ask().status == 200
    kept.close()

    # A balancer that is started again shows it too.
    assert balancer is not None
    os.kill(balancer, signal.SIGKILL)
    eventually(lambda: target.status().balancer.pid not in (None, balancer))
    assert serial(target.url) == second


def test_a_roll_changes_the_certificate_or_is_refused(start: Start, site: Path) -> None:
    target = start(nodes=1, workers=1)
    before = serial(target.url)
    (site / "key.pem").rename(site / "hidden")
    with pytest.raises(RolloutError, match=r"balancer\.tls\.key.*No such file"):
        target.roll()
    with pytest.raises(RolloutError, match=r"balancer\.tls\.key.*No such file"):
        target.plan_roll()
    assert serial(target.url) == before

    (site / "new").mkdir()
    write_certificate(site / "new")
    settings = site / "twofold.toml"
    settings.write_text(settings.read_text().replace('"cert.pem"', '"new/cert.pem"'))
    settings.write_text(settings.read_text().replace('"key.pem"', '"new/key.pem"'))
    target.roll()
    assert serial(target.url) != before


def test_a_certificate_that_is_no_good_starts_nothing(start: Start, site: Path) -> None:
    write_certificate(site, not_after=datetime.now(UTC) - timedelta(days=1))
    with pytest.raises(StartError, match=r"cert\.pem.*certificate has expired"):
        start(nodes=1, workers=1)
