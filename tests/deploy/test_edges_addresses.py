"""Visitors over IPv6 and over a unix socket."""

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy import addresses, binaries
from deploy.deployment import Balancer
from deploy.errors import StartError
from deploy.targets.local import LocalTarget
from tests.deploy.raw_visitors import ECHO_APP, ask

pytestmark = pytest.mark.integration

Start = Callable[..., LocalTarget]
Eventually = Callable[..., None]


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no address ::1")


@pytest.fixture(autouse=True)
def echo_app(project: Path) -> None:
    (project / "site_app.py").write_text(ECHO_APP)


@pytest.fixture
def path() -> Iterator[Path]:
    """Of a socket; pytest's folders are too deep, and the temporary folder has to stay empty."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder) / "shop.sock"


@pytest.fixture
def serve(project: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts single nodes, and ends them with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        code = "from deploy.cli import main; main(prog_name='twofold')"
        argv = [sys.executable, "-c", code, "serve", "site_app:app", "-C", str(project)]
        process = subprocess.Popen(
            [*argv, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=60)


def answers(url: str) -> bool:
    try:
        return ask(url).status == 200
    except OSError:
        return False


@needs_ipv6
def test_a_visitor_over_ipv6_is_told_as_such(start: Start) -> None:
    target = start(nodes=1, workers=1, **{"balancer.bind": "[::1]:0"})
    assert target.url.startswith("http://[::1]:")
    said = ask(target.url, f"Host: {target.url.removeprefix('http://')}", "X-Forwarded-For: a").said
    assert said["HTTP_X_FORWARDED_FOR"] == "::1"
    assert said["HTTP_HOST"] == said["HTTP_X_FORWARDED_HOST"] == target.url.removeprefix("http://")


@needs_ipv6
def test_every_address_means_both_families_and_ipv4_looks_as_ever(start: Start) -> None:
    # 127.0.0.1 as it comes in on a socket for both is in this network.
    trusted = {"balancer.trusted_proxies": ["127.0.0.5", "2001:db8::/32"]}
    target = start(nodes=1, workers=1, **{"balancer.bind": "[::]:0", **trusted})
    port = target.url.rpartition(":")[2]
    assert ask(f"[::1]:{port}").said["HTTP_X_FORWARDED_FOR"] == "::1"
    assert ask(f"127.0.0.1:{port}").said["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"
    said = ask(f"127.0.0.1:{port}", "X-Forwarded-For: 2001:db8::7", source="127.0.0.5").said
    assert said["HTTP_X_FORWARDED_FOR"] == "2001:db8::7, 127.0.0.5"


@needs_ipv6
def test_a_node_listens_on_ipv6_where_asked(
    serve: Callable[..., subprocess.Popen[str]], eventually: Eventually
) -> None:
    with addresses.reserve(Balancer("[::1]:0")) as reserved:
        port = reserved.getsockname()[1]
    serve("--bind", f"[::1]:{port}", "--workers", "1")
    eventually(lambda: answers(f"[::1]:{port}"))
    assert ask(f"[::1]:{port}").said["REMOTE_ADDR"] == "::1"


def test_a_missing_ipv6_address_is_explained() -> None:
    with pytest.raises(StartError, match=r"balancer.bind \[2001:db8::1\]:0: .*no IPv6"):
        addresses.reserve(Balancer("[2001:db8::1]:0"))


def test_a_unix_socket_outlives_its_balancers_and_goes_with_the_deployment(
    start: Start, path: Path, project: Path, eventually: Eventually
) -> None:
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    target = start(nodes=1, workers=1, **{"balancer.bind": f"unix:{path}"})
    assert target.url == f"unix:{path}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o660

    # Nobody is trusted: there is no address to tell, and what the visitor tells is not passed on.
    said = ask(target.url, "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https").said
    assert "HTTP_X_FORWARDED_FOR" not in said
    assert said["HTTP_X_FORWARDED_PROTO"] == said["wsgi.url_scheme"] == "http"

    # A balancer with other settings takes over, and another one when that is killed.
    (project / "twofold.toml").write_text('[balancer]\ntrusted_proxies = ["unix"]\n')
    target.roll()
    told = ("X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https")
    for _ in range(2):
        said = ask(target.url, *told).said
        assert said["HTTP_X_FORWARDED_FOR"] == "203.0.113.7"
        assert said["wsgi.url_scheme"] == "https"
        balancer = target.status().balancer.pid
        assert balancer is not None
        os.kill(balancer, signal.SIGKILL)
        eventually(lambda before=balancer: target.status().balancer.pid not in (None, before))

    target.down()
    assert not path.exists()


def test_a_proxy_on_this_machine_reaches_the_deployment_over_its_socket(
    start: Start, path: Path, tmp_path: Path, eventually: Eventually
) -> None:
    trusted = {"balancer.trusted_proxies": ["unix"]}
    start(nodes=1, workers=1, **{"balancer.bind": f"unix:{path}", **trusted})
    with addresses.reserve(Balancer("127.0.0.1:0")) as reserved:
        port = reserved.getsockname()[1]
    config = tmp_path / "outer.cfg"
    config.write_text(
        "defaults\n mode http\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n"
        f"listen outer\n bind 127.0.0.1:{port}\n option forwardfor\n"
        " http-request set-header X-Forwarded-Proto https\n"
        f" server twofold unix@{path}\n"
    )
    outer = subprocess.Popen([binaries.haproxy(), "-db", "-f", config])
    try:
        eventually(lambda: answers(f"127.0.0.1:{port}"))
        said = ask(f"127.0.0.1:{port}", "X-Forwarded-For: 6.6.6.6").said
    finally:
        outer.terminate()
        outer.wait(30)
    assert said["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"
    assert said["wsgi.url_scheme"] == "https"


@pytest.mark.parametrize("profile", ["threads", "processes"])
def test_the_workers_of_a_node_share_its_unix_socket(
    serve: Callable[..., subprocess.Popen[str]], path: Path, eventually: Eventually, profile: str
) -> None:
    process = serve("--bind", f"unix:{path}", "--workers", "2", "--profile", profile)
    eventually(lambda: answers(f"unix:{path}"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    # gunicorn believes who may connect to a unix socket.
    said = ask(f"unix:{path}", "X-Forwarded-Proto: https", "Script_Name: /forged").said
    assert (said["wsgi.url_scheme"], said["SCRIPT_NAME"]) == ("https", "")

    second = serve("--bind", f"unix:{path}")
    output, _ = second.communicate(timeout=60)
    assert second.returncode == 2
    assert "another process listens there" in output
    assert answers(f"unix:{path}")

    process.terminate()
    process.communicate(timeout=60)
    assert not path.exists()
