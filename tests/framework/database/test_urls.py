"""What is wrong with DATABASE_URL or with the models is said before the first request."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from framework import Rule
from framework.database import DatabaseConfigError
from framework.database.engines import connect_args
from framework.database.urls import masked, read_url
from framework.exceptions import ConfigError, ImportPathError
from framework.testing import TestClient

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeApp, WritePackage


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("postgresql://u:p@h/n", "postgresql+psycopg"),
        ("postgres://u:p@h/n", "postgresql+psycopg"),
        ("postgresql+psycopg2://u:p@h/n", "postgresql+psycopg2"),
        ("mysql://u:p@h/n", "mysql+pymysql"),
        ("mariadb://u:p@h/n", "mariadb+pymysql"),
        (" sqlite:///a.db\n", "sqlite"),
    ],
)
def test_url_without_a_driver_means_the_usual_one(text: str, driver: str) -> None:
    assert read_url(text, "DATABASE_URL").drivername == driver


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shop.db", r"DATABASE_URL: 'shop\.db' is not the URL.*sqlite:///file\.db"),
        ("", "is not the URL of a database"),
        ("postgresql://u:p@h:port/n", "is not the URL.*postgresql://"),
        ("postgersql://u:pass@h/n", r"knows no database 'postgersql'\..*'postgresql'\?"),
        ("cobol://u:pass@h/n", "knows no database 'cobol'.*Write a URL like"),
        ("postgresql+psycop://u:pass@h/n", "knows no driver 'psycop' of postgresql"),
        ("mysql+mysqldb://u:pass@h/n", r"the driver 'MySQLdb'.*pip install 'mysqlclient'"),
        ("mysql://u:pass@h", r"'mysql\+pymysql://u:\*\*\*@h' names no database.*host/name"),
        ("oracle+cx_oracle://u:pass@h/n", "the driver 'cx_Oracle'.*pip install 'cx_Oracle'"),
    ],
)
def test_url_that_cannot_be_used_says_what_to_do(text: str, message: str) -> None:
    with pytest.raises(DatabaseConfigError, match=message) as raised:
        read_url(text, "DATABASE_URL")
    assert "pass@" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://u:sec:ret@h:port/n", "postgresql://u:***@h:port/n"),
        ("postgresql://u:s/e@c?r@h:port/n", "postgresql://u:***@h:port/n"),
        ("postgresql//u:secret@h/n", "postgresql//u:***@h/n"),
        ("postgresql:///n?password=secret&x=1", "postgresql:///n?password=***&x=1"),
        ("shop.db", "shop.db"),
    ],
)
def test_password_is_masked_in_what_is_no_url(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_missing_driver_of_postgresql_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(DatabaseConfigError, match=r"pip install 'psycopg\[binary\]'"):
        read_url("postgresql://u:p@h/n", "DATABASE_URL")


def test_worker_does_not_start_with_a_wrong_url(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("postgersql://u:pass@h/n")
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "secret"))
    app = make_app(Rule("/", lambda request: "hello", endpoint="hello"), debug=True)
    with pytest.raises(ConfigError, match=r"DATABASE_URL_FILE: .*u:\*\*\*@h/n") as raised:
        app.start_worker()
    assert "pass" not in str(raised.value)


def test_worker_starts_while_the_database_is_away(make_app: MakeApp) -> None:
    rules = [
        Rule("/", lambda request: "hello", endpoint="hello"),
        Rule("/db", lambda request: str(request.db.connection()), endpoint="db"),
    ]
    app = make_app(*rules, database_url="postgresql://u:p@127.0.0.1:9/n")
    client = TestClient(app)
    assert client.get("/readyz").status_code == 200
    assert client.get("/").text == "hello"
    answer = client.get("/db")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    with pytest.raises(DatabaseConfigError, match="database_url: "):
        app.check_services()


@pytest.mark.parametrize(
    ("models", "error", "message"),
    [
        ("{name}.models:Bas", ImportPathError, r"no 'Bas' \(models of the app.*'Base'\?"),
        ("{name}.model:Base", ImportPathError, "models of the app"),
        ("{name}.models:number", DatabaseConfigError, "is 5. It must be a declarative base"),
    ],
)
def test_worker_does_not_start_with_models_that_are_none(
    make_app: MakeApp, write_package: WritePackage, models: str, error: Any, message: str
) -> None:
    name = write_package(
        {
            "models.py": "from sqlalchemy.orm import DeclarativeBase\n"
            "class Base(DeclarativeBase): pass\n"
            "metadata = Base.metadata\nnumber = 5\n"
        }
    )
    app = make_app(debug=True)
    app.models = models.replace("{name}", name)
    with pytest.raises(error, match=message):
        app.start_worker()
    for path in ("Base", "metadata"):
        app = make_app(debug=True)
        app.models = f"{name}.models:{path}"
        app.start_worker()
        assert app.load_metadata() is sys.modules[f"{name}.models"].metadata


def test_tables_of_an_app_without_models_are_asked_for_in_vain(make_app: MakeApp) -> None:
    with pytest.raises(DatabaseConfigError, match=r'models="no_such_package\.models:Base"'):
        make_app().load_metadata()


def test_drivers_are_told_how_long_to_wait_unless_the_url_says_so() -> None:
    url = read_url("postgresql://h/n?connect_timeout=7", "DATABASE_URL")
    assert "connect_timeout" not in connect_args(url, 5.0)
    assert connect_args(url, 5.0)["tcp_user_timeout"] == 30_000
    assert connect_args(read_url("postgresql://h/n", ""), 0.3)["connect_timeout"] == 2
    assert connect_args(read_url("mysql://h/n", ""), 2.2) == {
        "connect_timeout": 3,
        "charset": "utf8mb4",
    }
    assert connect_args(read_url("sqlite:///a.db", ""), 2.2) == {"timeout": 2.2}
