"""What should run: plain values, checked before they get here."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from .container_settings import DEFAULT_CONTAINERS, Containers
from .limits import DEFAULT_LIMITS, RequestLimits
from .observability import DEFAULT_LOGS, NO_METRICS, Logs, Metrics
from .profiles import WorkerProfile
from .swarm_settings import DEFAULT_SWARM, Swarm, swarm_from_json

FIRST_SLOT_PORT = 8001
BOOT_TIMEOUT = 60.0
MIGRATE_TIMEOUT = 600.0


@dataclass(frozen=True, slots=True)
class SLO:
    """What visitors are promised. Times are in seconds."""

    response_time: float = 10.0
    """An answer that takes longer is worth nothing, for the visitor has given up.

    Ten seconds keep a person's attention (Nielsen, Usability Engineering, 1993, chapter 5); a
    program that calls may have less patience.
    """

    @property
    def longest_wait(self) -> float:
        """How long a request may wait for a worker and still be answered in time.

        Half of it all: when more comes in than can be served, every request waits this long, and
        what is left must do for the work, or the workers only make answers that come too late.
        """
        return self.response_time / 2


@dataclass(frozen=True, slots=True)
class TLS:
    """How visitors are spoken to over https. Paths are absolute."""

    certificate: str
    """A PEM file: the certificate, those that lead to its authority, and perhaps the key."""
    key: str | None = None
    """A PEM file; None: the key is in the other."""
    hsts: int = 0
    """For how many seconds browsers shall refuse plain http; 0 does not ask them to."""


@dataclass(frozen=True, slots=True)
class Balancer:
    """Where visitors connect, and how long they may wait. Times are in seconds."""

    bind: str = "127.0.0.1:8000"
    """HOST:PORT, or unix:PATH."""
    queue_timeout: float = SLO().longest_wait
    """The longest wait for a free worker; then 503 with Retry-After."""
    request_timeout: float = 30.0
    """The longest time a worker may take to answer."""
    limits: RequestLimits = DEFAULT_LIMITS
    tls: TLS | None = None
    redirect_bind: str | None = None
    """HOST:PORT for plain http, which leads visitors to https; only with TLS."""
    socket_mode: int = 0o660
    """Who may connect to a unix socket."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses, networks, or `unix`: what these say about the visitor is passed on."""
    proxy_protocol: bool = False
    """The trusted proxies begin each connection with the PROXY protocol."""

    @property
    def socket_path(self) -> Path | None:
        """Of a unix socket; None for an address with a port."""
        kind, _, path = self.bind.partition(":")
        return Path(path) if kind == "unix" and path.startswith("/") else None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port; an empty host or `*` is every address. A unix socket has none."""
        host, _, port = self.bind.rpartition(":")
        host = host.strip("[]")
        return ("0.0.0.0" if host in ("", "*") else host), int(port)  # noqa: S104

    @property
    def url(self) -> str:
        """The URL for a visitor on this machine; for a unix socket, what it is bound to."""
        if self.socket_path:
            return self.bind
        host, port = self.address
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
        scheme = "https" if self.tls else "http"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    def plain(self, bind: str) -> Self:
        """The same behind another address, over http and with no proxy in front."""
        direct = replace(self, trusted_proxies=(), proxy_protocol=False)
        return replace(direct, bind=bind, tls=None, redirect_bind=None)

    def with_doors_of(self, running: Self) -> Self:
        """The same on the sockets that are open already."""
        same = replace(self, bind=running.bind, socket_mode=running.socket_mode)
        return replace(same, redirect_bind=running.redirect_bind)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        tls = values["tls"]
        return cls(
            **{
                **values,
                "limits": RequestLimits(**values["limits"]),
                "tls": None if tls is None else TLS(**tls),
                "trusted_proxies": tuple(values["trusted_proxies"]),
            }
        )


@dataclass(frozen=True, slots=True)
class WarmUp:
    """Requests to every worker of a new node before visitors get there."""

    paths: tuple[str, ...] = ()
    """None: the readiness page."""
    requests: int = 3
    """Of each path to each worker."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """App, profile, nodes and balancer; `settings.load_deployment` makes one."""

    name: str
    app: str
    """A WSGI app's import string, `package.module:attribute`."""
    directory: Path
    """The project's folder: first on the app's sys.path, and its working directory."""
    nodes: int
    workers: int
    """Workers of one node."""
    profile: WorkerProfile
    balancer: Balancer = Balancer()
    slo: SLO = SLO()
    logs: Logs = DEFAULT_LOGS
    metrics: Metrics = NO_METRICS
    cpus: float | None = None
    """CPUs that each node may use, of which a part is possible; None: whatever is there."""
    target: str = "local"
    """Where the nodes run: a name of `targets.TARGETS`."""
    readiness_path: str = "/readyz"
    boot_timeout: float = BOOT_TIMEOUT
    """The longest a node may take until it is ready, in seconds."""
    warm_up: WarmUp = WarmUp()
    containers: Containers = DEFAULT_CONTAINERS
    swarm: Swarm = DEFAULT_SWARM
    migrate: str | None = None
    """A command that runs once before the nodes of a version start."""
    migrate_timeout: float = MIGRATE_TIMEOUT
    """The longest it may take, in seconds."""
    redis_url: str | None = field(default=None, repr=False)
    """None: the local target starts a store."""
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    version: str = "1"
    """A label for people; it changes with each roll."""
    place: Path | None = None
    """The project's folder as it was named: a symbolic link there may lead elsewhere tomorrow."""
    given: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The settings of the command line, by their paths: a later version keeps them."""
    loadtests: Mapping[str, Any] = field(default_factory=dict)
    """The table [loadtests] as it stands in twofold.toml, unchecked."""
    kubernetes: Mapping[str, Any] = field(default_factory=dict)
    """The table [kubernetes] likewise."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """Where each setting came from, by its path; a default has none."""

    def bound_to(self, bind: str) -> Self:
        """The same deployment behind another address."""
        return replace(self, balancer=replace(self.balancer, bind=bind))

    def on_port(self, port: int) -> Self:
        """The same deployment on another port of its address; a unix socket has none."""
        if self.balancer.socket_path:
            return self
        return self.bound_to(f"{self.balancer.bind.rpartition(':')[0]}:{port}")

    def on_loopback(self) -> Self:
        """The same deployment for visitors of this machine: on a free port, over plain http."""
        return replace(self, balancer=self.balancer.plain("127.0.0.1:0"), metrics=NO_METRICS)

    def to_json(self) -> dict[str, Any]:
        paths = {"directory": str(self.directory), "place": self.place and str(self.place)}
        return {**asdict(self), **paths}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        return cls(
            **{
                **values,
                "directory": Path(values["directory"]),
                "place": values["place"] and Path(values["place"]),
                "profile": WorkerProfile(**values["profile"]),
                "balancer": Balancer.from_json(values["balancer"]),
                "slo": SLO(**values["slo"]),
                "logs": Logs(**values["logs"]),
                "metrics": Metrics(**values["metrics"]),
                "containers": Containers(**values["containers"]),
                "swarm": swarm_from_json(values["swarm"]),
                "warm_up": WarmUp(tuple(values["warm_up"]["paths"]), values["warm_up"]["requests"]),
            }
        )


@dataclass(frozen=True, slots=True)
class Slot:
    """The balancer's entry for one worker."""

    name: str
    host: str
    port: int
    maxconn: int
    """Requests the worker serves at once."""

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Node:
    """One gunicorn on an address of its own; its slots listen on consecutive ports."""

    number: int
    host: str
    workers: int
    concurrency: int
    """Of each worker."""

    @property
    def name(self) -> str:
        return f"node{self.number}"

    @property
    def slots(self) -> tuple[Slot, ...]:
        return tuple(self._slots())

    def _slots(self) -> Iterator[Slot]:
        for index in range(self.workers):
            port = FIRST_SLOT_PORT + index
            yield Slot(f"{self.name}-{index + 1}", self.host, port, self.concurrency)
