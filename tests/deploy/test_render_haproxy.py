import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from deploy import binaries
from deploy.addresses import Block
from deploy.deployment import TLS, Balancer, Deployment, Node
from deploy.limits import RequestLimits
from deploy.profiles import PROFILES, profile
from deploy.render.haproxy import render_haproxy

GOLDEN = Path(__file__).parent / "golden" / "haproxy.cfg"

DEPLOYMENT = Deployment(
    name="shop",
    app="shop:app",
    directory=Path("/srv/shop"),
    nodes=2,
    workers=2,
    profile=profile("threads", threads=4),
    balancer=Balancer(queue_timeout=2.5, request_timeout=20),
)


def nodes(deployment: Deployment) -> list[Node]:
    block = Block("127.64.9")
    return [block.node(1, deployment), block.node(2, deployment)]


def render(deployment: Deployment = DEPLOYMENT, socket: Path = Path("/run/x/haproxy")) -> str:
    return render_haproxy(
        deployment, nodes(deployment), runtime_socket=socket, source="127.64.9.253"
    )


def test_the_file_is_the_one_that_was_reviewed() -> None:
    """After a change on purpose: write what `render()` returns to the golden file, and read it."""
    assert render() == GOLDEN.read_text()


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("bind", ["127.0.0.1:0", "*:0", "[::1]:0"])
def test_haproxy_accepts_the_file(tmp_path: Path, name: str, bind: str) -> None:
    deployment = replace(DEPLOYMENT, profile=profile(name)).bound_to(bind.replace(":0", ":18473"))
    file = tmp_path / "haproxy.cfg"
    file.write_text(render(deployment, tmp_path / 'a "quoted" $name'))
    checked = subprocess.run(
        [binaries.haproxy(), "-c", "-f", file], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout


def test_a_slot_takes_as_many_requests_as_its_worker_serves() -> None:
    for name, maxconn in (("threads", 4), ("processes", 1), ("greenlets", 100)):
        servers = [
            line
            for line in render(replace(DEPLOYMENT, profile=profile(name))).splitlines()
            if line.startswith("    server ")
        ]
        assert len(servers) == 4
        assert all(f" maxconn {maxconn} " in line for line in servers)


def test_a_check_may_wait_as_long_as_the_longest_request() -> None:
    lines = [line.strip() for line in render().splitlines()]
    assert "timeout server 20000" in lines
    assert "timeout check 20000" in lines
    assert "timeout queue 2500" in lines


def test_a_file_without_nodes_is_accepted(tmp_path: Path) -> None:
    file = tmp_path / "haproxy.cfg"
    file.write_text(render_haproxy(DEPLOYMENT, [], runtime_socket=tmp_path / "socket"))
    assert subprocess.run([binaries.haproxy(), "-c", "-f", file], check=False).returncode == 0


def test_nodes_of_two_versions_take_what_each_of_them_serves() -> None:
    block = Block("127.64.9")
    other = replace(DEPLOYMENT, profile=profile("greenlets", greenlets=50), workers=1)
    text = render_haproxy(
        DEPLOYMENT, [block.node(1, DEPLOYMENT), block.node(2, other)], runtime_socket=Path("s")
    )
    limits = [line.split(" maxconn ")[1].split()[0] for line in text.splitlines() if "fall" in line]
    assert limits == ["4", "4", "50"]


def test_a_balancer_takes_the_socket_it_inherits(tmp_path: Path) -> None:
    text = render_haproxy(DEPLOYMENT, [], runtime_socket=tmp_path / "socket", listeners=[7])
    assert "    bind fd@7\n" in text
    assert "127.0.0.1:8000" not in text


EDGES = {
    "unix socket": Balancer("unix:/tmp/a b.sock", trusted_proxies=("unix",)),
    "both families": Balancer("[::]:18473"),
    "https": Balancer("127.0.0.1:18473", tls=TLS("-", hsts=300), redirect_bind="[::1]:18474"),
    "proxies": Balancer(
        "*:18473", trusted_proxies=("10.0.0.0/8", "2001:db8::/32", "unix"), proxy_protocol=True
    ),
    "large limits": Balancer(
        limits=RequestLimits(
            max_url=100_000, max_headers=1000, max_header_bytes=256 * 1024, max_body=1024**4
        )
    ),
}


@pytest.mark.parametrize("balancer", EDGES.values(), ids=EDGES)
def test_haproxy_accepts_every_way_in(tmp_path: Path, balancer: Balancer) -> None:
    certificate = tmp_path / "a certificate.pem"
    trustme.CA().issue_cert("a.example").private_key_and_cert_chain_pem.write_to_path(
        str(certificate)
    )
    file = tmp_path / "haproxy.cfg"
    file.write_text(
        render_haproxy(
            replace(DEPLOYMENT, balancer=balancer),
            nodes(DEPLOYMENT),
            runtime_socket=tmp_path / "socket",
            certificate=certificate if balancer.tls else None,
        )
    )
    checked = subprocess.run(
        [binaries.haproxy(), "-c", "-f", file], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout
