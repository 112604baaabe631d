"""YAML as text: documents are templates that can be read, and only values need care."""

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ...deployment import Deployment
from ..yaml_text import quoted

PART = "app.kubernetes.io"


def indented(text: str, columns: int) -> str:
    """Each line but the first so far to the right: for a value that stands in a template."""
    return textwrap.indent(text.strip("\n"), " " * columns).lstrip(" ")


def listed(items: Iterable[str]) -> str:
    """A list on one line."""
    return f"[{', '.join(map(quoted, items))}]"


@dataclass(frozen=True, slots=True)
class Component:
    """One of the deployment's parts: its name in the cluster, and the labels that find it."""

    deployment: Deployment
    part: str
    """web, balancer or migrate."""

    @property
    def name(self) -> str:
        return f"{self.deployment.name}-{self.part}"

    @property
    def selector(self) -> Mapping[str, str]:
        """These never change: a Deployment could not be updated with others."""
        return {f"{PART}/name": self.deployment.name, f"{PART}/component": self.part}

    @property
    def labels(self) -> str:
        return mapping({**self.selector, f"{PART}/managed-by": "twofold"})

    @property
    def selected(self) -> str:
        return mapping(self.selector)


def mapping(values: Mapping[str, str]) -> str:
    return "\n".join(f"{key}: {quoted(value)}" for key, value in values.items())
