"""The three worker profiles, and what they are as gunicorn settings, each with its reason."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from .errors import SettingsError
from .limits import DEFAULT_LIMITS, RequestLimits
from .resources import WorkerCount
from .wording import counted

DEFAULT_THREADS = 4
DEFAULT_GREENLETS = 100

# A gevent worker counts connections, not requests: the balancer's idle connections and its
# readiness checks must not take the place of a request.
SPARE_CONNECTIONS = 32

GTHREAD_CONNECTIONS = 1000
KEEPALIVE = 75

# gunicorn counts the whole first line of a request, and sets a limit to that limit.
METHOD_AND_VERSION = 190
LONGEST_LINE = 8190
HEADERS_OF_BALANCER = 10
SOCKET_UMASK = 0o117
HEARTBEAT_MARGIN = 10

FAST_WORKERS: Mapping[str, str] = MappingProxyType(
    {
        "threads": "deploy.gunicorn.workers.threads.ThreadWorker",
        "processes": "deploy.gunicorn.workers.processes.ProcessWorker",
        "greenlets": "deploy.gunicorn.workers.greenlets.GreenletWorker",
    }
)
GUNICORN_WORKERS: Mapping[str, str] = MappingProxyType(
    {"threads": "gthread", "processes": "sync", "greenlets": "gevent"}
)


@dataclass(frozen=True, slots=True)
class WorkerProfile:
    """A worker model with its numbers; the fields gunicorn knows have gunicorn's names."""

    name: str
    worker_class: str
    concurrency: int
    """Requests one worker serves at once, and so the `maxconn` of its balancer slot."""
    threads: int = 1
    worker_connections: int = GTHREAD_CONNECTIONS

    @property
    def workers_per_cpu(self) -> tuple[int, str]:
        """How many workers keep a CPU busy, and why."""
        if self.name == "processes":
            return 2, "two workers a CPU: while one waits, the other computes"
        return 1, "one worker a CPU, which serves others while one request waits"


@dataclass(frozen=True, slots=True)
class Setting:
    """One gunicorn setting and why it has this value."""

    name: str
    value: object
    reason: str


def profile(
    name: str,
    *,
    threads: int = DEFAULT_THREADS,
    greenlets: int = DEFAULT_GREENLETS,
    fast_workers: bool = True,
) -> WorkerProfile:
    """The named profile; the number that belongs to another profile is ignored.

    `fast_workers`: our own worker classes, which leave to gunicorn's what is not plain.
    """
    worker_class = (FAST_WORKERS if fast_workers else GUNICORN_WORKERS).get(name, "")
    if name == "threads":
        return WorkerProfile("threads", worker_class, concurrency=threads, threads=threads)
    if name == "processes":
        return WorkerProfile("processes", worker_class, concurrency=1)
    if name == "greenlets":
        connections = greenlets + SPARE_CONNECTIONS
        return WorkerProfile("greenlets", worker_class, greenlets, worker_connections=connections)
    raise SettingsError(f"profile = {name!r}: {_not_a_profile(name)}")


PROFILES: Mapping[str, str] = MappingProxyType(
    {
        "threads": "gthread: one process, several threads; for pages that wait a little",
        "processes": "sync: one request a process; for CPU-bound pages and code that is not "
        "thread-safe",
        "greenlets": "gevent: many requests a process; for pages that wait a lot",
    }
)


def _not_a_profile(name: str) -> str:
    if name == "eventlet":
        return "gunicorn 26 removed eventlet; 'greenlets' (gevent) takes its place"
    return f"no such profile; choose one of {', '.join(PROFILES)}"


def concurrency_environment(profile: WorkerProfile) -> dict[str, str]:
    """What tells an app how many requests its worker answers at once: the size of its pools."""
    return {"WORKER_CONCURRENCY": str(profile.concurrency)}


def gunicorn_settings(
    profile: WorkerProfile,
    *,
    app: str,
    binds: Sequence[str],
    request_timeout: float,
    trusted_proxies: Sequence[str],
    limits: RequestLimits = DEFAULT_LIMITS,
    workers: WorkerCount | None = None,
    shared_memory: bool | None = None,
) -> list[Setting]:
    """Everything a node tells gunicorn.

    `binds` has one address a worker, or one for all `workers`; without these there are as many as
    addresses. `request_timeout` is the longest request the balancer allows. `shared_memory` says
    whether /dev/shm can be used; None looks.
    """
    if workers is None:
        workers = WorkerCount(len(binds), "as many as there are addresses")
    if shared_memory is None:
        shared_memory = os.access("/dev/shm", os.W_OK)  # noqa: S108
    return [
        Setting("wsgi_app", app, "the app to serve"),
        *_worker_settings(profile, binds, workers),
        *_time_settings(request_timeout),
        *_trust_settings(trusted_proxies),
        *_limit_settings(limits),
        *_housekeeping_settings(shared_memory),
    ]


def _worker_settings(
    profile: WorkerProfile, binds: Sequence[str], workers: WorkerCount
) -> list[Setting]:
    settings = [
        Setting("bind", list(binds), _why_binds(binds, workers.workers)),
        Setting("workers", workers.workers, workers.reason),
        Setting("worker_class", profile.worker_class, f"the profile {profile.name}"),
    ]
    if binds[0].startswith("unix:"):
        why = "owner and group may connect to the unix socket, and nobody else"
        settings.append(Setting("umask", SOCKET_UMASK, why))
    if profile.name == "threads":
        settings += [
            Setting("threads", profile.threads, "requests one worker serves at once"),
            Setting(
                "worker_connections",
                max(profile.worker_connections, 2 * profile.threads),
                "open connections, idle ones included; they cost no thread",
            ),
        ]
    elif profile.name == "greenlets":
        settings.append(
            Setting(
                "worker_connections",
                profile.worker_connections,
                f"{counted(profile.concurrency, 'requests')} at once, and room for idle "
                "connections and readiness checks",
            )
        )
    return settings


def _why_binds(binds: Sequence[str], workers: int) -> str:
    if binds[0].startswith("unix:"):
        return "one unix socket for all workers, as the proxy in front knows one only"
    addresses = len(binds)
    if addresses == workers:
        return "one address a worker: each is a slot of the balancer"
    return "one address for all workers, as the platform's balancer knows one only"


def _time_settings(request_timeout: float) -> list[Setting]:
    longest = math.ceil(request_timeout)
    return [
        Setting(
            "timeout",
            longest + HEARTBEAT_MARGIN,
            "a heartbeat; longer than any request, so that the balancer gives up first and a "
            "busy sync worker is not killed",
        ),
        Setting("graceful_timeout", longest, "a stopping worker may finish the longest request"),
        Setting(
            "keepalive",
            KEEPALIVE,
            "longer than the balancer keeps an idle connection, so that the worker never closes "
            "one that the balancer is about to use",
        ),
    ]


def _trust_settings(trusted_proxies: Sequence[str]) -> list[Setting]:
    return [
        Setting(
            "forwarded_allow_ips",
            ",".join(trusted_proxies),
            "X-Forwarded-Proto is believed from the balancer only",
        ),
        Setting(
            "forwarder_headers",
            "",
            "no header may set SCRIPT_NAME or PATH_INFO: the balancer sends neither",
        ),
    ]


def _limit_settings(limits: RequestLimits) -> list[Setting]:
    line = limits.max_url + METHOD_AND_VERSION
    return [
        Setting(
            "limit_request_line",
            line if line <= LONGEST_LINE else 0,
            f"URLs of {limits.max_url} bytes, with method and version; 0 leaves it to the balancer",
        ),
        Setting(
            "limit_request_fields",
            limits.max_headers + HEADERS_OF_BALANCER,
            f"{limits.max_headers} headers of the visitor, and those that the balancer adds",
        ),
        Setting(
            "limit_request_field_size",
            limits.max_header_bytes,
            "a header may be as large as the balancer allows all of them to be",
        ),
    ]


def _housekeeping_settings(shared_memory: bool) -> list[Setting]:
    settings = [
        Setting("control_socket_disable", True, "nothing here uses it, and it wants a HOME"),
        Setting("reuse_port", False, "connections queued on a dead worker would be reset"),
        Setting("preload_app", False, "a worker imports the app itself: HUP loads new code"),
    ]
    if shared_memory:
        settings.append(
            Setting("worker_tmp_dir", "/dev/shm", "a heartbeat must not wait for a disk")  # noqa: S108
        )
    return settings
