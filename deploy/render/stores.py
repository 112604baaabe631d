"""What the containers of Redis and PostgreSQL have in common in Compose and in a Swarm."""

import math

from ..limits import MIB
from .containers import DATABASE, DATABASE_USER, REDIS_IMAGE, REDIS_SHARE, SECRETS_FOLDER
from .yaml_text import flow

REDIS_TEST = (
    f'["CMD-SHELL", "REDISCLI_AUTH=$$(cat {SECRETS_FOLDER}/redis_password) redis-cli -e ping"]'
)
POSTGRES_TEST = flow(
    (
        *("CMD", "pg_isready", "--quiet", "--host", "127.0.0.1"),
        *("--username", DATABASE_USER, "--dbname", DATABASE),
    )
)


def redis_start(memory: int) -> str:
    """The service's first lines, with its command; `memory` in bytes is the container's."""
    return f"""\
  redis:
    <<: *locked-down
    image: ${{REDIS_IMAGE:-{REDIS_IMAGE}}}
    user: redis
    # Sessions are not a cache: when memory is full, a write fails and no visitor is logged out.
    command:
      - sh
      - -c
      - |
        exec redis-server - --appendonly yes --save '' \\
          --maxmemory {math.floor(memory * REDIS_SHARE / MIB)}mb --maxmemory-policy noeviction <<END
        requirepass $$(cat {SECRETS_FOLDER}/redis_password)
        END
    secrets: [redis_password]
"""
