"""Who serves which slot: a worker stops only when its successor has booted."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ..wording import counted


class Member(Protocol):
    """A living worker, as its master sees it."""

    age: int
    """A later start has a higher one."""
    slot: int
    """Counted from 0."""

    @property
    def booted(self) -> bool: ...

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop: it has no say in what follows."""
        ...

    @property
    def outdated(self) -> bool:
        """Whether another worker is to take its place."""
        ...


M = TypeVar("M", bound=Member)


@dataclass(frozen=True, slots=True)
class Change(Generic[M]):
    """What brings every slot nearer to one worker that is up to date."""

    start: list[int]
    """Slots."""
    stop: list[M]


def next_change(workers: Iterable[M], slots: int) -> Change[M]:
    """What to do now; to be asked again whenever a worker has booted, ended or become outdated.

    An empty slot gets a worker at once. Successors boot one at a time, the oldest worker's first:
    a boot takes the processors from visitors, and one that fails should fail once.
    """
    staying = sorted((w for w in workers if not w.stopping), key=lambda worker: worker.age)
    stop = [worker for worker in staying if worker.outdated and not worker.booted]
    staying = [worker for worker in staying if worker not in stop]
    start: list[int] = []
    outdated: list[M] = []
    for slot in range(slots):
        members = [worker for worker in staying if worker.slot == slot]
        booted = [worker for worker in members if worker.booted]
        stop += booted[:-1]
        if not members:
            start.append(slot)
        elif members[-1].outdated:
            outdated.append(members[-1])
    if outdated and not start and all(worker.booted for worker in staying):
        start.append(min(outdated, key=lambda worker: worker.age).slot)
    return Change(start, stop)


def mismatch(workers: int, addresses: int, *, shared: bool, reuse_port: bool) -> str | None:
    """Why gunicorn's settings cannot be one slot a worker, or None.

    `shared`: all workers accept from the one address there is.
    """
    if shared:
        return None
    if reuse_port:
        return "reuse_port is set: a worker must not bind the addresses of the other slots"
    if workers != addresses:
        listening = "1 address" if addresses == 1 else f"{addresses} addresses"
        return (
            f"{counted(workers, 'workers')}, but {listening} to listen on: each worker serves one "
            "address, a slot of the balancer. Change the number with --workers, not in "
            "GUNICORN_CMD_ARGS"
        )
    return None
