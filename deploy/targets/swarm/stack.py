"""The stack as Swarm has it: deployed from rendered files, and jobs that run once beside it."""

import contextlib
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from ...deployment import Deployment
from ...docker.engine import Engine
from ...errors import DeployError, StartError
from ...render.containers import BALANCER_IMAGE, migrate_command, node_environment, secrets_of
from ...render.swarm import (
    HAPROXY_FILE,
    STACK_FILE,
    render_swarm,
    render_swarm_haproxy,
)
from ...render.swarm_services import SECRET_VARIABLES
from .cluster import Cluster, Task
from .records import Record

Report = Callable[[str], None]

JOB_LABEL = "twofold.job"

# As the stack file has them.
NETWORKS: Mapping[str, str] = MappingProxyType({"front": "--attachable", "data": "--internal"})

DEPLOY_TIMEOUT = 120.0
JOB_TIMEOUT = 60.0
PLACE_TIMEOUT = 10.0
PAUSE = 0.2
LAST_LINES = 20


def balancer_image(engine: Engine) -> str:
    """As the stack file has it, whose variables the environment of the command fills in."""
    return {**os.environ, **engine.env}.get("HAPROXY_IMAGE") or BALANCER_IMAGE


def make_networks(cluster: Cluster, stack: str) -> None:
    """Those of the stack, which would make each with its first service: a job has none there.

    :raises EngineError: Swarm refuses.
    """
    label = f"com.docker.stack.namespace={stack}"
    # Of a command that was killed.
    there = cluster.labelled("networks", label)
    for network, option in NETWORKS.items():
        name = f"{stack}_{network}"
        if name not in there:
            options = ("--driver", "overlay", option, "--label", label)
            cluster.engine.run("network", "create", *options, name)


def deploy_stack(
    engine: Engine, record: Record, *, nodes: int | None = None, data_only: bool = False
) -> None:
    """Tell Swarm what there is to be; it begins at once, and goes on by itself.

    `nodes` is how many; None: as many as the version was to have.

    :raises EngineError: it refuses.
    """
    deployment = replace(record.deployment, nodes=nodes or record.deployment.nodes)
    text = render_swarm(
        deployment,
        image=record.image,
        secrets=record.secrets,
        record=record.name,
        data_only=data_only,
    )
    with tempfile.TemporaryDirectory(prefix="twofold-") as folder:
        Path(folder, STACK_FILE).write_text(text, encoding="utf-8")
        Path(folder, HAPROXY_FILE).write_text(render_swarm_haproxy(deployment), encoding="utf-8")
        engine.run(
            *("stack", "deploy", "--resolve-image", "never", "--with-registry-auth"),
            *("--compose-file", str(Path(folder, STACK_FILE)), deployment.name),
            timeout=DEPLOY_TIMEOUT,
        )


def migrate(cluster: Cluster, record: Record, report: Report) -> None:
    """Run the migrations of the version once, with its image and its settings.

    :raises StartError: they failed; with their last lines.
    """
    deployment = record.deployment
    command = migrate_command(deployment)
    if command is None:
        return
    report(f"running {deployment.migrate}")
    env = {**node_environment(deployment), "TWOFOLD_VERSION": deployment.version}
    hidden = {SECRET_VARIABLES[name] for name in secrets_of(deployment)}
    env |= {name: text for name, text in deployment.env.items() if name not in hidden}
    options = [word for item in env.items() for word in ("--env", "=".join(item))]
    for secret in secrets_of(deployment):
        options += ["--secret", f"source={record.secrets[secret]},target={secret}"]
    for constraint in deployment.swarm.web:
        options += ["--constraint", constraint]
    options += ["--network", f"{deployment.name}_data", "--network", f"{deployment.name}_front"]
    options += ["--mode", "replicated-job", "--no-healthcheck"]
    with _service(cluster, deployment.name, "migrate", options, record.image, command) as name:
        tasks = _wait(
            cluster, name, lambda tasks: any(t.ended for t in tasks), deployment.migrate_timeout
        )
        if not tasks or tasks[-1].state != "complete":
            lines = last_lines(cluster.engine, name)
            problem = _why_not_done(tasks, deployment)
            raise StartError(f"`{deployment.migrate}` {problem}. It printed last:\n{lines}")


def _why_not_done(tasks: Sequence[Task], deployment: Deployment) -> str:
    if not any(task.host for task in tasks):
        return "was not begun: no host that is ready meets swarm.web"
    if not tasks[-1].ended:
        return f"was not done after {deployment.migrate_timeout:g} s (migrate_timeout)"
    return f"failed: {tasks[-1].problem}"


def try_hosts(
    cluster: Cluster,
    deployment: Deployment,
    image: str,
    setting: str,
    ports: Sequence[int] = (),
) -> dict[str, str]:
    """Start the image once on every host of a setting, `web` or `balancers`, with these ports.

    What failed, by the host's name: the image is not there, a port is taken.

    :raises StartError: there is no such host.
    """
    options = ["--mode", "global", "--no-healthcheck", "--entrypoint", "true"]
    constraints: Sequence[str] = getattr(deployment.swarm, setting)
    for constraint in constraints:
        options += ["--constraint", constraint]
    for port in ports:
        options += ["--publish", f"mode=host,target={port},published={port}"]
    hosts = {host.id: host.name for host in cluster.hosts() if host.ready}

    def decided(tasks: list[Task]) -> bool:
        # One that waits for a port has its problem written down too.
        done = {task.host for task in tasks if task.host and (task.ended or task.problem)}
        placed = {task.host for task in tasks if task.host in hosts}
        return bool(done) and (placed if constraints else set(hosts)) <= done

    with _service(cluster, deployment.name, "try", options, image, ()) as name:
        if not _wait(cluster, name, bool, PLACE_TIMEOUT):
            listed = ", ".join(constraints)
            raise StartError(f"no host that is ready meets swarm.{setting}: {listed}")
        tasks = _wait(cluster, name, decided, JOB_TIMEOUT)
    good = {task.host for task in tasks if task.state == "complete"}
    return {
        hosts[task.host]: task.problem or f"did not start within {JOB_TIMEOUT:g} s"
        for task in tasks
        if task.host in hosts and task.host not in good
    }


@contextmanager
def _service(
    cluster: Cluster,
    deployment: str,
    what: str,
    options: Sequence[str],
    image: str,
    command: Sequence[str],
) -> Iterator[str]:
    """A service for the block, whose containers run once."""
    name = f"{deployment}_{what}_{secrets.token_hex(3)}"
    fixed = ("--detach", "--quiet", "--no-resolve-image", "--restart-condition", "none")
    label = ("--label", f"{JOB_LABEL}={deployment}", "--with-registry-auth")
    try:
        cluster.engine.run(
            *("service", "create", *fixed, *label, "--name", name, *options, image, *command)
        )
        yield name
    finally:
        with contextlib.suppress(DeployError):
            cluster.engine.ask("service", "rm", name)


def _wait(
    cluster: Cluster, service: str, decided: Callable[[list[Task]], bool], seconds: float
) -> list[Task]:
    deadline = time.monotonic() + seconds
    while True:
        tasks = cluster.tasks(service)
        if decided(tasks) or time.monotonic() > deadline:
            return tasks
        time.sleep(PAUSE)


def last_lines(engine: Engine, service_or_task: str) -> str:
    """Of a log, indented, to be shown in a message."""
    answer = engine.ask("service", "logs", "--raw", "--tail", str(LAST_LINES), service_or_task)
    lines = (answer.stdout + answer.stderr).splitlines()[-LAST_LINES:]
    return "\n".join(f"  {line}" for line in lines if line.strip()) or "  (it said nothing)"


def remove_jobs(cluster: Cluster, deployment: str) -> None:
    """Those of a command that was killed."""
    for service in cluster.services(f"{JOB_LABEL}={deployment}"):
        cluster.engine.ask("service", "rm", service["Spec"]["Name"])


def remove_stack(engine: Engine, name: str) -> None:
    """Stop everything in order and forget it; what the volumes hold stays."""
    engine.run("stack", "rm", name, timeout=DEPLOY_TIMEOUT)
