"""Addresses on this machine: a free loopback block, a free port, a port that is taken."""

import errno
import secrets
import socket
from collections.abc import Iterable
from dataclasses import replace

from . import unix_sockets
from .deployment import FIRST_SLOT_PORT, Balancer, Deployment, Node
from .errors import StartError
from .observability import Metrics

MAX_NODES = 200
STORE_PORT = 6379

# Visitors who wait to be accepted; the kernel allows no more than net.core.somaxconn of them.
BACKLOG = 4096


class Block:
    """A loopback /24 that one deployment has to itself: nodes from .1, the rest at the end."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def node(self, number: int, deployment: Deployment) -> Node:
        host = f"{self.prefix}.{number}"
        return Node(number, host, deployment.workers, deployment.profile.concurrency)

    @property
    def balancer(self) -> str:
        """The address the balancer connects from, so that nodes can tell it from others."""
        return f"{self.prefix}.253"

    @property
    def store(self) -> str:
        return f"{self.prefix}.254"


def free_block() -> Block:
    """A block where nothing listens on the ports that a deployment takes."""
    for _ in range(100):
        # 127.0 and 127.1 are where people and distributions put things by hand.
        block = Block(f"127.{64 + secrets.randbelow(128)}.{1 + secrets.randbelow(254)}")
        wanted = [(block.store, STORE_PORT), (f"{block.prefix}.1", FIRST_SLOT_PORT)]
        if all(_bind_error(host, port) is None for host, port in wanted):
            return block
    raise StartError(
        "no free loopback addresses: a deployment takes a block 127.x.y.0/24, as Linux offers; "
        "is 127.0.0.0/8 routed to the loopback interface here (`ip -4 addr show lo`)?"
    )


def free_number(taken: Iterable[int]) -> int:
    """The lowest: names and addresses stay few, however often nodes are replaced."""
    taken = set(taken)
    for number in range(1, MAX_NODES + 1):
        if number not in taken:
            return number
    raise StartError(
        f"there are {MAX_NODES} nodes, and one machine has addresses for no more; a roll needs one "
        "in addition"
    )


def reserve_doors(deployment: Deployment) -> tuple[Deployment, list[socket.socket]]:
    """Sockets for visitors, and the deployment with the ports that were taken for port 0."""
    balancer = deployment.balancer
    doors = [reserve(balancer)]
    found = deployment.on_port(doors[0].getsockname()[1])
    if balancer.redirect_bind:
        name = "balancer.redirect_bind"
        doors.append(reserve(replace(balancer, bind=balancer.redirect_bind), setting=name))
        host = balancer.redirect_bind.rpartition(":")[0]
        redirect_bind = f"{host}:{doors[1].getsockname()[1]}"
        found = replace(found, balancer=replace(found.balancer, redirect_bind=redirect_bind))
    return found, doors


def reserve_metrics(deployment: Deployment) -> tuple[Deployment, socket.socket | None]:
    """A listening socket for Prometheus, if it may ask, and the deployment with its port."""
    bind = deployment.metrics.bind
    if bind is None:
        return deployment, None
    door = reserve(Balancer(bind), setting="metrics.bind")
    listen(door, setting="metrics.bind")
    found = f"{bind.rpartition(':')[0]}:{door.getsockname()[1]}"
    return replace(deployment, metrics=Metrics(found)), door


def claim(balancer: Balancer, *, setting: str = "balancer.bind") -> str:
    """The bind address, if a program can listen there; an error that says why it cannot."""
    with reserve(balancer, setting=setting) as reserved:
        listen(reserved, setting=setting)
    return balancer.bind


def reserve(balancer: Balancer, *, setting: str = "balancer.bind") -> socket.socket:
    """A socket bound to the address, or for port 0 to a free one; nobody can connect yet."""
    if balancer.socket_path:
        path, mode = balancer.socket_path, balancer.socket_mode
        return unix_sockets.reserve(path, mode, setting=setting)
    host, port = balancer.address
    reserved = None
    try:
        reserved = _socket(host)
        reserved.bind((host, port))
    except OSError as error:
        if reserved:
            reserved.close()
        raise StartError(f"{setting} {balancer.bind}: {_explain(error, host, port)}") from None
    return reserved


def listen(reserved: socket.socket, *, setting: str = "balancer.bind") -> None:
    """Let visitors connect to a reserved address, and wait until a program accepts them."""
    if isinstance(reserved, unix_sockets.PathSocket):
        if not reserved.owns_path():
            raise StartError(f"{setting} unix:{reserved.path}: another process took the path")
        reserved.listen(BACKLOG)
        return
    host, port = reserved.getsockname()[:2]
    try:
        reserved.listen(BACKLOG)
    except OSError as error:
        raise StartError(f"{setting} {host}:{port}: {_explain(error, host, port)}") from None


def _socket(host: str) -> socket.socket:
    probe = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if host == "::":
        # Every address means those of IPv4 too, whatever the system's default is.
        probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    return probe


def _bind_error(host: str, port: int) -> OSError | None:
    try:
        with _socket(host) as probe:
            probe.bind((host, port))
            probe.listen(1)
    except OSError as error:
        return error
    return None


def _explain(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"another process listens on port {port}; stop it, or choose another address with "
            "--bind (port 0 takes a free one)"
        )
    if error.errno == errno.EACCES:
        return "the port needs root; choose one of 1024 and above with --bind"
    if ":" in host and error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
        return (
            f"{error.strerror}: this machine has no IPv6, or not that address (`ip -6 addr`); "
            "choose an address of this machine with --bind"
        )
    return f"{error.strerror or error}; choose an address of this machine with --bind"
