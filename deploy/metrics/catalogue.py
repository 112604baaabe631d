"""Every metric there is."""

from .exposition import Family

PREFIX = "twofold_"


def _gauge(name: str, help: str, *labels: str) -> Family:
    return Family(PREFIX + name, "gauge", help, labels)


def _counter(name: str, help: str, *labels: str) -> Family:
    return Family(f"{PREFIX}{name}_total", "counter", help, labels)


def _histogram(name: str, help: str, *labels: str) -> Family:
    return Family(PREFIX + name, "histogram", help, labels)


DEPLOYMENT_INFO = _gauge(
    "deployment_info",
    "Always 1; what runs, and the version that the last finished roll put into service.",
    *("name", "app", "profile", "version"),
)
NODE_INFO = _gauge("node_info", "Always 1; which version a node runs.", "node", "version")
NODES = _gauge("nodes", "Nodes by what they are doing.", "state")
SLOTS = _gauge("slots", "Slots, each a worker, by what they are doing.", "state")

SATURATION = _gauge(
    "saturation_ratio",
    "Requests being served or waiting, divided by the requests that the slots in rotation serve at "
    "once. Above 1, requests wait. Missing while no slot is in rotation.",
)
CAPACITY = _gauge("capacity_requests", "Requests that the slots in rotation serve at once.")
IN_FLIGHT = _gauge("in_flight_requests", "Requests being served or waiting.")
QUEUED = _gauge("queued_requests", "Requests waiting in the balancer for a free worker.")
SLOT_IN_FLIGHT = _gauge(
    "slot_in_flight_requests", "Requests a worker is serving: busy threads.", "node", "slot"
)
SLOT_CAPACITY = _gauge(
    "slot_capacity_requests", "Requests a worker serves at once.", "node", "slot"
)

REQUESTS = _counter(
    "requests",
    "Requests, by the status of the answer; -1 if the visitor went away before there was one. Node "
    "and slot are - for answers of the balancer's own.",
    *("node", "slot", "code"),
)
RESPONSE_BYTES = _counter(
    "response_bytes", "Bytes sent to visitors, headers included.", "node", "slot"
)
DURATION = _histogram(
    "request_duration_seconds",
    "From the first byte of a request to the last of its answer, waiting included.",
    "node",
)
QUEUE_DURATION = _histogram(
    "queue_duration_seconds", "How long requests waited in the balancer for a free worker."
)
QUEUE_TIMEOUTS = _counter(
    "queue_timeouts", "Requests answered 503 because no worker was free in time."
)
RETRIES = _counter("retries", "Times that a request was sent to a worker once more.")
ABORTED = _counter("aborted_requests", "Requests whose visitor went away before their end.")

BALANCER_UP = _gauge("balancer_up", "1 if the balancer answers, else 0.")
RESTARTS = _counter(
    "restarts", "Times that a node, the balancer or the store died and was started again.", "part"
)
CPU = _counter(
    "cpu_seconds",
    "CPU time of nodes with their workers, of the balancer, and of the store if it was started "
    "with the deployment.",
    "part",
)
CHANGES = _counter(
    "changes", "Rolls, rollbacks and scalings, by how they ended.", "command", "outcome"
)
CHANGE_IN_PROGRESS = _gauge("change_in_progress", "1 while a change is under way, else 0.")
LOST_LOG_LINES = _counter(
    "lost_log_lines", "Lines that could not be written, as on a full disk.", "part"
)

FAMILIES = (
    DEPLOYMENT_INFO,
    NODE_INFO,
    NODES,
    SLOTS,
    SATURATION,
    CAPACITY,
    IN_FLIGHT,
    QUEUED,
    SLOT_IN_FLIGHT,
    SLOT_CAPACITY,
    REQUESTS,
    RESPONSE_BYTES,
    DURATION,
    QUEUE_DURATION,
    QUEUE_TIMEOUTS,
    RETRIES,
    ABORTED,
    BALANCER_UP,
    RESTARTS,
    CPU,
    CHANGES,
    CHANGE_IN_PROGRESS,
    LOST_LOG_LINES,
)


def reference() -> str:
    """A table in Markdown."""
    rows = [
        f"| `{family.name}` | {family.type} | {_names(family.labels)} | {family.help} |"
        for family in FAMILIES
    ]
    return "\n".join(["| metric | type | labels | meaning |", "| --- | --- | --- | --- |", *rows])


def _names(labels: tuple[str, ...]) -> str:
    return ", ".join(f"`{label}`" for label in labels)
