"""What a manager of a Swarm knows: hosts, services, and the tasks that are their containers."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote, urlencode

from ...docker.api import EngineApi, MissingError
from ...docker.engine import Engine
from ...errors import EngineError

COMMAND_FAILURES = ("failed", "rejected", "orphaned")
ENDED = (*COMMAND_FAILURES, "complete", "shutdown", "remove")


@dataclass(frozen=True, slots=True)
class Host:
    """A host of the Swarm."""

    id: str
    name: str
    address: str
    ready: bool
    """Whether it answers the managers, and takes tasks."""


@dataclass(frozen=True, slots=True)
class Task:
    """One start of one container of a service."""

    id: str
    number: int
    """The replica's; 0 where each host has one."""
    host: str
    """Its id; empty while no host was found."""
    wanted: bool
    """Whether Swarm means it to run."""
    state: str
    """Swarm's word, as in `running`."""
    problem: str
    image: str
    version: str
    addresses: Mapping[str, str]
    """By the network's name."""
    since: str
    """When the state was noted: UTC, in the order of the alphabet."""

    @property
    def runs(self) -> bool:
        return self.wanted and self.state == "running"

    @property
    def failed(self) -> bool:
        return self.state in COMMAND_FAILURES

    @property
    def ended(self) -> bool:
        return self.state in ENDED


class Cluster:
    """A Swarm, as one of its managers sees it; an answer takes some milliseconds."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._api = EngineApi(engine)

    @classmethod
    def of_manager(cls, engine: Engine) -> Self:
        """:raises EngineError: there is no engine, it is too old, or it is no manager."""
        engine.version()
        cluster = cls(engine)
        swarm = cluster._api.get("/info").get("Swarm") or {}
        if swarm.get("ControlAvailable"):
            return cluster
        if swarm.get("LocalNodeState") == "active":
            others = ", ".join(
                each["Addr"].partition(":")[0] for each in swarm.get("RemoteManagers") or ()
            )
            raise EngineError(
                "this Docker engine is a worker of a Swarm, and only a manager can change it; name "
                f"one by DOCKER_HOST or `docker context use` (its managers: {others or 'unknown'})"
            )
        if swarm.get("LocalNodeState") == "locked":
            raise EngineError("this Swarm is locked; say `docker swarm unlock` on the manager")
        raise EngineError(
            "this Docker engine is in no Swarm; say `docker swarm init` on the host that is to "
            "manage it and `docker swarm join` on the others, or name a manager by DOCKER_HOST"
        )

    def hosts(self) -> list[Host]:
        """All of them by name, those that do not answer included."""
        found = [_host(each) for each in self._api.get("/nodes")]
        return sorted(found, key=lambda host: host.name)

    def service(self, name: str) -> dict[str, Any] | None:
        """Its description, or None."""
        try:
            return dict(self._api.get(f"/services/{quote(name)}"))
        except MissingError:
            return None

    def services(self, label: str) -> list[dict[str, Any]]:
        """Those with the label, `name` or `name=value`."""
        return list(self._api.get(f"/services?{_filters(label=label)}"))

    def tasks(self, service: str) -> list[Task]:
        """Of a service by its name, those that ended lately included; the newest last."""
        try:
            found = self._api.get(f"/tasks?{_filters(service=service)}")
        except EngineError:
            if self.service(service) is None:
                return []
            raise
        return sorted(map(_task, found), key=lambda task: task.since)

    def config(self, name: str) -> str | None:
        """The text of one of Swarm's configs, or None."""
        try:
            found = self._api.get(f"/configs/{quote(name)}")
        except MissingError:
            return None
        return base64.b64decode(found["Spec"]["Data"]).decode()

    def labelled(self, kind: str, label: str) -> dict[str, dict[str, str]]:
        """Of `configs`, `secrets` or `networks` with a label: all their labels, by name."""
        found = self._api.get(f"/{kind}?{_filters(label=label)}")
        specs = [each.get("Spec", each) for each in found]
        return {spec["Name"]: dict(spec["Labels"] or {}) for spec in specs}

    def close(self) -> None:
        self._api.close()


def _filters(**wanted: str) -> str:
    return urlencode({"filters": json.dumps({name: [text] for name, text in wanted.items()})})


def _host(found: Mapping[str, Any]) -> Host:
    status, spec = found["Status"], found["Spec"]
    # A manager knows its own address as that of the others' way to it.
    address = status.get("Addr", "")
    if address in ("", "0.0.0.0", "127.0.0.1"):  # noqa: S104
        address = found.get("ManagerStatus", {}).get("Addr", "").rpartition(":")[0]
    return Host(
        id=found["ID"],
        name=found["Description"]["Hostname"],
        address=address,
        ready=status["State"] == "ready" and spec["Availability"] == "active",
    )


def _task(found: Mapping[str, Any]) -> Task:
    status = found["Status"]
    container = found["Spec"].get("ContainerSpec", {})
    return Task(
        id=found["ID"],
        number=found.get("Slot", 0),
        host=found.get("NodeID", ""),
        wanted=found["DesiredState"] in ("running", "ready", "complete"),
        state=status["State"],
        problem=status.get("Err", ""),
        image=container.get("Image", ""),
        version=container.get("Labels", {}).get("twofold.version", ""),
        addresses={
            each["Network"]["Spec"]["Name"]: each["Addresses"][0].partition("/")[0]
            for each in found.get("NetworksAttachments") or ()
            if each.get("Addresses")
        },
        since=status.get("Timestamp", ""),
    )
