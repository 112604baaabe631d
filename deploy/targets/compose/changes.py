"""What changes a running Compose project: scale, roll, rollback. The caller holds the lock."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Self

from ... import rollout
from ...deployment import Deployment
from ...dry_run import RollPlan, plan_roll
from ...errors import DeployError, RolloutError
from ...render.containers import has_postgres, image_name
from ...versions import next_version
from ..base import Report
from .lines import ContainerNode
from .nodes import ComposeNodes
from .project import Project
from .records import Record, Records, history

OpenNodes = Callable[[], ComposeNodes]


# What the other containers are made of.
PARTS: Mapping[str, Callable[[Deployment], object]] = MappingProxyType(
    {
        "[balancer.tls]": lambda deployment: deployment.balancer.tls,
        "containers.redis": lambda deployment: deployment.containers.redis,
        "containers.postgres": has_postgres,
    }
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says about the next version."""

    place: Path | None
    given: Mapping[str, object]

    @classmethod
    def of(cls, place: Path | None, given: Mapping[str, object]) -> Self:
        """None stands for an option that was not given."""
        said = {path: value for path, value in given.items() if value is not None}
        return cls(None if place is None else place.absolute(), said)


def scale(
    project: Project, records: Records, open_nodes: OpenNodes, count: int, report: Report
) -> None:
    """Add nodes of the version in service, or drain and stop the last ones."""
    if count < 1:
        raise DeployError(f"nodes = {count}: must be at least 1; `twofold down` stops all")
    current = records.all()[-1]
    most = current.deployment.containers.replicas
    if count > most:
        raise DeployError(
            f"nodes = {count}: the balancer looks for {most} at most; raise containers.replicas in "
            "twofold.toml, which takes effect with `twofold down` and `twofold up`"
        )
    with open_nodes() as nodes:
        tidy(nodes, current, report)
        more = count - len(nodes.running)
        if more > 0:
            rollout.bring_in(nodes, current.deployment, more, report)
        elif more < 0:
            rollout.take_out(nodes, nodes.running[more:], report)


def roll(
    project: Project,
    records: Records,
    open_nodes: OpenNodes,
    label: str | None,
    wanted: Wanted,
    report: Report,
) -> None:
    """Build the next version, run its migrations, and put it into service node by node."""
    known = records.all()
    before = known[-1]
    version, ignored = _next(known, label, wanted)
    if ignored:
        report(
            f"{' and '.join(ignored)} changed, but a roll keeps what visitors and nodes are "
            "connected to: that takes effect with the next `twofold up`"
        )
    new = _prepared(project, records, before, version, report)
    try:
        with open_nodes() as nodes:
            tidy(nodes, new, report)
            rollout.roll(nodes, version, report)
    except RolloutError:
        records.remove(new)
        project.select(before.deployment, before.image)
        raise
    records.forget_old()


def _prepared(
    project: Project, records: Records, before: Record, version: Deployment, report: Report
) -> Record:
    """The version with its image built, written down and migrated to.

    :raises RolloutError: one of them failed, and everything is as it was.
    """
    new: Record | None = None
    try:
        project.prepare(version)
        image = project.build(version, report)
        new = records.add(version, image, _count(project, before))
        _migrate(project, version, report)
    except DeployError as error:
        if new:
            records.remove(new)
        project.select(before.deployment, before.image)
        raise RolloutError(
            f"version {version.version} was not started: {error}\n"
            f"Version {before.version} serves on."
        ) from None
    return new


def rollback(project: Project, records: Records, open_nodes: OpenNodes, report: Report) -> None:
    """Go back to the version before: to its image and its settings."""
    known = records.all()
    current = known[-1]
    goal, obsolete = _version_before(known)
    # A record of its own tells, should this be cut off, where it was going and with how many.
    new = records.add(goal.deployment, goal.image, _count(project, current))
    try:
        with open_nodes() as nodes:
            tidy(nodes, new, report)
            rollout.roll(nodes, goal.deployment, report)
    except RolloutError:
        records.remove(new)
        project.select(current.deployment, current.image)
        raise
    records.remove(*obsolete)


def _version_before(known: Sequence[Record]) -> tuple[Record, list[Record]]:
    """Where a rollback goes, and the records that are of no use after it."""
    current = known[-1]
    earlier = [record for record in known[:-1] if record.version == current.version]
    if earlier:
        # A rollback to it was cut off.
        return current, [*known[known.index(earlier[0]) :]]
    # The label of the version is in service again, so history() names the one before.
    previous = history(list(known)).previous
    index = max(n for n, record in enumerate(known) if record.version == previous.version)
    return known[index], [*known[index:]]


def plan(project: Project, known: Sequence[Record], label: str | None, wanted: Wanted) -> RollPlan:
    """What a roll would do, if the image can be built and the version gets ready."""
    running = known[-1].deployment
    version, ignored = _next(known, label, wanted)
    numbers = [each.number for each in project.containers("web")]
    # Compose gives a new container the number after the highest.
    planned = plan_roll(running, numbers, version, ignored, lambda taken: max(taken) + 1)
    first = [f"build the image {image_name(version)}"]
    if version.migrate:
        first.append(f"run `{version.migrate}` in a container of it, once")
    return replace(planned, steps=(*first, *planned.steps), imported=False)


def _next(
    known: Sequence[Record], label: str | None, wanted: Wanted
) -> tuple[Deployment, list[str]]:
    """The next version, and the settings that it changes and a roll cannot.

    :raises RolloutError: the balancer would have to know of a change.
    """
    running = known[-1].deployment
    name = history(list(known)).new_label(label or _free_label(known))
    version, ignored = next_version(running, name, wanted.place, wanted.given)
    version = replace(version, target=running.target)
    changed = [name for name, value in PARTS.items() if value(version) != value(running)]
    if changed:
        raise RolloutError(
            f"{' and '.join(changed)} changed since version {running.version}, and a roll makes "
            "nothing but nodes anew; undo that for this roll, or say `twofold down` and `twofold "
            f"up`. Version {running.version} serves on."
        )
    return version, ignored


def _free_label(known: Sequence[Record]) -> str:
    """A number that goes up, though the oldest versions are forgotten."""
    labels = {record.version for record in known}
    number = known[-1].number + 1
    while str(number) in labels:
        number += 1
    return str(number)


def _migrate(project: Project, version: Deployment, report: Report) -> None:
    if version.migrate:
        report(f"running `{version.migrate}`")
        project.migrate(version, line=lambda line: report(f"migrate: {line}"))


def _count(project: Project, current: Record) -> int:
    """How many nodes there are to be: as many as there are, unless a roll was cut off."""
    nodes = project.containers("web")
    cut_off = len({each.image for each in nodes}) > 1
    return current.nodes if cut_off else len(nodes)


def tidy(nodes: ComposeNodes, newest: Record, report: Report) -> None:
    """Take out what a change that was cut off has left too much."""
    running = nodes.running
    versions = {node.deployment.version for node in running}
    surplus = len(running) - newest.nodes
    if len(versions) < 2 or surplus <= 0:
        return
    report(f"a change was cut off: versions {' and '.join(sorted(versions))} run together")
    serving = nodes.serving()

    def last_to_go(node: ContainerNode) -> tuple[bool, bool]:
        return (node in serving, node.deployment.version == newest.version)

    rollout.take_out(nodes, sorted(running, key=last_to_go)[:surplus], report)
