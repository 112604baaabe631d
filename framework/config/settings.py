"""Typed settings, read from a TOML file, the environment and code.

A setting is an attribute of :class:`Config` declared with :func:`setting`. An app adds its own in a
subclass and names it as ``App.config_class``. Sources, later ones first asked:

1. code: ``App(config={"session_cookie_name": "visitor"})``
2. the environment: the setting's name in capitals; for a secret also ``NAME_FILE``, a file
3. TOML: the file that the environment variable ``CONFIG_FILE`` names, or else
   ``App(config_file=...)``; its keys are the names of the settings, without tables
4. the default
"""

from __future__ import annotations

import inspect
import logging
import os
import typing
from pathlib import Path
from typing import Any, NamedTuple, Self

from ..exceptions import ConfigError, SetupError
from . import checks, sources
from .declaration import Setting, setting
from .kinds import Kind, kind_of

if typing.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from os import PathLike

    from ..wrappers import Request

logger = logging.getLogger(__name__)

SHORTEST_SECRET_KEY = 16
"""Bytes. Half of what a signature with SHA-256 can make use of; below it a key can be guessed."""


class SettingValue(NamedTuple):
    """A setting as it came out, for people."""

    name: str
    value: str
    """As Python shows it; secrets are hidden."""
    origin: str
    """``default``, ``code``, or the name of the file or environment variable."""


class Config:
    """The settings every app has. Durations are in seconds, sizes in bytes.

    They are read once, and do not change.
    """

    debug: bool = setting(False, "Development: errors are shown, views load on first use.")
    secret_key: str | None = setting(
        None,
        "Signs session cookies. Required unless debug is on, and then at least"
        f" {SHORTEST_SECRET_KEY} bytes.",
        secret=True,
    )
    secret_key_fallbacks: tuple[str, ...] = setting(
        (),
        "Earlier secret keys, still accepted but no longer used for signing. Unless debug is on, at"
        f" least {SHORTEST_SECRET_KEY} bytes each.",
        secret=True,
    )
    redis_url: str | None = setting(
        None, "Where sessions are kept; without it they travel in a signed cookie.", secret=True
    )
    database_url: str | None = setting(
        None,
        "The database, like postgresql://user:password@host/name. Empty: an SQLite file in the"
        " current folder, named after the app.",
        secret=True,
    )
    database_replica_urls: tuple[str, ...] = setting(
        (), "Copies of the database that only answer queries, for request.db.reader.", secret=True
    )
    database_pool_size: int | None = setting(
        None,
        "Most connections of a worker to the database. Empty: as many as worker_concurrency.",
        check=checks.positive,
    )
    database_pool_timeout: float = setting(
        5.0,
        "Seconds a request waits for a connection to the database before it answers 503.",
        check=checks.positive,
    )
    worker_concurrency: int = setting(
        5,
        "How many requests a worker answers at a time, which its connections are counted by. A"
        " deployment tells its workers.",
        check=checks.positive,
    )
    session_cookie_name: str = setting(
        "session", "Name of the session cookie.", check=checks.cookie_name
    )
    session_cookie_secure: bool = setting(True, "Send the session cookie over HTTPS only.")
    session_idle_timeout: float = setting(
        14 * 86400.0, "Seconds after which an unused session ends.", check=checks.positive
    )
    session_absolute_timeout: float = setting(
        30 * 86400.0,
        "Seconds after which a session ends, used or not; not less than the idle timeout.",
        check=checks.positive,
    )
    session_redis_timeout: float = setting(
        0.25,
        "Seconds a request waits for the session store before it answers 503.",
        check=checks.positive,
    )
    session_anonymous_fallback: bool = setting(
        False,
        "While the session store is away, visitors are anonymous and their sessions read-only,"
        " instead of an answer with 503.",
    )
    session_exclusive_wait: float = setting(
        5.0,
        "Seconds a request for a route with session='exclusive' waits for the visitor's earlier"
        " ones before it answers 503.",
        check=checks.positive,
    )
    session_exclusive_lease: float = setting(
        30.0,
        "Seconds such a request may have the session to itself; a node that dies holds it up for"
        " as long.",
        check=checks.positive,
    )
    template_cache_folder: str | None = setting(
        None, "Folder for compiled templates, so that workers start faster. Empty: none."
    )
    default_locale: str = setting(
        "en",
        "The locale of visitors who ask for none of those on offer, and of the messages in the"
        " code.",
        check=checks.locale,
    )
    locales: tuple[str, ...] = setting(
        (),
        "The locales on offer beside the default one. Empty: those with a compiled catalogue.",
        check=checks.locales,
    )
    default_timezone: str = setting(
        "UTC", "The time zone of visitors who have not chosen one, like Europe/Berlin."
    )
    trusted_hosts: tuple[str, ...] = setting(
        (),
        "Host names this app answers to; '.example.org' includes subdomains. Empty: all.",
        check=checks.host_names,
    )
    public_url: str | None = setting(
        None,
        "Scheme and host, like https://example.org: for full URLs made outside a request, and for"
        " rules on subdomains.",
        check=checks.site_url,
    )
    max_content_length: int | None = setting(
        16 * 1024 * 1024,
        "Largest request body in bytes; a larger one is answered with 413.",
        check=checks.not_negative,
    )
    max_form_memory_size: int | None = setting(
        500_000,
        "Largest form field that is not a file, in bytes; above it 413.",
        check=checks.not_negative,
    )
    max_form_parts: int = setting(
        1000,
        "Most parts of a multipart form; with more of them 413.",
        check=checks.positive,
    )

    log_format: str | None = setting(
        None,
        "Write log records to stderr with the request's id: 'text', or 'json' for an object a line."
        " Empty: logging is left as the app sets it up.",
        check=checks.one_of("text", "json"),
    )
    log_level: str = setting(
        "info",
        "With log_format: the least severe records that are written.",
        check=checks.one_of("debug", "info", "warning", "error", "critical"),
    )

    def __init__(self, **values: Any) -> None:
        declared = self.declared()
        for name in values:
            if name not in declared:
                raise TypeError(sources.unknown(name, declared))
        own = vars(self)
        own.update((name, declaration.default) for name, declaration in declared.items())
        own.update(values)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(
            f"{type(self).__name__}.{name} cannot be changed: settings are read once. Give the app"
            " another value instead, in App(config=...) or in the environment."
        )

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value}" for name, value, _ in self.describe())
        return f"{type(self).__name__}({shown})"

    @classmethod
    def load(
        cls,
        environ: Mapping[str, str] | None = None,
        overrides: Mapping[str, Any] | None = None,
        file: str | PathLike[str] | None = None,
    ) -> Self:
        """Read all settings; ``environ`` is ``os.environ`` unless given.

        ``file`` is the TOML file unless the environment names another. Raises
        :class:`ConfigError` that lists every setting that is wrong.
        """
        environ = os.environ if environ is None else environ
        overrides = overrides or {}
        declared = cls.declared()
        kinds = cls.kinds()
        problems = [sources.unknown(key, kinds) for key in overrides if key not in kinds]
        file = environ.get(sources.CONFIG_FILE) or file
        table = sources.read_toml(Path(file), kinds, problems) if file else {}
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for name, declaration in declared.items():
            try:
                given = sources.find(declaration, kinds[name], environ, overrides, table)
                if given is not None:
                    values[name] = sources.read(declaration, kinds[name], given)
                    origins[name] = given.origin
            except ValueError as error:
                problems.append(str(error))
        _refuse(problems)
        config = cls(**values)
        vars(config)["_origins"] = origins
        _refuse(list(config.problems()))
        misspelled = sources.misspelled(environ, declared.values())
        if misspelled:
            logger.warning("In the environment, but no settings: %s", ", ".join(misspelled))
        return config

    @classmethod
    def of(cls, request: Request) -> Self:
        """Return the settings of the app that answers ``request``, typed as this class.

        For an app's own settings: ``ShopConfig.of(request).stock_delay``.
        """
        config = request.app.config
        if isinstance(config, cls):
            return config
        raise SetupError(
            f"The settings of {request.app!r} are a {type(config).__name__}, not a {cls.__name__}."
            f" Set config_class = {cls.__name__} in the app's class."
        )

    @classmethod
    def declared(cls) -> dict[str, Setting]:
        """Return the settings by their names, those of base classes first.

        ``SetupError`` for one without a type, or that is not declared with :func:`setting`.
        """
        declared: dict[str, Setting] = {}
        for owner in reversed(cls.__mro__):
            typed = inspect.get_annotations(owner)
            found = {
                name: value for name, value in vars(owner).items() if isinstance(value, Setting)
            }
            for name in typed.keys() ^ found.keys():
                form = f"{name}: type = setting(default, help)"
                raise SetupError(
                    f"Declare {cls.__name__}.{name} as {form}, so that it is documented."
                )
            declared |= found
        return declared

    @classmethod
    def kinds(cls) -> dict[str, Kind]:
        """Return the kind of each setting; ``SetupError`` for one of a type that cannot be."""
        hints = typing.get_type_hints(cls)
        return {name: kind_of(f"{cls.__name__}.{name}", hints[name]) for name in cls.declared()}

    def problems(self) -> Iterator[str]:
        """Return what is wrong between settings; a subclass adds to what ``super()`` says."""
        if self.session_absolute_timeout < self.session_idle_timeout:
            yield (
                f"session_absolute_timeout: {self.session_absolute_timeout!r} is less than"
                f" session_idle_timeout, {self.session_idle_timeout!r}, which could never be"
                " reached."
            )

    def check(self) -> None:
        """Raise :class:`ConfigError` for settings that must not go into production."""
        if self.debug:
            return
        make_one = (
            "make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'. For"
            " development set DEBUG=true instead."
        )
        if not self.secret_key:
            raise ConfigError(
                "SECRET_KEY is not set, and without it no session can be signed. Set the"
                " environment variable SECRET_KEY, or SECRET_KEY_FILE to a file that holds it;"
                f" {make_one}"
            )
        length = len(self.secret_key.encode())
        if length < SHORTEST_SECRET_KEY:
            raise ConfigError(
                f"SECRET_KEY has {length} bytes, and a key that short can be guessed: use at least"
                f" {SHORTEST_SECRET_KEY}; {make_one}"
            )
        for number, fallback in enumerate(self.secret_key_fallbacks, 1):
            length = len(fallback.encode())
            if length < SHORTEST_SECRET_KEY:
                raise ConfigError(
                    f"Key {number} of SECRET_KEY_FALLBACKS has {length} bytes. It can be guessed,"
                    " and what is signed with it is accepted: take it out, or use at least"
                    f" {SHORTEST_SECRET_KEY}."
                )

    def describe(self) -> list[SettingValue]:
        """Return every setting with where it comes from; secrets are hidden."""
        described = []
        for name, declaration in self.declared().items():
            value = getattr(self, name)
            is_default = value == declaration.default
            shown = "(a secret)" if declaration.secret and not is_default else repr(value)
            described.append(SettingValue(name, shown, self.origin(name)))
        return described

    def origin(self, name: str) -> str:
        """Return where a setting comes from: ``default``, ``code``, a file or a variable."""
        origins: Mapping[str, str] = getattr(self, "_origins", {})
        is_default = getattr(self, name) == self.declared()[name].default
        return origins.get(name, "default" if is_default else sources.CODE)


def _refuse(problems: list[str]) -> None:
    if problems:
        raise ConfigError("\n  ".join(["The configuration cannot be used:", *problems]))
