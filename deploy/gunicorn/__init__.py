"""What runs inside a node: the file gunicorn loads, its hooks, and the entry module."""

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..limits import DEFAULT_LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..profiles import Setting

# JSON of the node's settings. An environment variable, because gunicorn ranks a configuration
# file below GUNICORN_CMD_ARGS, so that users keep the last word, and a command line above it.
SETTINGS_VARIABLE = "TWOFOLD_GUNICORN"

GREENLET_WORKERS = frozenset({"gevent", "deploy.gunicorn.workers.greenlets.GreenletWorker"})


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """What a node is told that is not a setting of gunicorn's."""

    drain: float = 0.0
    """Seconds between leaving rotation and stopping."""
    readiness_path: str = "/readyz"
    """The page that tells of it."""
    shared_listener: bool = False
    """Whether all workers accept from one address, because the balancer can see only one."""
    supervised: bool = False
    """Whether a supervisor started this and would take a second master for a stranger."""
    max_body: int = DEFAULT_LIMITS.max_body
    """The largest request body, in bytes."""
    min_upload_rate: int = DEFAULT_LIMITS.min_upload_rate
    """The slowest body, in bytes a second."""


def settings_environment(settings: "Iterable[Setting]", options: NodeOptions) -> dict[str, str]:
    """The variable that hands its settings to a node."""
    values = {setting.name: setting.value for setting in settings}
    return {SETTINGS_VARIABLE: json.dumps({"gunicorn": values, "node": asdict(options)})}


def read_settings() -> dict[str, Any]:
    """gunicorn's settings that this node was handed."""
    settings: dict[str, Any] = _read().get("gunicorn", {})
    return settings


def read_options() -> NodeOptions:
    return NodeOptions(**_read().get("node", {}))


def _read() -> dict[str, Any]:
    handed: dict[str, Any] = json.loads(os.environ.get(SETTINGS_VARIABLE, "{}"))
    return handed
