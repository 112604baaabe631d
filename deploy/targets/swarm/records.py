"""What a deployment remembers: a record of each version, in Swarm's own configs and secrets.

A config or a secret never changes; another text is another name. So a version keeps what it was
started with, and going back to it needs nothing of the machine that started it.
"""

import base64
import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from ...deployment import Deployment
from ...docker.engine import Engine
from ...errors import EngineError, StartError
from ...render.containers import CERTIFICATE, CERTIFICATE_KEY
from ...render.secrets import new_secrets
from ...render.swarm import stack_secrets
from ...render.swarm_services import (
    DEPLOYMENT_LABEL,
    RECORD_LABEL,
    SECRET_LABEL,
    SECRET_VARIABLES,
    VERSION_LABEL,
)
from .cluster import Cluster


@dataclass(frozen=True, slots=True)
class Record:
    """A version as it was put into service."""

    deployment: Deployment
    image: str
    """With a digest, or an id."""
    secrets: Mapping[str, str]
    """Swarm's name of each, by ours."""
    previous: str | None = None
    """The name of the record before it; None: it was the first."""
    rolls: int = 0
    """How many there have been."""
    kept_as: str = ""
    """The name of the config that it was read from: another release may write it otherwise."""

    @property
    def text(self) -> str:
        values = {
            "deployment": _without_secrets(self.deployment).to_json(),
            "image": self.image,
            "secrets": dict(self.secrets),
            "previous": self.previous,
            "rolls": self.rolls,
        }
        return json.dumps(values)

    @property
    def name(self) -> str:
        """Of the config that it is kept in."""
        return self.kept_as or _named(self.deployment.name, "version", self.text)

    @classmethod
    def from_text(cls, text: str, name: str) -> Self:
        values = json.loads(text)
        deployment = Deployment.from_json(values["deployment"])
        return cls(**{**values, "deployment": deployment, "kept_as": name})


class Records:
    """The records of one deployment, and the secrets that they name."""

    def __init__(self, cluster: Cluster, deployment: str) -> None:
        self._cluster = cluster
        self._engine = cluster.engine
        self._deployment = deployment

    def load(self, name: str) -> Record:
        """:raises EngineError: it was removed."""
        text = self._cluster.config(name)
        if text is None:
            raise EngineError(
                f"the config {name}, which says what {self._deployment} is made of, is gone from "
                "the Swarm; `twofold down` and `twofold up` make it anew"
            )
        try:
            return Record.from_text(text, name)
        except (KeyError, TypeError, ValueError) as error:
            raise EngineError(
                f"the config {name}, which says what {self._deployment} is made of, was written by "
                f"another release of twofold ({error!r}); `twofold down` works, and `twofold up` "
                "makes it anew"
            ) from None

    def keep(self, record: Record) -> None:
        labels = (
            *("--label", f"{DEPLOYMENT_LABEL}={self._deployment}"),
            *("--label", f"{VERSION_LABEL}={record.deployment.version}"),
        )
        _create(self._engine, "config", record.name, record.text, labels)

    def known_secrets(self) -> dict[str, str]:
        """Those that an earlier stack of this name has left, for what its volumes keep."""
        found = self._cluster.labelled("secrets", f"{DEPLOYMENT_LABEL}={self._deployment}")
        return {labels.get(SECRET_LABEL, ""): name for name, labels in found.items()}

    def keep_secrets(self, deployment: Deployment, known: Mapping[str, str]) -> dict[str, str]:
        """See that Swarm has every secret; returns its names. Those that are `known` stay.

        :raises StartError: one is the user's to give, and is not given.
        """
        texts = _given_secrets(deployment)
        made = new_secrets(deployment)
        names = {}
        for secret in stack_secrets(deployment):
            text = texts.get(secret)
            if text is None and secret in known:
                names[secret] = known[secret]
                continue
            variable = SECRET_VARIABLES.get(secret, secret.upper())
            text = text or made.get(secret) or os.environ.get(variable)
            if text is None:
                raise StartError(
                    f"the secret {secret} is missing: it leads to a server of your own. Set "
                    f"{variable} in the environment of this command or under [env]"
                )
            names[secret] = _named(deployment.name, secret, text)
            labels = (
                *("--label", f"{DEPLOYMENT_LABEL}={deployment.name}"),
                *("--label", f"{SECRET_LABEL}={secret}"),
            )
            _create(self._engine, "secret", names[secret], text, labels)
        return names

    def forget_all_but(self, kept: Record) -> None:
        """Remove what neither this version nor the one before it needs."""
        needed = {kept.name, *kept.secrets.values()}
        if kept.previous:
            needed |= {kept.previous, *self.load(kept.previous).secrets.values()}
        self._remove(("configs", "secrets"), needed)

    def forget(self, *, secrets: bool) -> None:
        """Remove everything; without the `secrets`, what the volumes keep could not be opened."""
        self._remove(("configs", "secrets") if secrets else ("configs",), ())

    def _remove(self, kinds: Iterable[str], needed: Collection[str]) -> None:
        label = f"{DEPLOYMENT_LABEL}={self._deployment}"
        for kind in kinds:
            for name in self._cluster.labelled(kind, label):
                # The balancers' file, which a service still holds, is refused, and rightly.
                if name not in needed:
                    self._engine.ask(kind.removesuffix("s"), "rm", name)


def _without_secrets(deployment: Deployment) -> Deployment:
    # Whoever may ask the manager can read a config, and no one a secret.
    def open_ones(env: Mapping[str, str]) -> dict[str, str]:
        secret = SECRET_VARIABLES.values()
        return {name: text for name, text in env.items() if name not in secret}

    given = dict(deployment.given)
    if given.get("env"):
        given["env"] = open_ones(given["env"]) or None
    given.pop("redis_url", None)
    return replace(deployment, redis_url=None, env=open_ones(deployment.env), given=given)


def _create(engine: Engine, kind: str, name: str, text: str, labels: tuple[str, ...]) -> None:
    answer = engine.ask(kind, "create", *labels, name, "-", given=text)
    # Of this name there is only this text.
    if answer.returncode and "already exists" not in answer.stderr:
        raise EngineError(f"Swarm does not keep the {kind} {name}:\n  {answer.stderr.strip()}")


def _given_secrets(deployment: Deployment) -> dict[str, str]:
    """What the user has written elsewhere."""
    texts = {}
    if deployment.redis_url and not deployment.containers.redis:
        texts["redis_url"] = deployment.redis_url
    for secret, variable in SECRET_VARIABLES.items():
        if variable in deployment.env:
            texts[secret] = deployment.env[variable]
    tls = deployment.balancer.tls
    if tls:
        texts[CERTIFICATE] = _file(tls.certificate)
        if tls.key:
            texts[CERTIFICATE_KEY] = _file(tls.key)
    return texts


def _file(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"{path} (balancer.tls) cannot be read: {error}") from None


def _named(deployment: str, what: str, text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    short = base64.b32encode(digest[:10]).decode().lower()
    # Swarm takes 64 characters, a deployment's name has up to 32.
    return f"{deployment}_{what}_{short}"[:64]


def record_of(service: Mapping[str, Any]) -> str:
    """The name of the record that a service of nodes was made of."""
    return str(service["Spec"]["Labels"].get(RECORD_LABEL, ""))
