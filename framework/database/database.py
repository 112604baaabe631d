"""Database: the engine of an app and the sessions on it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from . import forks, sqlite
from .engines import make_engine
from .exceptions import DatabaseConfigError
from .failures import http_error
from .session import SAFE_METHODS, DatabaseSession
from .urls import read_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

    from sqlalchemy import URL, Engine
    from werkzeug.exceptions import HTTPException

    from ..config import Config
    from ..wrappers import Request
    from .replicas import Replicas

_NAMES = {"default": "DATABASE_URL is not set, so the default", "code": "database_url"}
"""What a message calls a setting that comes from neither a variable nor a file."""


class Database:
    """The database of an app; connects when it is first used.

    To change how it works, subclass it, and return one from ``App.make_database``.
    """

    session_class: type[DatabaseSession] = DatabaseSession

    def __init__(
        self,
        url: str,
        *,
        origin: str = "The database",
        pool_size: int = 5,
        pool_timeout: float = 5.0,
        replica_urls: Sequence[str] = (),
        secure_cookies: bool = True,
    ) -> None:
        self.url: URL = read_url(url, origin)
        self.origin = origin
        """The setting that the URL comes from."""
        self.pool_size = pool_size
        self.pool_timeout = pool_timeout
        self.engines: list[Engine] = []
        """Those that were made: that of the database, and those of replicas."""
        self.replicas: Replicas | None = None
        if replica_urls:
            from .replicas import Replicas
            from .replicated import with_replicas

            self.replicas = Replicas(self, replica_urls, secure_cookies=secure_cookies)
            self.session_class = with_replicas(self.session_class)
        self._engine: Engine | None = None
        self._reading_engine: Engine | None = None
        self._lock = threading.Lock()

    @classmethod
    def from_config(cls, config: Config, name: str) -> Self:
        """Return the database that the settings name; connects to nothing.

        Without one it is the SQLite file ``name.db`` in the current folder.
        """
        origin = config.origin("database_url")
        return cls(
            config.database_url or f"sqlite:///{name}.db",
            origin=_NAMES.get(origin, origin),
            pool_size=config.database_pool_size or config.worker_concurrency,
            pool_timeout=config.database_pool_timeout,
            replica_urls=config.database_replica_urls,
            secure_cookies=config.session_cookie_secure,
        )

    def make_engine(self, url: URL, **options: Any) -> Engine:
        """Return an engine for a URL; ``options`` are those of SQLAlchemy's ``create_engine``.

        To be overridden: ``super().make_engine(url, echo=True, **options)``.
        """
        return make_engine(url, pool_size=self.pool_size, pool_timeout=self.pool_timeout, **options)

    def open_engine(self, url: URL, **options: Any) -> Engine:
        """Return a new engine that forks leave alone and :meth:`close` closes."""
        engine = self.make_engine(url, **options)
        forks.protect(engine)
        self.engines.append(engine)
        return engine

    @property
    def engine(self) -> Engine:
        """The engine, made on first use."""
        return self._ready_engine()

    def _ready_engine(self) -> Engine:
        if self._engine is None:
            with self._lock:
                if self._engine is None:
                    engine = self.open_engine(self.url)
                    if engine.dialect.name == "sqlite":
                        self._reading_engine = sqlite.reading(engine)
                    self._engine = engine
        return self._engine

    @property
    def reading_engine(self) -> Engine:
        """The engine for what is not meant to write; another one only on SQLite."""
        engine = self.engine
        return self._reading_engine or engine

    def prepare(self) -> None:
        """Make the engine, which connects to nothing; later it would take a request's time."""
        self._ready_engine()

    def engine_for(self, request: Request | None) -> Engine:
        """Return the engine for a request, or for what is none."""
        engine = self._engine or self._ready_engine()
        reading = self._reading_engine
        if reading is None or request is None or request.method not in SAFE_METHODS:
            return engine
        return reading

    def open(self, request: Request) -> DatabaseSession:
        """Return a new session for a request, which commits and closes it."""
        return self.session_class(self, request)

    @contextmanager
    def session(self) -> Iterator[DatabaseSession]:
        """Open a session for a script or a thread: commits at the end of the block.

        An exception in the block rolls back.
        """
        with self.session_class(self) as session:
            yield session
            session.commit()

    def http_error(self, error: BaseException) -> HTTPException | None:
        """Return the answer for an exception of the database that passes, else ``None``."""
        return http_error(error)

    def check(self) -> None:
        """Make sure, where a node starts, that the database answers.

        :raises DatabaseConfigError: it does not; says why and what to do.
        """
        try:
            with self.engine.connect():
                pass
        except DBAPIError as error:
            shown = self.url.render_as_string(hide_password=True)
            reason = " ".join(str(error.orig).split())
            raise DatabaseConfigError(
                f"{self.origin}: {shown!r} cannot be used: {reason}. Is the server running, and are"
                " host, port, user, password and database right?"
            ) from None

    def close(self) -> None:
        """Close all connections that nobody uses."""
        for engine in self.engines:
            engine.dispose()
