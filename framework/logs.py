"""Log records that tell which request they belong to, as text or as a JSON object a line.

Nothing happens per request: who asks is looked up when something is logged. The id is that of the
header ``X-Request-ID``, which the balancer makes; the names of the node and of its slot come from
the environment.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime

from .context import request_variable

REQUEST_ID = "HTTP_X_REQUEST_ID"
NODE = "TWOFOLD_NODE"
SLOT = "TWOFOLD_SLOT"

TEXT = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"


class RequestFilter(logging.Filter):
    """Gives each record ``request_id``, ``node`` and ``slot``; ``-`` where there is none."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = request_variable.get(None)
        record.request_id = "-" if request is None else request.environ.get(REQUEST_ID, "-")
        record.node = os.environ.get(NODE, "-")
        record.slot = os.environ.get(SLOT, "-")
        return True


class JSONFormatter(logging.Formatter):
    """One line a record, tracebacks included; for records that went through the filter."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC)
        values = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: vars(record)[name] for name in ("request_id", "node", "slot")},
        }
        if record.exc_info:
            values["exception"] = self.formatException(record.exc_info)
        return json.dumps(values, ensure_ascii=False)


def set_up_logging(form: str, level: str) -> None:
    """Write the records of all loggers to stderr, unless the app has set that up itself.

    ``form`` is ``text`` or ``json``.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(RequestFilter())
    handler.setFormatter(JSONFormatter() if form == "json" else logging.Formatter(TEXT))
    logging.basicConfig(handlers=[handler], level=level.upper())
