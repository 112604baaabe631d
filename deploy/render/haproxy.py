"""HAProxy's configuration: one server a slot, a queue with a deadline, retries where safe."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from ..deployment import Balancer, Deployment, Node, Slot
from .visitors import REQUEST_PATIENCE, frontend, global_lines, quoted

BACKEND = "web"

CHECK_INTERVAL_MS = 2000
FAST_CHECK_INTERVAL_MS = 500

# So often half of the idle connections that a slot does not need are closed: a worker that has a
# successor waits for the last of its own.
PURGE_INTERVAL_MS = 1000

# Seconds until a stopping balancer closes the connections that are left.
HARD_STOP = 30

BUSY = "All workers are busy; please try again."


def render_haproxy(
    deployment: Deployment,
    nodes: Iterable[Node],
    *,
    runtime_socket: Path,
    source: str | None = None,
    listeners: Sequence[int] = (),
    certificate: Path | None = None,
) -> str:
    """The file for these nodes in rotation.

    `source` is the address that the balancer connects from; `runtime_socket` takes commands and
    answers with counters. `listeners` are inherited file descriptors on which visitors connect, the
    one of plain http behind that of https; without them the balancer binds the addresses itself.
    `certificate` is a PEM file with the key in it.
    """
    servers = (
        f"server {slot.name} {slot.address} {server_options(slot)}"
        for node in nodes
        for slot in node.slots
    )
    sections = (
        global_section(
            deployment.balancer, socket=f"{quoted(str(runtime_socket))} mode 600 level admin"
        ),
        defaults(deployment),
        frontend(
            deployment.balancer,
            BACKEND,
            places=[f"fd@{listener}" for listener in listeners],
            certificate=certificate,
            log_requests=deployment.logs.requests or deployment.metrics.bind is not None,
        ),
        backend(deployment, servers, source=source),
    )
    return "\n".join(sections)


def server_options(slot: Slot) -> str:
    """The words after a server's address, for the file and for `add server` alike."""
    return slot_options(slot.maxconn, check_interval=CHECK_INTERVAL_MS)


def slot_options(maxconn: int, *, check_interval: int) -> str:
    """The words after the address of a slot that serves `maxconn` requests at once.

    `check_interval` is in milliseconds.
    """
    # observe: the first refused connection takes the slot out of rotation, without waiting for
    # the next check; else the dead slot, which has the least connections, would draw every request.
    # Never `on-marked-down shutdown-sessions`: a check waits behind the request of a busy sync
    # worker, so a slot may be marked down while it still serves.
    return (
        f"check inter {check_interval} fastinter {FAST_CHECK_INTERVAL_MS} "
        f"downinter {FAST_CHECK_INTERVAL_MS} rise 1 fall 2 "
        f"maxconn {maxconn} pool-purge-delay {PURGE_INTERVAL_MS} "
        "observe layer4 error-limit 1 on-error mark-down"
    )


def global_section(balancer: Balancer, *, socket: str) -> str:
    """For the whole process, which takes commands on `socket`."""
    return f"""\
global
    stats socket {socket}
    # One thread carries more than the workers of a machine, and keeps shares and queue exact.
    nbthread 1
    # Where the limit on open files is huge, HAProxy would take memory for all of them.
    fd-hard-limit 20000
    hard-stop-after {_ms(HARD_STOP)}
{global_lines(balancer)}"""


def defaults(deployment: Deployment) -> str:
    """How long everything may take."""
    balancer = deployment.balancer
    return f"""\
defaults
    mode http
    timeout connect {_ms(5)}
    # Headers must come in this time: a slow visitor holds no worker.
    timeout http-request {_ms(REQUEST_PATIENCE)}
    timeout client {_ms(max(30, balancer.request_timeout))}
    timeout http-keep-alive {_ms(60)}
    timeout server {_ms(balancer.request_timeout)}
    timeout queue {_ms(balancer.queue_timeout)}
    # As long as the longest request, which the check waits behind in a worker that serves one
    # at a time.
    timeout check {_ms(balancer.request_timeout)}
"""


def backend(deployment: Deployment, servers: Iterable[str], *, source: str | None = None) -> str:
    """How requests are spread over `servers`, each a line of HAProxy's."""
    own_address = f"    source {source}\n" if source else ""
    lines = "".join(f"    {server}\n" for server in servers)
    return f"""\
backend {BACKEND}
{own_address}    # The slot with the fewest requests, in turn among equals. Beyond maxconn requests
    # wait here, not in a worker, and the next worker that is free takes them.
    balance leastconn
    http-reuse safe
    # A visitor who has gone away needs no answer.
    option abortonclose
    # A connection that was never made can be made elsewhere, whatever the method. A request that
    # reached a worker is sent again only if sending it twice does no harm.
    option redispatch 1
    retries 5
    # Nothing is sent again because it took too long: a slow page would be run on every node.
    retry-on conn-failure empty-response
    http-request disable-l7-retry unless {{ method GET HEAD OPTIONS }}
    http-error status 503 content-type text/plain string "{BUSY}\\n" hdr Retry-After 1
    option httpchk
    http-check send meth GET uri {deployment.readiness_path} ver HTTP/1.1 hdr Host localhost
    # An app without a readiness page answers 404, which proves a worker that serves.
    http-check expect status 100-499
{lines}"""


def _ms(seconds: float) -> int:
    """HAProxy's plain numbers are milliseconds."""
    return max(1, round(seconds * 1000))


def server_line(slot: Slot) -> str:
    """The arguments of `add server`."""
    return f"{BACKEND}/{slot.name} {slot.address} {server_options(slot)}"
