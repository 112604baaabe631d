"""How nodes come and go without losing a request, wherever they run.

A node gets visitors only after each of its workers has answered, and stops only when nothing is in
flight. A roll takes nodes one at a time, the new one first, so the deployment is never smaller than
before and at most one node larger.
"""

from collections.abc import Callable, Sequence

from .deployment import Deployment
from .errors import DeployError, RolloutError, StartError
from .targets.base import N, Nodes

Report = Callable[[str], None]


def roll(nodes: Nodes[N], deployment: Deployment, report: Report) -> None:
    """Replace every node by one of this version; if that fails, by one of its old version again.

    :raises RolloutError: the version did not get into service.
    :raises BalancerError: the balancer does not answer. What runs then stays as it is, for nobody
        can tell where visitors are.
    """
    replaced: list[tuple[N, Deployment]] = []
    old_nodes = list(nodes.running)
    for number, old in enumerate(old_nodes, start=1):
        report(f"version {deployment.version}: replacing {old.name}, {number} of {len(old_nodes)}")
        try:
            replaced.append((replace(nodes, old, deployment, report), old.deployment))
        except StartError as error:
            problem = f"version {deployment.version} did not get into service: {error}\n"
            raise RolloutError(problem + _undo(nodes, replaced, report)) from None
    nodes.settle(deployment)


def _undo(nodes: Nodes[N], replaced: Sequence[tuple[N, Deployment]], report: Report) -> str:
    """Bring the old version back where it was replaced; returns a sentence about how that went."""
    if not replaced:
        return "It is rolled back: the nodes that serve were not touched."
    for new, before in replaced:
        report(f"version {before.version} again: replacing {new.name}")
        try:
            replace(nodes, new, before, report)
        except StartError as error:
            return f"Nor does version {before.version} start any more, so both serve now: {error}"
    return "It is rolled back: the nodes that it had replaced are of their old version again."


def replace(nodes: Nodes[N], old: N, deployment: Deployment, report: Report) -> N:
    """One node more, then one less; the new one is returned."""
    [new] = bring_in(nodes, deployment, 1, report)
    take_out(nodes, [old], report)
    return new


def bring_in(nodes: Nodes[N], deployment: Deployment, count: int, report: Report) -> list[N]:
    """More nodes, all in rotation at the end, or on an error none of them."""
    new = prepare(nodes, deployment, count, report)
    try:
        for node in new:
            nodes.into_rotation(node)
            report(f"{node.name} is in rotation")
    except DeployError:
        nodes.stop(new)
        raise
    return new


def prepare(nodes: Nodes[N], deployment: Deployment, count: int, report: Report) -> list[N]:
    """More nodes that are ready and warm, but without visitors yet."""
    new: list[N] = []
    try:
        for _ in range(count):
            new.append(nodes.start(deployment))
        for node in new:
            nodes.wait_ready(node)
            nodes.warm_up(node)
            report(f"{node.name} is ready")
    except DeployError:
        nodes.stop(new)
        raise
    return new


def take_out(nodes: Nodes[N], leaving: Sequence[N], report: Report) -> None:
    """Fewer nodes; the requests they have are finished first."""
    names = ", ".join(node.name for node in leaving)
    report(f"draining {names}")
    for node in leaving:
        nodes.drain(node)
    if not nodes.wait_idle(leaving):
        report(f"{names}: still busy after the longest request, stopping anyway")
    nodes.stop(leaving)
    report(f"{names} stopped")
