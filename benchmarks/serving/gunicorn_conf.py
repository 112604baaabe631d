"""What `twofold serve` does for an app in each worker, for a gunicorn that is started plainly."""

from __future__ import annotations

from typing import Any


def post_worker_init(worker: Any) -> None:
    start_worker = getattr(worker.wsgi, "start_worker", None)
    if callable(start_worker):
        start_worker()
