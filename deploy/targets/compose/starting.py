"""The beginning and the end of a Compose project: up and down."""

import re
import socket
from contextlib import closing

from ...balancer import wait_until
from ...deployment import Deployment
from ...docker.balancer import ContainerBalancer
from ...docker.engine import Line
from ...docker.lock import locked
from ...errors import BalancerError, EngineError, StartError
from ...render.containers import slot_ports
from ...render.haproxy_dns import render_haproxy_dns
from ...wording import counted
from ..base import Report
from .nodes import PROBE_TIMEOUT
from .project import PROJECT, Project
from .records import Records

STEP = re.compile(r"\s*(Container|Network|Volume) (\S+)\s+(\w+)")
WORTH_TELLING = ("Started", "Healthy", "Exited", "Error", "Stopping", "Removed")


def start(project: Project, records: Records, deployment: Deployment, report: Report) -> str:
    """Build, start everything and wait until every node is in rotation; the URL is returned."""
    _refuse_second(project, records)
    had_volumes = bool(_volumes(project))
    deployment = _with_port(deployment)
    project.prepare(deployment)
    project.files.write_balancer(render_haproxy_dns(deployment))
    image = project.build(deployment, report)
    with locked(project.engine, deployment.name, "up", image):
        _refuse_second(project, records)
        records.remove(*records.all())
        try:
            records.add(deployment, image, deployment.nodes)
            _start(project, deployment, report)
        except BaseException:
            project.down(volumes=not had_volumes, line=lambda line: None)
            records.remove(*records.all())
            raise
    return deployment.balancer.url


def _refuse_second(project: Project, records: Records) -> None:
    known = records.all()
    if known and any(each.state == "running" for each in project.containers("web")):
        raise StartError(
            f"{project.name} runs already in containers of this engine, as version "
            f"{known[-1].version}; `twofold roll` puts another version into service, `twofold "
            "scale` changes the number of nodes, and `twofold down` stops it"
        )


def _with_port(deployment: Deployment) -> Deployment:
    """With a free port in place of port 0."""
    host, port = deployment.balancer.address
    if port:
        return deployment
    with closing(socket.socket()) as probe:
        probe.bind((host, 0))
        return deployment.on_port(probe.getsockname()[1])


def _start(project: Project, deployment: Deployment, report: Report) -> None:
    try:
        project.up(deployment, line=_steps(report))
    except EngineError as error:
        raise StartError(f"{error}\n{_last_words(project)}".rstrip()) from None
    report(f"waiting until the workers of {counted(deployment.nodes, 'nodes')} are ready")
    if not _wait_up(project, deployment):
        died = "it ends again and again" if _has_died(project) else ""
        problem = died or f"it was not ready after {deployment.boot_timeout:g} s (boot_timeout)"
        raise StartError(
            f"a node did not start: {problem}\n{_last_words(project)}"
            f"{_last_check(project, deployment)}"
        )
    report(f"balancer at {deployment.balancer.url}")


def _wait_up(project: Project, deployment: Deployment) -> bool:
    """Whether every worker answers, and the balancer has found that out."""

    def settled() -> bool:
        return _is_up(project, deployment) or _has_died(project)

    return wait_until(settled, seconds=deployment.boot_timeout) and not _has_died(project)


def _is_up(project: Project, deployment: Deployment) -> bool:
    found = project.balancer()
    if found is None:
        return False
    client = ContainerBalancer(project.engine, found.id)
    hosts = [each.address_in(project.front) for each in project.containers("web")]
    path, ports = deployment.readiness_path, slot_ports(deployment)
    # HAProxy takes a line for up before its first check, so the workers are asked as well.
    for host in hosts:
        if not host:
            return False
        answers = client.probe(host, ports, [path], timeout=PROBE_TIMEOUT)
        if not all(answer.ready for answer in answers):
            return False
    try:
        lines = client.lines().values()
    except BalancerError:
        return False
    up = [line for line in lines if line.address and line.state == "in rotation"]
    return len(up) >= deployment.nodes * deployment.workers


def _has_died(project: Project) -> bool:
    """Whether a node has ended at least twice: it will not get ready."""
    nodes = project.containers("web")
    return any(project.api.container(each.id)["RestartCount"] > 1 for each in nodes)


def _last_words(project: Project) -> str:
    """The last lines of containers that have failed or are not well."""
    said = []
    for each in project.containers():
        found = project.api.container(each.id)
        state = found["State"]
        ill = state.get("Health", {}).get("Status") == "unhealthy"
        if ill or state["ExitCode"] or found["RestartCount"]:
            lines = project.last_lines(each.id)
            said.append(f"The last lines of {each.service} {each.number}:\n{lines}\n")
    return "".join(said[:3])


def _last_check(project: Project, deployment: Deployment) -> str:
    """What a node answers that is not ready."""
    balancer = project.balancer()
    hosts = [each.address_in(project.front) for each in project.containers("web")]
    if balancer is None:
        return "The balancer does not run."
    client = ContainerBalancer(project.engine, balancer.id)
    path, ports = deployment.readiness_path, slot_ports(deployment)
    for host in filter(None, hosts):
        for answer in client.probe(host, ports, [path], timeout=PROBE_TIMEOUT):
            if not answer.ready:
                return f"The last answer to GET {path}: {answer.text}"
    return ""


def stop(project: Project, records: Records, report: Report, *, volumes: bool) -> None:
    """Stop the balancer, which finishes requests in flight, then the nodes, then what they use."""
    report("finishing requests in flight, and stopping")
    project.down(volumes=volumes, line=_steps(report))
    records.remove(*records.all())
    project.files.remove(secrets=volumes or not _volumes(project))


def _volumes(project: Project) -> list[str]:
    label = f"label={PROJECT}={project.name}"
    return project.engine.run("volume", "ls", "--quiet", "--filter", label).split()


def _steps(report: Report) -> Line:
    """Of what Compose tells, that which has happened."""

    def line(text: str) -> None:
        step = STEP.match(text)
        if step and step[3] in WORTH_TELLING:
            report(f"{step[2]} {step[3].lower()}")

    return line
