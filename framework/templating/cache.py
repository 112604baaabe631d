"""Compiled templates kept in a folder, so that a worker that starts need not compile them again."""

from __future__ import annotations

import logging
import os
import stat
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2.bccache import Bucket, FileSystemBytecodeCache

from . import constant_messages, jinja_internals

if TYPE_CHECKING:
    import jinja2

logger = logging.getLogger(__name__)

_OPTIONS = (
    *("block_start_string", "block_end_string", "variable_start_string", "variable_end_string"),
    *("comment_start_string", "comment_end_string", "line_statement_prefix"),
    *("line_comment_prefix", "trim_blocks", "lstrip_blocks", "newline_sequence"),
    *("keep_trailing_newline", "optimized", "is_async"),
)
"""The options of an environment that change what a template is compiled to."""


class TemplateCache(FileSystemBytecodeCache):
    """Jinja's bytecode cache for a folder that versions and apps of several kinds may share.

    A file is found again only for the same template, Jinja, code generator and options. If nothing
    can be written that is reported once, and templates are compiled as without a cache.
    """

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        makers = (jinja_internals, constant_messages)
        code = b"".join(Path(str(module.__file__)).read_bytes() for module in makers)
        self._maker = (version("jinja2"), jinja_internals.__name__, blake2b(code).hexdigest())
        self._writable = True

    def get_bucket(
        self, environment: jinja2.Environment, name: str, filename: str | None, source: str
    ) -> Bucket:
        """Return the place of a compiled template, filled if it is there."""
        escape = environment.autoescape
        parts = (
            *(self._maker, environment.code_generator_class.__name__, name, filename),
            *(getattr(environment, option) for option in _OPTIONS),
            escape(name) if callable(escape) else escape,
            sorted(environment.extensions),
        )
        key = blake2b(repr(parts).encode(), digest_size=20).hexdigest()
        bucket = Bucket(environment, key, self.get_source_checksum(source))
        self.load_bytecode(bucket)
        return bucket

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill ``bucket``; a file that cannot be read, or is damaged, counts as missing."""
        try:
            super().load_bytecode(bucket)
        except Exception:  # pickle and marshal raise all kinds of errors
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write ``bucket``, if it can be written."""
        if not self._writable:
            return
        try:
            super().dump_bytecode(bucket)
        except OSError as error:
            self._writable = False
            _warn(self.directory, f"nothing can be written there: {error.strerror}")


def template_cache(folder: str | None) -> TemplateCache | None:
    """Return the cache in ``folder``, made if need be; ``None`` without one, or if it is unfit.

    What is in the folder is run as code, so no other user may be able to write there.
    """
    if folder is None:
        return None
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        status = os.stat(folder)
    except OSError as error:
        _warn(folder, f"it cannot be made: {error.strerror}")
        return None
    if status.st_uid not in {os.geteuid(), 0} or status.st_mode & stat.S_IWOTH:
        _warn(folder, "other users may write there, and what is in it is run as code")
        return None
    return TemplateCache(folder)


def _warn(folder: str, cause: str) -> None:
    logger.warning(
        "TEMPLATE_CACHE_FOLDER %r is not used: %s. Templates are compiled at each start. Name a"
        " folder that belongs to the user of the worker, and to no one else.",
        folder,
        cause,
    )
