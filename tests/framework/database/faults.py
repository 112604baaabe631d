"""What visitors and operators are told when a database fails, whichever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from framework import Config
from framework.database import Database, DatabaseConfigError

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

PASSWORD = "a secret of tests"
UNAVAILABLE = "The database cannot be reached at the moment. Please try again."
CONFLICT = "Another request changed the same data at the same moment. Please try again."
UNKNOWN = "Please look whether they were before you repeat them."


def assert_unavailable(response: TestResponse) -> None:
    assert response.status_code == 503, response.text
    assert int(response.headers["Retry-After"]) > 0
    assert response.headers["Cache-Control"] == "no-store"
    assert UNAVAILABLE in response.text


def message_of_check(url: str) -> str:
    """What is said where a node starts whose database cannot be used."""
    database = Database.from_config(Config(database_url=url, database_pool_timeout=2.0), "notes")
    with pytest.raises(DatabaseConfigError) as raised:
        database.check()
    database.close()
    return str(raised.value)
