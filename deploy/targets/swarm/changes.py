"""What changes a deployment in a Swarm. The caller holds the lock."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from ...balancer import wait_until
from ...deployment import Deployment
from ...docker.engine import Engine
from ...errors import DeployError, RolloutError, SettingsError, StartError
from ...wording import counted
from ..base import Report
from . import stack, update
from .image import built_image, check_on_hosts, copy_to_hosts, has_registry
from .plan import next_record
from .records import Record
from .running import RunningStack

END_TIMEOUT = 120.0


def start(running: RunningStack, deployment: Deployment, report: Report) -> None:
    """Networks and what keeps data first, then the migrations, then everything.

    :raises DeployError: with the reason; what was started is still there.
    """
    check_number(deployment, deployment.nodes)
    secrets = running.records.keep_secrets(deployment, running.records.known_secrets())
    first = Record(deployment, "none", secrets)
    record = _prepared(running, first, report)
    _check_ports(running, deployment)
    stack.make_networks(running.cluster, running.name)
    stack.deploy_stack(running.engine, first, data_only=True)
    for service in ("redis", "postgres"):
        name = f"{running.name}_{service}"
        if running.cluster.service(name):
            update.wait_running(running.cluster, deployment, name, report)
    stack.migrate(running.cluster, record, report)
    stack.deploy_stack(running.engine, record)
    for service in ("web", "balancer"):
        name = f"{running.name}_{service}"
        update.wait_running(running.cluster, deployment, name, report)
    running.wait_seen(deployment)


def scale(running: RunningStack, nodes: int, report: Report) -> None:
    """Have Swarm add nodes or stop some; one that stops leaves rotation first."""
    deployment = running.record().deployment
    check_number(deployment, nodes)
    before = running.nodes()
    known = [task.id for task in running.cluster.tasks(running.web)]
    _set_nodes(running, nodes)
    report(f"{counted(nodes, 'nodes')} instead of {before}")
    try:
        update.wait_running(running.cluster, deployment, running.web, report, known)
        running.wait_seen(deployment)
    except DeployError as error:
        if nodes <= before:
            raise
        _set_nodes(running, before)
        raise DeployError(
            f"{error}\n{running.name} has {counted(before, 'nodes')} as before."
        ) from None


def roll(
    running: RunningStack,
    label: str | None,
    place: Path | None,
    given: Mapping[str, object],
    report: Report,
) -> None:
    """Build the next version, run its migrations, and have Swarm put it into service.

    :raises RolloutError: it did not get there, and the version before serves.
    """
    before = running.record()
    following = next_record(before, label, place, given)
    if following.ignored:
        report(f"{' and '.join(following.ignored)}: stays as it is until the next `twofold up`")
    wanted = following.record
    try:
        record = _prepared(running, wanted, report)
        stack.migrate(running.cluster, record, report)
    except DeployError as error:
        running.records.forget_all_but(before)
        raise RolloutError(
            f"version {wanted.deployment.version} was not started: {error}\n"
            f"Version {before.deployment.version} serves on."
        ) from None
    _put_into_service(running, record, before, report)


def rollback(running: RunningStack, report: Report) -> None:
    """Have Swarm replace every node by one of the version before; nothing is built.

    :raises RolloutError: as for `roll`.
    """
    now = running.record()
    if now.previous is None:
        raise DeployError(
            f"version {now.deployment.version} is the first, or was gone back to: there is none "
            "before it; `twofold roll` puts another into service"
        )
    before = running.records.load(now.previous)
    wanted = replace(before, rolls=now.rolls, previous=None, kept_as="")
    running.records.keep(wanted)
    _put_into_service(running, wanted, now, report)


def remove(running: RunningStack, report: Report, *, secrets: bool) -> None:
    """Stop everything in order, and forget all but the volumes and, if need be, the secrets."""
    report("stopping everything")
    stack.remove_stack(running.engine, running.name)
    label = f"com.docker.stack.namespace={running.name}"
    gone = wait_until(lambda: not running.cluster.labelled("networks", label), seconds=END_TIMEOUT)
    running.records.forget(secrets=secrets)
    if not gone:
        raise DeployError(
            f"networks of {running.name} are still there after {END_TIMEOUT:g} s; a host that does "
            f"not answer holds them: `docker stack rm {running.name}` later does the rest"
        )


def remove_volumes(running: RunningStack, engines: Mapping[str, str], report: Report) -> None:
    """On the manager and on the hosts whose engines are known, by their names."""
    label = f"label=com.docker.stack.namespace={running.name}"
    others = [Engine(address, env=running.engine.env) for address in engines.values()]
    left = []
    for engine in (running.engine, *others):
        for name in engine.ask("volume", "ls", "--quiet", "--filter", label).stdout.split():
            # A container that is being removed still holds it.
            if not wait_until(partial(_removed, engine, name), seconds=END_TIMEOUT):
                left.append(name)
    command = f"docker volume rm $(docker volume ls --quiet --filter {label})"
    report(f"volumes on hosts that are not in [swarm.engines] stay; there, say `{command}`")
    if left:
        raise DeployError(
            f"still there after {END_TIMEOUT:g} s: {', '.join(left)}; something else uses them: "
            f"`docker ps --all --filter volume={left[0]}` tells what, and `twofold down --volumes` "
            "then removes them"
        )


def _removed(engine: Engine, volume: str) -> bool:
    answer = engine.ask("volume", "rm", volume)
    return answer.returncode == 0 or "no such volume" in answer.stderr.lower()


def check_number(deployment: Deployment, nodes: int) -> None:
    """:raises SettingsError: the balancers do not look for so many."""
    most = deployment.containers.replicas
    if nodes < 1:
        raise SettingsError(f"nodes = {nodes}: must be at least 1; `twofold down` stops all")
    if nodes + 1 > most:
        raise SettingsError(
            f"nodes = {nodes}: the balancers look for {most} at most (containers.replicas in "
            "twofold.toml), and a roll needs one in addition; allow more, and begin again with "
            "`twofold down` and `twofold up`"
        )


def _prepared(running: RunningStack, wanted: Record, report: Report) -> Record:
    """The record with its image on every host and its secrets in the Swarm, kept there."""
    deployment, engine = wanted.deployment, running.engine
    image = built_image(engine, deployment, report)
    if not has_registry(image):
        copy_to_hosts(engine, deployment, image, report)
    report("starting the image once on every host")
    failed = stack.try_hosts(running.cluster, deployment, image, "web")
    check_on_hosts(failed, deployment, image)
    secrets = running.records.keep_secrets(deployment, wanted.secrets)
    record = replace(wanted, image=image, secrets=secrets)
    running.records.keep(record)
    return record


def _check_ports(running: RunningStack, deployment: Deployment) -> None:
    image = stack.balancer_image(running.engine)
    port = deployment.balancer.address[1]
    failed = stack.try_hosts(running.cluster, deployment, image, "balancers", [port])
    if failed:
        told = [f"{host}: {update.explained(why)}" for host, why in sorted(failed.items())]
        raise StartError(f"no balancer can be started on port {port} of {'; '.join(told)}")


def _put_into_service(
    running: RunningStack, wanted: Record, before: Record, report: Report
) -> None:
    deployment = wanted.deployment
    began = update.began(running.cluster, running.web)
    stack.deploy_stack(running.engine, wanted, nodes=running.nodes())
    try:
        update.wait_updated(running.cluster, deployment, running.web, began, report)
    except RolloutError:
        running.records.forget_all_but(before)
        raise
    running.wait_seen(deployment)
    running.records.forget_all_but(wanted)


def _set_nodes(running: RunningStack, nodes: int) -> None:
    running.engine.run("service", "scale", "--detach", f"{running.web}={nodes}")
