"""One node in the foreground, without balancer: what `twofold serve` becomes."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from . import addresses, processes
from .deployment import Balancer, Deployment
from .errors import SettingsError
from .gunicorn import NodeOptions, settings_environment
from .preflight import check_app
from .profiles import Setting, concurrency_environment, gunicorn_settings
from .resources import WorkerCount, find_resources, worker_count
from .setting_checks import is_bind

DEFAULT_BIND = "127.0.0.1:8001"

# As gunicorn itself: a proxy on this machine, unless the environment names others.
LOCAL_PROXIES = "127.0.0.1,::1"


@dataclass(frozen=True, slots=True)
class NodePlan:
    """A node that can start: its app imports and its addresses are free."""

    deployment: Deployment
    binds: tuple[str, ...]
    workers: WorkerCount
    settings: tuple[Setting, ...]
    env: Mapping[str, str]
    """Of the process that the node becomes."""

    @property
    def shared_listener(self) -> bool:
        """Whether all workers accept from one address."""
        return len(self.binds) != self.workers.workers


def plan_node(deployment: Deployment, *, bind: str | None) -> NodePlan:
    """Settle what was left open: the number of workers and where they listen.

    :param bind: where the first worker listens and each further one a port higher; without it the
        environment's PORT is where all of them do, and without that DEFAULT_BIND counts. A unix
        socket is for all workers.
    """
    env = {**os.environ, **deployment.env, **_store_of(deployment)}
    # Importing the app takes its time; what is wrong with the command line is said before.
    platform_port = env.get("PORT") if bind is None else None
    first = _bind_of_port(platform_port) if platform_port else _checked_bind(bind or DEFAULT_BIND)
    memory = check_app(deployment, env).memory
    workers = _workers(deployment, memory)
    one_for_all = platform_port or Balancer(first).socket_path
    binds = [first] if one_for_all else consecutive_binds(first, workers.workers)
    settings = gunicorn_settings(
        deployment.profile,
        app=deployment.app,
        binds=binds,
        workers=workers,
        request_timeout=deployment.balancer.request_timeout,
        limits=deployment.balancer.limits,
        trusted_proxies=env.get("FORWARDED_ALLOW_IPS", LOCAL_PROXIES).split(","),
    )
    return NodePlan(deployment, tuple(binds), workers, tuple(settings), env)


def _store_of(deployment: Deployment) -> dict[str, str]:
    # In a container a file has it, and a twofold.toml in the image says nothing to that.
    named = {**os.environ, **deployment.env}
    if deployment.redis_url is None or named.get("REDIS_URL_FILE"):
        return {}
    return {"REDIS_URL": deployment.redis_url}


def _workers(deployment: Deployment, memory: int) -> WorkerCount:
    origin = deployment.origins.get("workers")
    if origin:
        return WorkerCount(deployment.workers, origin)
    per_cpu, reason = deployment.profile.workers_per_cpu
    return worker_count(
        find_resources(deployment.cpus),
        per_cpu=per_cpu,
        per_cpu_reason=reason,
        worker_memory=memory,
    )


def _bind_of_port(port: str) -> str:
    bind = f"0.0.0.0:{port}"
    problem = is_bind(bind)
    if problem or int(port) == 0:
        raise SettingsError(f"environment variable PORT = {port!r}: must be a port number")
    return addresses.claim(Balancer(bind), setting="environment variable PORT, bind")


def _checked_bind(bind: str) -> str:
    problem = is_bind(bind)
    is_path = problem is None and Balancer(bind).socket_path
    if problem is None and not is_path and Balancer(bind).address[1] == 0:
        problem = "name the first worker's port; the others take those after it"
    if problem:
        raise SettingsError(f"--bind {bind}: {problem}")
    return addresses.claim(Balancer(bind), setting="--bind") if is_path else bind


def consecutive_binds(bind: str, workers: int) -> list[str]:
    """One free address a worker, from that one upwards."""
    host, port = Balancer(_checked_bind(bind)).address
    if port + workers > 65_536:
        raise SettingsError(
            f"--bind {bind}: there must be room for {workers} ports from it upwards"
        )
    shown = f"[{host}]" if ":" in host else host
    binds = [f"{shown}:{port + index}" for index in range(workers)]
    for address in binds:
        addresses.claim(Balancer(address), setting="--bind")
    return binds


def serve(plan: NodePlan, *, name: str, drain: float = 0) -> NoReturn:
    """Become gunicorn, which on SIGTERM leaves rotation `drain` seconds before it stops."""
    limits = plan.deployment.balancer.limits
    own = settings_environment(
        plan.settings,
        NodeOptions(
            drain=drain,
            readiness_path=plan.deployment.readiness_path,
            shared_listener=plan.shared_listener,
            max_body=limits.max_body,
            min_upload_rate=limits.min_upload_rate,
        ),
    )
    sys.stdout.flush()
    sys.stderr.flush()
    processes.replace_this_process(
        processes.python_module("deploy.gunicorn"),
        env={
            "TWOFOLD_NODE": name,
            **plan.env,
            **concurrency_environment(plan.deployment.profile),
            **own,
        },
        cwd=plan.deployment.directory,
    )
