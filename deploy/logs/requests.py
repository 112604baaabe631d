"""The log of requests: a line of JSON for each, written by HAProxy when the answer is complete.

Times are whole milliseconds, as HAProxy measures them, and -1 for what a request did not get to.
The line has the path without the query, where people put what nobody should read again.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# As HAProxy writes it if there is nothing to write.
NOTHING = "-"

# More than the longest line: six bytes for each of the path's, and the rest.
LONGEST_LINE = 8192
LONGEST_PATH = 1024

# What each name is in HAProxy's language. Only the path is the visitor's to choose: HAProxy lets no
# method through that is not a word, and no request id but one of the shape below.
FIELDS: dict[str, str] = {
    "time_ms": "%[date(0,ms)]",
    "request_id": '"%[var(txn.request_id)]"',
    "client": '"%ci"',
    "method": '"%HM"',
    "path": '"%[var(txn.path),json(utf8s)]"',
    "status": "%ST",
    "node": '"%[srv_name,field(1,-)]"',
    "slot": '"%[srv_name,field(2,-)]"',
    "queue_ms": "%Tw",
    "connect_ms": "%Tc",
    "response_ms": "%Tr",
    "total_ms": "%Ta",
    "retries": '"%rc"',
    "bytes": "%B",
    "termination": '"%ts"',
}

# The fields that are counted, of each whole line.
COUNTED = re.compile(
    rb'"status":(?P<status>-?\d+),"node":"(?P<node>[^"]*)","slot":"(?P<slot>[^"]*)",'
    rb'"queue_ms":(?P<queue>-?\d+),"connect_ms":-?\d+,"response_ms":-?\d+,'
    rb'"total_ms":(?P<total>-?\d+),"retries":"\+?(?P<retries>\d+)","bytes":(?P<bytes>\d+),'
    rb'"termination":"(?P<termination>..)"}\n'
)

# What a visitor's own id may be made of, to be taken over: it gets into logs, headers and shells.
REQUEST_ID = "[A-Za-z0-9._-]{8,64}"
HEADER = "X-Request-ID"


def request_id_rules() -> tuple[str, ...]:
    """Rules of HAProxy's that give each request an id, to the app and back to the visitor."""
    one = f"{{ req.fhdr_cnt({HEADER}) eq 1 }}"
    safe = f"{{ req.fhdr({HEADER}) -m reg ^{REQUEST_ID}$ }}"
    return (
        "# Each request has one id, for the app, for the logs and for the visitor.",
        "http-request set-var(txn.request_id) uuid()",
        f"http-request set-var(txn.request_id) req.fhdr({HEADER}) if {one} {safe}",
        f"http-request set-header {HEADER} %[var(txn.request_id)]",
        f"http-after-response set-header {HEADER} %[var(txn.request_id)]",
    )


def log_rules(fields: Mapping[str, str] = FIELDS) -> tuple[str, ...]:
    """Rules of HAProxy's that write the line to its stdout."""
    line = ",".join(f'"{name}":{value}' for name, value in fields.items())
    return (
        "# A line of JSON for each request.",
        f"log stdout len {LONGEST_LINE} format raw local0 info",
        # A browser opens connections ahead that it may never use.
        "option dontlognull",
        f"http-request set-var(txn.path) path,bytes(0,{LONGEST_PATH})",
        f"log-format '{{{line}}}'",
    )


@dataclass(frozen=True, slots=True)
class RequestLine:
    """One line, read."""

    values: dict[str, Any]

    @property
    def time(self) -> float:
        """When the answer was complete, seconds since the epoch."""
        return float(self.values["time_ms"]) / 1000

    @property
    def seconds(self) -> float:
        """From the first byte of the request to the last of the answer."""
        return float(self.values["total_ms"]) / 1000

    @property
    def status(self) -> str:
        """`503`; or `-1` if the visitor went away before there was one."""
        return str(self.values["status"])

    @property
    def text(self) -> str:
        """For people."""
        values = self.values
        place = NOTHING if values["node"] == NOTHING else f"{values['node']}-{values['slot']}"
        return (
            f"{self.status} {place} {values['total_ms']} ms (queue {values['queue_ms']}) "
            f"{values['method']} {values['path']} {values['client']} {values['request_id']}"
            f"{''.join(self._remarks())}"
        )

    def _remarks(self) -> Iterator[str]:
        retries = str(self.values["retries"]).lstrip("+")
        if retries != "0":
            yield f" retries {retries}"
        if self.values["termination"] != "--":
            yield f" termination {self.values['termination']}"


def read_line(text: str) -> RequestLine | None:
    """None if it is none of ours: HAProxy tells of its own start and end in the same file."""
    try:
        values = json.loads(text)
    except ValueError:
        return None
    if isinstance(values, dict) and FIELDS.keys() <= values.keys():
        return RequestLine(values)
    return None
