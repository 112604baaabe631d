"""How large and how slow a request may be."""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What a request may be at most. Sizes are in bytes.

    The balancer refuses more, and what gunicorn and HAProxy must hold is derived from these.
    """

    max_url: int = 8000
    """Path and query. As much as every server should take (RFC 9110, section 4.1)."""
    max_headers: int = 100
    max_header_bytes: int = 16 * KIB
    """Names and values together."""
    max_body: int = 16 * MIB
    min_upload_rate: int = 4 * KIB
    """Bytes a second: a body that is slower is given up after some seconds."""


DEFAULT_LIMITS = RequestLimits()

# What a node answers while a body is still on its way, and the header that tells the balancer so.
REFUSED_HEADER = "X-Body-Refused"
REFUSALS = {408: "The body came too slowly.", 413: "The body is too large."}
