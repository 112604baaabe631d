"""The content type of a file by its name, the same on every server."""

from __future__ import annotations

import functools
import mimetypes
import os

_TYPES = {
    **dict.fromkeys((".js", ".mjs"), "text/javascript"),
    ".md": "text/markdown",
    ".map": "application/json",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
    ".avif": "image/avif",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".ttf": "font/ttf",
    ".otf": "font/otf",
    ".zst": "application/zstd",
}
"""Types that the standard library lacks, or has otherwise, in one of its versions."""


@functools.cache
def _standard_types() -> mimetypes.MimeTypes:
    # Without the types the operating system knows, which differ from one server to the next.
    return mimetypes.MimeTypes()


def content_type(filename: str) -> str:
    """Return the type of a file by its name; one that is compressed is not unpacked."""
    ending = os.path.splitext(filename)[1].lower()
    if ending in _TYPES:
        return _TYPES[ending]
    kind, compression = _standard_types().guess_type(f"file{ending}")
    if compression is not None:
        return "application/gzip" if compression == "gzip" else "application/octet-stream"
    return kind or "application/octet-stream"
