"""What a version is: a deployment's description with a label; and what the next one keeps."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from .deployment import Deployment
from .errors import DeployError
from .settings import PROFILE_NUMBERS, load_deployment

LABEL = re.compile(r"[\w.+-]{1,40}", re.ASCII)


def check_label(label: str) -> str | None:
    """What is wrong with it, or None."""
    return None if LABEL.fullmatch(label) else "must be up to 40 letters, digits, . + - and _"


class History:
    """The versions that can be gone back to, the one in service last."""

    def __init__(self, first: Deployment) -> None:
        self._versions = [first]
        self._rolls = 0

    @property
    def current(self) -> Deployment:
        return self._versions[-1]

    @property
    def previous(self) -> Deployment:
        """What a rollback returns to."""
        if len(self._versions) == 1:
            raise DeployError(
                f"version {self.current.version} is the first: there is none to go back to; "
                "`twofold roll` puts another into service"
            )
        return self._versions[-2]

    def new_label(self, wanted: str | None) -> str:
        """The label of the next version: as wanted, or a number."""
        labels = {version.version for version in self._versions}
        if wanted is not None and wanted in labels:
            raise DeployError(
                f"there is a version {wanted} already; give this one another --version, or go "
                "back with `twofold rollback`"
            )
        self._rolls += 1
        while wanted is None and str(self._rolls + 1) in labels:
            self._rolls += 1
        return wanted or str(self._rolls + 1)

    def rolled_to(self, version: Deployment) -> None:
        self._versions.append(version)

    def rolled_back(self) -> None:
        self._versions.pop()


def next_version(
    running: Deployment, label: str, place: Path | None, given: Mapping[str, Any]
) -> tuple[Deployment, list[str]]:
    """The description of the next version, and the settings it changes that a roll cannot.

    `place` is another folder, `given` what the command line says now; what it said for the running
    version holds too.
    """
    wanted = load_deployment(place or running.place or running.directory, _merged(running, given))
    kept = replace(
        wanted,
        version=label,
        name=running.name,
        nodes=running.nodes,
        redis_url=running.redis_url,
        logs=running.logs,
        metrics=running.metrics,
        balancer=wanted.balancer.with_doors_of(running.balancer),
    )
    return kept, _ignored(running, wanted)


def _merged(running: Deployment, given: Mapping[str, Any]) -> dict[str, Any]:
    before = dict(running.given)
    if "profile" in given:
        # They belong to the profile that was chosen then.
        for number in PROFILE_NUMBERS:
            before.pop(number, None)
    env = {**before.get("env", {}), **given.get("env", {})}
    return {**before, **given, "env": env or None}


def _ignored(running: Deployment, wanted: Deployment) -> list[str]:
    before, after = running.balancer, wanted.balancer
    changed = []
    if not _is_same_place(before.bind, after.bind):
        changed.append("balancer.bind")
    if not _is_same_place(before.redirect_bind or "", after.redirect_bind or ""):
        changed.append("balancer.redirect_bind")
    if after.socket_path and before.socket_mode != after.socket_mode:
        changed.append("balancer.socket_mode")
    if wanted.redis_url != running.redis_url:
        changed.append("redis_url")
    if wanted.logs != running.logs:
        changed.append("[logs]")
    if not _is_same_place(running.metrics.bind or "", wanted.metrics.bind or ""):
        changed.append("metrics.bind")
    return changed


def _is_same_place(before: str, after: str) -> bool:
    # For port 0 a free one was taken.
    return after == before or (after.endswith(":0") and before != "")
