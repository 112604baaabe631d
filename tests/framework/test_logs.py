"""Log records with the id of their request."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from framework import Request, Rule
from framework.exceptions import ConfigError
from framework.logs import TEXT, JSONFormatter, RequestFilter
from framework.testing import TestClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import MakeApp

logger = logging.getLogger("shop.orders")

APP = """\
import logging
from framework import App, Rule

def index(request):
    logging.getLogger("shop").info("seen")
    return ""

app = App("site_app", urls=[Rule("/", index)])
{setup}
app.start_worker()
from framework.testing import TestClient
TestClient(app).get("/", headers={{"X-Request-ID": "the-request-1"}})
"""


class Lines(logging.Handler):
    """Keeps what would be written."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.addFilter(RequestFilter())
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def written() -> Iterator[Lines]:
    handler = Lines(JSONFormatter())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)


def order(request: Request) -> str:
    try:
        request.args["item"]
    except KeyError:
        logger.exception("no %s", "item")
    return "ordered"


def test_a_record_has_the_id_of_its_request(
    make_app: MakeApp, written: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWOFOLD_NODE", "node2")
    monkeypatch.setenv("TWOFOLD_SLOT", "1")
    client = TestClient(make_app(Rule("/", order)))
    client.get("/", headers={"X-Request-ID": "the-request-1"})
    [line] = written.lines
    values: dict[str, Any] = json.loads(line)
    assert "\n" not in line
    assert values["exception"].startswith("Traceback")
    assert values["time"].endswith("Z")
    for name, value in {
        "level": "error",
        "logger": "shop.orders",
        "message": "no item",
        "request_id": "the-request-1",
        "node": "node2",
        "slot": "1",
    }.items():
        assert values[name] == value


def test_a_record_of_no_request_has_none(written: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TWOFOLD_NODE", raising=False)
    written.setFormatter(logging.Formatter(TEXT.removeprefix("%(asctime)s ")))
    logger.info("on its own")
    assert written.lines == ["INFO shop.orders [-] on its own"]


def said(folder: Path, setup: str = "", **environ: str) -> list[str]:
    """What an app writes that logs one line while it answers a request."""
    (folder / "site_app.py").write_text(APP.format(setup=setup))
    found = subprocess.run(
        [sys.executable, "-c", "import site_app"],
        env={"DEBUG": "1", "PYTHONPATH": f"{folder}:{':'.join(sys.path)}", **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stderr.splitlines()


def test_a_worker_writes_as_the_settings_say(tmp_path: Path) -> None:
    [line] = said(tmp_path, LOG_FORMAT="json")
    assert json.loads(line)["request_id"] == "the-request-1"
    [line] = said(tmp_path, LOG_FORMAT="text")
    assert line.endswith("INFO shop [the-request-1] seen")
    assert said(tmp_path, LOG_FORMAT="text", LOG_LEVEL="warning") == []


def test_an_app_that_sets_up_logging_is_left_alone(tmp_path: Path) -> None:
    own = "logging.basicConfig(level='INFO', format='mine %(message)s')"
    assert said(tmp_path, own, LOG_FORMAT="json") == ["mine seen"]
    assert said(tmp_path) == []


def test_an_unknown_format_is_refused(make_app: MakeApp) -> None:
    with pytest.raises(ConfigError, match="must be one of text, json"):
        _ = make_app(log_format="xml").config
