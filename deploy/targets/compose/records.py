"""The versions of a deployment, kept in the engine itself: whoever asks there finds the same.

A record is a container that is never started. It holds on to its version's image, so that a
clean-up of images does not take what a rollback needs, and its labels say the rest.
"""

import json
from dataclasses import dataclass
from typing import Any

from ...deployment import Deployment
from ...docker.api import EngineApi
from ...docker.engine import Engine
from ...errors import EngineError
from ...versions import History

RECORD = "twofold.record"
TARGET = "twofold.target"
NUMBER = "twofold.number"
VERSION = "twofold.version"
NODES = "twofold.nodes"
DEPLOYMENT = "twofold.deployment"

KEPT = 5
"""Versions, of which the last is in service."""


@dataclass(frozen=True, slots=True)
class Record:
    """A version that is in service, was, or is being put into service."""

    container: str
    number: int
    image: str
    """Its id."""
    nodes: int
    """How many there were to be when it was written."""
    created: int
    """Seconds since the epoch."""
    deployment: Deployment

    @property
    def version(self) -> str:
        return self.deployment.version


class Records:
    """Those of one deployment."""

    def __init__(self, engine: Engine, api: EngineApi, name: str) -> None:
        self._engine = engine
        self._api = api
        self._name = name

    def all(self) -> list[Record]:
        """In order, the newest last."""
        found = self._api.containers(f"{RECORD}={self._name}", f"{TARGET}=compose")
        return sorted(map(_record, found), key=lambda record: record.number)

    def add(self, deployment: Deployment, image: str, nodes: int) -> Record:
        """Before the first node of the version is started."""
        before = self.all()
        number = before[-1].number + 1 if before else 1
        labels = {
            RECORD: self._name,
            TARGET: "compose",
            NUMBER: str(number),
            VERSION: deployment.version,
            NODES: str(nodes),
            DEPLOYMENT: json.dumps(deployment.to_json()),
        }
        options = [word for item in labels.items() for word in ("--label", "=".join(item))]
        name = f"{self._name}-twofold-version-{number}"
        self._engine.run("create", "--name", name, "--network", "none", *options, image, "true")
        return self.all()[-1]

    def remove(self, *records: Record) -> None:
        if records:
            ids = [record.container for record in records]
            self._engine.run("rm", "--force", "--volumes", *ids)

    def forget_old(self) -> None:
        """Keep the last KEPT; of the others the images go too, if nothing else is made of them."""
        old = self.all()[:-KEPT]
        self.remove(*old)
        for record in old:
            # Refused for an image that has a name of its own or is in use, which is right.
            self._engine.ask("image", "rm", record.image)


def history(records: list[Record]) -> History:
    """As the versions' labels are given out."""
    found = History(records[0].deployment)
    for record in records[1:]:
        found.rolled_to(record.deployment)
    return found


def deployments(api: EngineApi) -> list[str]:
    """The names of the deployments that the engine has records of."""
    found = api.containers(RECORD, f"{TARGET}=compose")
    return sorted({str(each["Labels"][RECORD]) for each in found})


def _record(container: dict[str, Any]) -> Record:
    labels = container["Labels"]
    try:
        return Record(
            container=container["Id"],
            number=int(labels[NUMBER]),
            image=container["ImageID"],
            nodes=int(labels[NODES]),
            created=container["Created"],
            deployment=Deployment.from_json(json.loads(labels[DEPLOYMENT])),
        )
    except (KeyError, ValueError, TypeError) as error:
        name = container["Names"][0].strip("/")
        raise EngineError(
            f"the container {name}, which keeps a version, was written by another release of "
            f"twofold ({error!r}); take it away with `docker rm {name}`: the deployment runs on, "
            "and the version can no longer be gone back to"
        ) from None
