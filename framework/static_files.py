"""Static files: served safely, compressed beforehand, and kept by browsers for good.

``url_for("static", filename="css/shop.css")`` is ``/static/css/shop.5e0c7a91d2b3f486.css``: the
name holds a hash of the content, so browsers need never ask again. ``docs/decisions`` says why.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from werkzeug.exceptions import HTTPException, NotFound, PreconditionFailed
from werkzeug.utils import send_file

from .content_types import content_type
from .suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping
    from io import BufferedReader
    from pathlib import Path

    from werkzeug.datastructures import Accept
    from werkzeug.wrappers import Response as WerkzeugResponse

    from ._typing import WSGIEnvironment
    from .wrappers import Request

logger = logging.getLogger(__name__)

IMMUTABLE = "public, max-age=31536000, immutable"
ENCODINGS = {".br": "br", ".zst": "zstd", ".gz": "gzip"}
"""Endings of compressed files that may stand beside a file, and what HTTP calls them."""

_HASHED = r"(.+)\.([0-9a-f]{16})(\.[^./]+)?"


class State(NamedTuple):
    """What tells one content of a path from another without reading it."""

    device: int
    inode: int
    modified: int
    size: int


class StaticFile(NamedTuple):
    """A file of a static folder as it was when it was last looked at."""

    name: str
    """Its path as of the folder."""
    path: str
    state: State
    content_hash: str
    hashed_name: str
    """The name with the hash in it, as URLs have it."""


class StaticFiles:
    """The view that serves the files of a folder and of those inside it.

    A URL whose hash is that of the file as it is may be kept for a year. With another, or none, the
    file is served all the same, and the browser has to ask again each time: while a new version of
    the site is rolled out, a page of one version finds its files on a node that has the other, and
    nothing is kept under a name that is not its own.

    Files and folders whose name starts with a dot are not served, ``.well-known`` excepted, nor
    is what a symbolic link leads to outside of the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, StaticFile] = {}
        self._reported: set[str] = set()

    def __call__(self, request: Request, filename: str) -> WerkzeugResponse:
        """Answer with the file, or part of it.

        ``NotFound`` for what is not in the folder, ``PreconditionFailed`` if the client wants
        another content, ``RequestedRangeNotSatisfiable`` if it wants what is behind the end.
        """
        found, named = self._requested(filename)
        if found is None:
            raise NotFound
        variants = self._variants(found)
        environ = request.environ
        if _asks_for_a_part(request):
            # Of the plain file: parts of it and of a variant do not go together.
            encoding = None
        else:
            encoding = _choose(request, variants, found)
            environ = {name: value for name, value in environ.items() if name != "HTTP_RANGE"}
        sent = found if encoding is None else variants[encoding]
        file = self._open(sent.name, sent.path)
        if file is None and encoding is not None:
            sent, encoding = found, None
            file = self._open(sent.name, sent.path)
        if file is None:
            raise NotFound
        response = self._send(request, environ, file, sent, found.name, named=named)
        response.headers["X-Content-Type-Options"] = "nosniff"
        if encoding is not None:
            response.headers["Content-Encoding"] = encoding
        if variants:
            response.vary.add("Accept-Encoding")
        return response

    def url_values(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return ``values`` for ``url_for`` with the hash in the file's name.

        A file that is missing or cannot be read is reported once, and its URL has no hash.
        """
        filename = str(values.get("filename", ""))
        found = self.find(filename)
        if found is None:
            self._report_missing(filename)
            return values
        return {**values, "filename": found.hashed_name}

    def find(self, filename: str) -> StaticFile | None:
        """Return the file of that name, without a hash in it; ``None`` if it is not served."""
        known = self._files.get(filename)
        if known is None and not _is_plain(filename):
            return None
        path = known.path if known else os.path.join(self.folder, filename)
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            # The latter for names that no file can have.
            return None
        if known is None or known.state != _state(status):
            if not os.path.isfile(path) or not self._is_inside(path):
                return None
            file = self._open(filename, path)
            if file is None:
                return None
            with file:
                state = _state(os.fstat(file.fileno()))
                digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8))
            content_hash = digest.hexdigest()
            hashed_name = with_hash(filename, content_hash)
            known = StaticFile(filename, path, state, content_hash, hashed_name)
            self._files[filename] = known
        return known

    def _open(self, filename: str, path: str) -> BufferedReader | None:
        """Open a file that was there a moment ago; ``None`` if it has gone.

        One that the process may not read is to visitors as if it were not there, like all that is
        not meant for them. The log has it once.
        """
        try:
            return open(path, "rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except PermissionError:
            if filename not in self._reported:
                self._reported.add(filename)
                logger.warning(
                    "The static file %s may not be read by this process, and leads to a 404.", path
                )
            return None

    def _send(
        self,
        request: Request,
        environ: WSGIEnvironment,
        file: BufferedReader,
        sent: StaticFile,
        name: str,
        *,
        named: bool,
    ) -> WerkzeugResponse:
        """Return the response with an open file, which another may have replaced meanwhile.

        Then what is known of it is not so any more, and nobody may keep it by that.
        """
        status = os.fstat(file.fileno())
        is_same = _state(status) == sent.state
        response = send_file(
            file,
            environ,
            mimetype=content_type(name),
            download_name=os.path.basename(name),
            conditional=False,
            etag=is_same and sent.content_hash,
            last_modified=status.st_mtime,
            response_class=request.app.response_class,
        )
        response.content_length = status.st_size
        try:
            if not is_same and not self._is_inside(sent.path):
                raise NotFound
            response.make_conditional(environ, accept_ranges=True, complete_length=status.st_size)
            if response.status_code == PreconditionFailed.code:
                # Werkzeug would send the file with it, for caches to keep.
                raise PreconditionFailed
        except HTTPException:
            response.close()
            raise
        response.headers["Cache-Control"] = IMMUTABLE if named and is_same else "no-cache"
        return response

    def _requested(self, filename: str) -> tuple[StaticFile | None, bool]:
        """Return the file a URL asks for, and whether the URL names its content."""
        found = self.find(filename)
        match = re.fullmatch(_HASHED, filename) if found is None else None
        if match is None:
            return found, False
        stem, content_hash, ending = match.groups("")
        found = self.find(stem + ending)
        return found, found is not None and found.content_hash == content_hash

    def _variants(self, found: StaticFile) -> dict[str, StaticFile]:
        """Return the compressed files beside a file, by their encoding.

        One that is older than the file was made from other content, and is not used.
        """
        variants = {}
        for ending, encoding in ENCODINGS.items():
            variant = self.find(found.name + ending)
            if variant is None:
                continue
            if variant.state.modified >= found.state.modified:
                variants[encoding] = variant
            elif variant.path not in self._reported:
                self._reported.add(variant.path)
                logger.warning(
                    "%s is older than what it was made from, and is not used. Compress it again.",
                    variant.path,
                )
        return variants

    def _is_inside(self, path: str) -> bool:
        folder = os.path.realpath(self.folder)
        return os.path.commonpath([folder, os.path.realpath(path)]) == folder

    def _report_missing(self, filename: str) -> None:
        if filename in self._reported:
            return
        self._reported.add(filename)
        names = [
            os.path.relpath(os.path.join(parent, name), self.folder)
            for parent, _, files in os.walk(self.folder)
            for name in files
        ]
        logger.warning(
            "There is no static file %r in %s.%s Its URL has no hash, and leads to a 404.",
            filename,
            self.folder,
            did_you_mean(filename, names),
        )


def _state(status: os.stat_result) -> State:
    return State(status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)


def with_hash(filename: str, content_hash: str) -> str:
    """Return ``shop.css`` as ``shop.0123456789abcdef.css``."""
    stem, _, ending = filename.rpartition(".")
    if not stem or "/" in ending:
        stem, ending = filename, ""
    return f"{stem}.{content_hash}{ending and '.' + ending}"


def _is_plain(filename: str) -> bool:
    """Whether a file of this name can be in the folder and is meant to be seen."""
    return "\\" not in filename and all(
        part and (not part.startswith(".") or part == ".well-known") for part in filename.split("/")
    )


def _asks_for_a_part(request: Request) -> bool:
    """Whether one part of a file is wanted: a ``GET`` with one range of bytes.

    Every other Range header has to be ignored, or may be (RFC 9110, section 14.2), where Werkzeug
    refuses it with 416, or answers ``HEAD`` with 206.
    """
    wanted = request.range if request.method == "GET" else None
    return wanted is not None and wanted.units == "bytes" and len(wanted.ranges) == 1


def _choose(request: Request, variants: Mapping[str, StaticFile], plain: StaticFile) -> str | None:
    """Return the encoding the client likes best, the smallest of several; ``None`` for none."""
    if not variants:
        return None
    accepted = request.accept_encodings
    candidates: list[tuple[float, int, str | None]] = [
        (-quality, variant.state.size, encoding)
        for encoding, variant in variants.items()
        if (quality := accepted.quality(encoding)) > 0
    ]
    candidates.append((-_identity_quality(accepted), plain.state.size, None))
    return min(candidates, key=lambda candidate: candidate[:2])[2]


def _identity_quality(accepted: Accept) -> float:
    """Return how much the client wants the plain file; the least it can where it does not say."""
    stated = accepted.find("identity")
    return float(accepted[stated][1]) if stated >= 0 else 0.0
