"""The next version of a stack: what it is made of, and what a roll to it would do."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ...dry_run import RollPlan, changes
from ...errors import RolloutError
from ...render.containers import DRAIN, image_name
from ...render.swarm import render_swarm_haproxy
from ...versions import History, next_version
from .image import has_registry
from .records import Record


@dataclass(frozen=True, slots=True)
class Next:
    """What a roll would put into service."""

    record: Record
    """Without its image, which is yet to be built."""
    ignored: tuple[str, ...]
    """Settings that have changed, and that a roll cannot change."""


def next_record(
    running: Record, label: str | None, place: Path | None, given: Mapping[str, object]
) -> Next:
    """The version after the running one, of the code and the settings of now.

    :raises RolloutError: the balancers would have to know of a change.
    """
    before = running.deployment
    history = History(before)
    known = label or str(running.rolls + 2)
    said = {path: value for path, value in given.items() if value is not None}
    wanted, ignored = next_version(before, history.new_label(known), place, said)
    wanted = replace(wanted, target=before.target)
    if render_swarm_haproxy(wanted) != render_swarm_haproxy(before):
        raise RolloutError(
            "the settings of the workers (number, profile, threads) or of the balancer have "
            f"changed since version {before.version}, and the balancers read them when they start; "
            "undo that for this roll, or say `twofold down` and `twofold up`. Version "
            f"{before.version} serves on."
        )
    record = Record(wanted, "", running.secrets, running.name, running.rolls + 1)
    return Next(record, tuple(ignored))


def planned(running: Record, following: Next, nodes: int) -> RollPlan:
    """In words, if everything works."""
    wanted, before = following.record.deployment, running.deployment
    name = image_name(wanted)
    steps = [f"build the image {name} where the manager is"]
    if has_registry(name):
        steps.append("push it, and have the hosts fetch it")
    elif wanted.swarm.engines:
        steps.append(f"copy it to {', '.join(wanted.swarm.engines)}, where it is missing")
    steps.append("start it once on every host, to see that it is there")
    if wanted.migrate:
        steps.append(f"run `{wanted.migrate}` in a container of it, once")
    for number in range(1, nodes + 1):
        steps.append(f"Swarm starts a new node{number}, and waits until its workers answer")
        steps.append(
            f"the old node{number} leaves rotation, serves for {DRAIN} s more, finishes its "
            "requests and stops"
        )
    return RollPlan(
        version=wanted.version,
        replaces=before.version,
        changes=tuple(changes(before, wanted)),
        ignored=following.ignored,
        steps=tuple(steps),
        imported=False,
    )
