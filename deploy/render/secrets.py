"""What a deployment in containers keeps secret: made here, or by a script for a first start."""

import secrets
from collections.abc import Mapping

from ..deployment import Deployment
from .containers import DATABASE, DATABASE_USER, has_postgres, secrets_of

# The file .env of Compose, which names the folder.
FOLDER_VARIABLE = "SECRETS"
SCRIPT = "docker/make-secrets"

HEAD = """\
#!/bin/sh
# Makes what docker-compose.yml keeps secret, once: files in the folder `secrets` beside it, and a
# line in .env that says where they are. A file that is there stays as it is.
set -eu
cd "$(dirname "$0")/.."
umask 077
mkdir -p secrets

random() { od -An -N 32 -t x1 /dev/urandom | tr -d ' \\n'; }
keep() { [ -s "secrets/$1" ] || printf %s "$2" >"secrets/$1"; }
"""
TAIL = """\
# The users in the containers must be able to read them; the folder keeps everybody else out.
chmod 644 secrets/*
grep -qs '^SECRETS=' .env || {
    # A last line that was not ended stays one of its own.
    [ -z "$(tail -c 1 .env 2>/dev/null)" ] || echo >>.env
    echo 'SECRETS=./secrets' >>.env
}
"""


def secret_names(deployment: Deployment) -> tuple[str, ...]:
    """Every secret's name, in the order in which they are made."""
    return tuple(_recipes(deployment))


def new_secrets(deployment: Deployment) -> dict[str, str]:
    """A text for each secret. What leads elsewhere, to a Redis of your own, is left out."""
    made: dict[str, str] = {}
    for name, recipe in _recipes(deployment).items():
        if recipe == "":
            made[name] = secrets.token_hex(32)
        elif recipe:
            made[name] = recipe.format_map(made)
    return made


def render_secrets(deployment: Deployment) -> str:
    """The script that makes them, for a machine that has nothing but a shell."""
    return HEAD + "".join(map(_line, _recipes(deployment).items())) + TAIL


def _recipes(deployment: Deployment) -> Mapping[str, str | None]:
    """ "": at random; None: yours to write; else made of those before it."""
    needed = secrets_of(deployment)
    recipes: dict[str, str | None] = {"secret_key": ""}
    if deployment.containers.redis:
        recipes["redis_password"] = ""
        recipes["redis_url"] = "redis://:{redis_password}@redis:6379/0"
    else:
        recipes["redis_url"] = None
    if has_postgres(deployment):
        recipes["postgres_password"] = ""
        recipes["database_url"] = (
            f"postgresql://{DATABASE_USER}:{{postgres_password}}@postgres:5432/{DATABASE}"
        )
    elif "database_url" in needed:
        recipes["database_url"] = None
    return recipes


def _line(recipe: tuple[str, str | None]) -> str:
    name, text = recipe
    if text is None:
        complaint = f"write your own into secrets/{name}, then run this again"
        return f'[ -s secrets/{name} ] || {{ echo "$0: {complaint}" >&2; exit 1; }}\n'
    if text == "":
        return f'keep {name} "$(random)"\n'
    for other in ("redis_password", "postgres_password"):
        text = text.replace(f"{{{other}}}", f"$(cat secrets/{other})")
    return f'keep {name} "{text}"\n'
