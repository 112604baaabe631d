"""What the environment lacks for development on this machine."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from .target import add_project_environment

if TYPE_CHECKING:
    from collections.abc import MutableMapping


def prepare_environment(environ: MutableMapping[str, str] | None = None) -> None:
    """Turn debug mode on and let sessions work over plain http.

    What the environment says already is left alone; what ``twofold.toml`` says for the nodes
    about these settings is meant for production. A secret key that is made here ends with the
    command, and child processes inherit it, so a reload logs nobody out.
    """
    environ = os.environ if environ is None else environ
    environ.setdefault("DEBUG", "true")
    environ.setdefault("SESSION_COOKIE_SECURE", "false")
    add_project_environment(environ)
    if "SECRET_KEY_FILE" not in environ:
        environ.setdefault("SECRET_KEY", secrets.token_urlsafe(32))
