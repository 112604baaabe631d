"""DATABASE_URL: what it says, which driver it means, and what is wrong with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from ..suggestions import did_you_mean
from .exceptions import DatabaseConfigError

if TYPE_CHECKING:
    from sqlalchemy import URL

DRIVERS = {
    # As some hosts still write it.
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
"""The driver of a URL that names none."""

PACKAGES = {
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    # The extra is for the passwords of MySQL 8, which are sent encrypted.
    "pymysql": "pymysql[rsa]",
    "MySQLdb": "mysqlclient",
}
"""What to install for a driver, by the name of its module."""

EXAMPLE = "postgresql://user:password@host/name or sqlite:///file.db"
_KNOWN = ("postgresql", "mysql", "mariadb", "sqlite", "oracle", "mssql")


def read_url(text: str, origin: str) -> URL:
    """Return the URL with its driver; ``origin`` is the setting it comes from, for the message."""
    try:
        url = make_url(text.strip())
    except (ArgumentError, ValueError):
        raise DatabaseConfigError(
            f"{origin}: {masked(text)!r} is not the URL of a database. Write one like {EXAMPLE};"
            " special characters in the password are written as in '%40' for '@'."
        ) from None
    url = url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
    _load_driver(url, origin)
    if url.get_backend_name() in {"mysql", "mariadb"} and not url.database:
        shown = url.render_as_string(hide_password=True)
        raise DatabaseConfigError(
            f"{origin}: {shown!r} names no database, and MySQL has none by default. Write one like"
            " mysql://user:password@host/name."
        )
    return url


def masked(text: str) -> str:
    """Return a URL, or what should be one, without its password."""
    text = re.sub(r"^([^/]*//[^:/@]*:).*@", r"\1***@", text, flags=re.DOTALL)
    return re.sub(r"(?<=password=)[^&\s]+", "***", text)


def _load_driver(url: URL, origin: str) -> None:
    shown = url.render_as_string(hide_password=True)
    try:
        dialect = url.get_dialect()
    except NoSuchModuleError:
        name, _, driver = url.drivername.partition("+")
        hint = did_you_mean(name, _KNOWN) or f" Write a URL like {EXAMPLE}."
        unknown = f"driver {driver!r} of {name}" if name in _KNOWN else f"database {name!r}"
        raise DatabaseConfigError(
            f"{origin}: {shown!r}: SQLAlchemy knows no {unknown}.{hint}"
        ) from None
    try:
        dialect.import_dbapi()
    except ImportError as error:
        module = error.name or dialect.driver
        raise DatabaseConfigError(
            f"{origin}: {shown!r} needs the driver {module!r}, which cannot be imported ({error})."
            f" Install it: pip install '{PACKAGES.get(module, module)}'."
        ) from None
