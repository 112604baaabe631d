"""What nodes and the migration are told: plain values, and where to read the secret ones."""

import re

from ...deployment import Deployment
from ..containers import SECRETS_FOLDER, node_environment, secrets_of
from ..yaml_text import quoted
from .text import indented

SECRET_NAME = re.compile(
    r"(^|_)(SECRET|SECRETS|PASSWORD|PASSWD|PASSPHRASE|TOKEN|CREDENTIALS|KEY|KEYS|DSN)(_|$)", re.I
)
SECRET_VALUE = re.compile(r"://[^/@\s]*:[^/@\s]+@")
"""A URL with a password."""


def container_environment(deployment: Deployment, secret: str) -> str:
    """The list `env` of a container; what looks like a secret is taken from `secret`."""
    own = node_environment(deployment)
    plain = {**plain_variables(deployment), **own}
    lines = [
        f"- {{ name: {quoted(name)}, value: {quoted(value)} }}" for name, value in plain.items()
    ]
    for name in secret_variables(deployment):
        key = f"{{ name: {quoted(secret)}, key: {quoted(name)} }}"
        lines.append(f"- {{ name: {quoted(name)}, valueFrom: {{ secretKeyRef: {key} }} }}")
    return "\n".join(lines)


def plain_variables(deployment: Deployment) -> dict[str, str]:
    """Those of [env] that anybody may read."""
    return {
        name: value
        for name, value in deployment.env.items()
        if not looks_secret(name, value) and not _comes_as_file(name, deployment)
    }


def secret_variables(deployment: Deployment) -> list[str]:
    """Those of [env] whose values must not stand in a file that people share."""
    return [
        name
        for name, value in deployment.env.items()
        if looks_secret(name, value) and not _comes_as_file(name, deployment)
    ]


def secret_keys(deployment: Deployment) -> list[str]:
    """Everything that the Secret must have."""
    return [*secrets_of(deployment), *secret_variables(deployment)]


def looks_secret(name: str, value: str) -> bool:
    """By its name, or because it is a URL with a password; a path to a secret is none itself."""
    if name.upper().endswith("_FILE"):
        return False
    return bool(SECRET_NAME.search(name) or SECRET_VALUE.search(value))


def _comes_as_file(name: str, deployment: Deployment) -> bool:
    """Whether the cluster's Secret has it already: a value given twice would be a contradiction."""
    return f"{name}_FILE" in secrets_of(deployment).values()


def secret_mount() -> str:
    return f"- {{ name: secrets, mountPath: {SECRETS_FOLDER}, readOnly: true }}"


def secret_volume(deployment: Deployment, secret: str) -> str:
    items = "\n".join(f"- {{ key: {name}, path: {name} }}" for name in secrets_of(deployment))
    return f"""\
- name: secrets
  secret:
    secretName: {quoted(secret)}
    defaultMode: 0440
    items:
      {indented(items, 6)}
"""
