"""Holding nodes to equal CPU budgets, so that a machine they share scales like several.

A control group's quota is the best way, for it gives parts of a CPU. Where none may be made, each
node gets CPUs of its own as long as there are enough; else it is held to nothing, and the status
says so. Workers inherit either from their node.
"""

import math
import os
from dataclasses import dataclass, field

from .errors import StartError
from .quota_groups import QuotaGroup, make_group
from .status import CpuBudget
from .wording import counted


@dataclass(frozen=True, slots=True)
class Hold:
    """What keeps one node to its budget."""

    cpus: float | None
    """None: nothing does."""
    mechanism: str
    launch: tuple[str, ...] = ()
    """Words for the launcher of its processes."""
    pinned: frozenset[int] = frozenset()


@dataclass(slots=True)
class CpuBudgets:
    """The budgets of a deployment's nodes, by the node's name."""

    name: str
    """The deployment's."""
    cpus: frozenset[int] = field(default_factory=lambda: frozenset(os.sched_getaffinity(0)))
    """Those this process may use."""
    _holds: dict[str, Hold] = field(default_factory=dict)
    _group: QuotaGroup | None = None
    _refusal: str = ""
    """Why there is no control group; empty before anyone asked for one."""

    def hold(self, node: str, cpus: float | None) -> tuple[str, ...]:
        """Give a node its budget, and return what the launcher has to know."""
        if cpus is None:
            return ()
        hold = self._by_quota(node, cpus) or self._by_affinity(cpus)
        self._holds[node] = hold
        return hold.launch

    def _by_quota(self, node: str, cpus: float) -> Hold | None:
        if self._group is None and not self._refusal:
            try:
                self._group = make_group(self.name)
            except OSError as error:
                self._refusal = str(error)
        if self._group is None:
            return None
        try:
            procs = self._group.add(node, cpus)
        except OSError as error:
            raise StartError(f"cpus = {cpus:g}: the quota could not be set: {error}") from None
        return Hold(cpus, f"cgroup v{self._group.version} quota", (f"join={procs}",))

    def _by_affinity(self, cpus: float) -> Hold:
        whole = math.ceil(cpus)
        free = sorted(self.cpus - {cpu for hold in self._holds.values() for cpu in hold.pinned})
        if len(free) < whole:
            return Hold(
                None,
                f"none: no control group may be made ({self._refusal}), and affinity, which gives "
                f"{whole}, finds {counted(len(free), 'free CPUs')}",
            )
        pinned = free[:whole]
        words = f"pin={','.join(map(str, pinned))}"
        return Hold(float(whole), "affinity", (words,), frozenset(pinned))

    def release(self, node: str) -> None:
        """Forget the budget of a node whose processes have ended."""
        if self._holds.pop(node, None) and self._group:
            self._group.remove(node)

    def status(self, node: str) -> CpuBudget | None:
        hold = self._holds.get(node)
        if hold is None:
            return None
        throttled = self._group.throttled_seconds(node) if self._group else 0.0
        return CpuBudget(hold.cpus, hold.mechanism, throttled)

    def close(self) -> None:
        """Leave no group behind; the nodes have ended."""
        self._holds.clear()
        if self._group:
            self._group.close()
            self._group = None
