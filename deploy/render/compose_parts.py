"""What stands beside the nodes in docker-compose.yml: stores, load and metrics."""

from ..deployment import Deployment
from ..limits import MIB
from .containers import (
    DATABASE,
    DATABASE_USER,
    POSTGRES_IMAGE,
    SECRETS_FOLDER,
    TLS_PORT,
    VISITORS_PORT,
    database_connections,
    limits,
)
from .stores import POSTGRES_TEST, REDIS_TEST, redis_start

LOCUST_IMAGE = "locustio/locust:2.47.0"
PROMETHEUS_IMAGE = "prom/prometheus:v3.5.0"


def redis() -> str:
    """Sessions, and whatever else the nodes share."""
    memory = 512 * MIB
    return f"""\
{redis_start(memory)}\
    volumes: ["redis:/data"]
    tmpfs: [/tmp]
    networks: [data]
    healthcheck:
      test: {REDIS_TEST}
      interval: 5s
      timeout: 3s
      start_period: 30s
    deploy:
      resources:
        limits: {limits(1.0, memory)}
"""


def postgres(deployment: Deployment) -> str:
    """The database."""
    return f"""\
  postgres:
    <<: *locked-down
    image: ${{POSTGRES_IMAGE:-{POSTGRES_IMAGE}}}
    user: postgres
    # For as many nodes as the balancer finds, as far as the memory goes.
    command: [postgres, -c, max_connections={database_connections(deployment)}]
    environment:
      POSTGRES_USER: {DATABASE_USER}
      POSTGRES_DB: {DATABASE}
      POSTGRES_PASSWORD_FILE: {SECRETS_FOLDER}/postgres_password
    secrets: [postgres_password]
    volumes: ["postgres:/var/lib/postgresql/data"]
    tmpfs: [/tmp, "/var/run/postgresql:mode=1777"]
    networks: [data]
    healthcheck:
      # By its address: the server that prepares a new database listens on none.
      test: {POSTGRES_TEST}
      interval: 5s
      timeout: 3s
      # The first start prepares the database.
      start_period: 120s
    # Time for a checkpoint.
    stop_grace_period: 60s
    deploy:
      resources:
        limits: {limits(1.0, 1024 * MIB)}
"""


def load_generator(deployment: Deployment) -> str:
    """Locust's master and its workers."""
    return f"""\
# Locust: one master, which has the web page, and workers, which make the traffic.
x-load-generator: &load-generator
  <<: *locked-down
  image: ${{LOCUST_IMAGE:-{LOCUST_IMAGE}}}
  profiles: [load]
  environment:
    LOCUST_LOCUSTFILE: /suite/locustfile.py
    LOCUST_HOST: {_inner_url(deployment)}
    LOCUST_EXPECT_WORKERS: ${{LOCUST_WORKERS:-2}}
  volumes: ["./${{LOCUSTFILE:-{deployment.containers.locustfile}}}:/suite/locustfile.py:ro"]
  tmpfs: [/tmp]
  networks: [front]
"""


def locust() -> str:
    """Both, as services."""
    share = limits(1.0, 512 * MIB)
    return f"""\
  locust:
    <<: *load-generator
    command: [--master]
    ports: ["127.0.0.1:${{LOCUST_PORT:-8089}}:8089"]
    depends_on:
      balancer: {{ condition: service_healthy }}
    deploy:
      resources:
        limits: {share}

  locust-worker:
    <<: *load-generator
    command: [--worker, --master-host, locust]
    depends_on: [locust]
    deploy:
      replicas: ${{LOCUST_WORKERS:-2}}
      resources:
        limits: {share}
"""


def prometheus() -> str:
    """What it scrapes is the balancer, which knows about every worker."""
    return f"""\
  prometheus:
    <<: *locked-down
    image: ${{PROMETHEUS_IMAGE:-{PROMETHEUS_IMAGE}}}
    profiles: [obs]
    configs:
      - source: prometheus
        target: /etc/prometheus/prometheus.yml
    ports: ["127.0.0.1:${{PROMETHEUS_PORT:-9090}}:9090"]
    volumes: ["prometheus:/prometheus"]
    networks: [front]
    depends_on: [balancer]
    healthcheck:
      test: [CMD, promtool, check, healthy]
      interval: 5s
      timeout: 3s
      start_period: 60s
    deploy:
      resources:
        limits: {limits(1.0, 512 * MIB)}
"""


def _inner_url(deployment: Deployment) -> str:
    if deployment.balancer.tls:
        return f"https://balancer:{TLS_PORT}"
    return f"http://balancer:{VISITORS_PORT}"
