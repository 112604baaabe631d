"""An app that counts each POST by its id, in the Redis of all nodes; GET says who answers."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import redis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

if "BROKEN" in os.environ:
    raise RuntimeError("this version is broken on purpose")

STORE = redis.Redis.from_url(Path(os.environ["REDIS_URL_FILE"]).read_text())


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/wait":
        time.sleep(0.25)
    if environ["REQUEST_METHOD"] == "POST":
        body = str(STORE.hincrby("posts", environ["QUERY_STRING"], 1))
    else:
        body = f"{socket.gethostname()} {os.environ['TWOFOLD_VERSION']}"
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body.encode()]
