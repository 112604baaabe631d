"""The suites against the real shop on two nodes: sound, and with faults planted before it."""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from shop import make_app

from deploy.settings import load_deployment
from deploy.targets.local import LocalTarget
from framework.database.migrations import upgrade
from loadtests.locust_run import SUITES, Load, LocustRun, find_suite, suite_names
from tests.loadtests.locustfiles import end_after

pytestmark = pytest.mark.integration

PROJECT = Path(__file__).parents[2] / "examples" / "shop"
SHOP = f"""
import sys
sys.path.insert(0, {str(PROJECT)!r})

import os
from io import BytesIO
from itertools import count
from framework.database.migrations import upgrade
from shop import app as shop, make_app

adds = count(1)
cookies = []
own = make_app({{"database_url": f"sqlite:///{{os.environ.get('TWOFOLD_NODE')}}.db", "restock": 9}})
upgrade(own)


def app(environ, start_response):
    fault, slash, rest = environ["PATH_INFO"][1:].partition("/")
    if fault in FAULTS:
        environ["PATH_INFO"] = slash + rest
        if FAULTS[fault](environ, slash + rest):
            start_response("303 See Other", [("Location", "/cart/"), ("Content-Length", "0")])
            return [b""]
    return (own if fault == "alone" else shop)(environ, start_response)


def sound(environ, path):
    pass


def forgets(environ, path):
    "Every third addition to a cart is confirmed but not made."
    return path == "/cart/add" and next(adds) % 3 == 0


def mixes(environ, path):
    "A visitor who looks into the cart is taken for one who came before."
    if path == "/cart/contents":
        cookies.append(environ.get("HTTP_COOKIE", ""))
        environ["HTTP_COOKIE"] = cookies[0]


def mixes_up(environ, path):
    "A customer who looks at the orders is taken for one who came before."
    if path == "/orders/contents":
        cookies.append(environ.get("HTTP_COOKIE", ""))
        environ["HTTP_COOKIE"] = cookies[0]


def loses(environ, path):
    "An order is confirmed but not made."
    return path == "/checkout" and environ["REQUEST_METHOD"] == "POST"


def alone(environ, path):
    "Each node has a database of its own."


def garbles(environ, path):
    "The first byte of a body arrives as another one."
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    flip(environ, body, body.index(b"\\r\\n\\r\\n") + 4 if b"pair.jpg" in body else 0)


def flip(environ, body, place):
    changed = bytes([body[place] ^ 1])
    environ["wsgi.input"] = BytesIO(body[:place] + changed + body[place + 1 :])


def shortens(environ, path):
    "The second half of a body is lost."
    length = int(environ["CONTENT_LENGTH"]) // 2
    environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(length))
    environ["CONTENT_LENGTH"] = str(length)


KINDS = (sound, forgets, mixes, mixes_up, loses, alone, garbles, shortens)
FAULTS = {{f.__name__: f for f in KINDS}}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("shop")
    (directory / "faulty_shop.py").write_text(SHOP)
    (directory / "twofold.toml").write_text(
        '[env]\nSESSION_COOKIE_SECURE = "false"\nRESTOCK = "100"\n'
    )
    app = make_app({"database_url": f"sqlite:///{directory}/shop.db"})
    upgrade(app)
    app.close_database()
    deployment = load_deployment(
        directory,
        {"app": "faulty_shop:app", "name": f"t{uuid4().hex[:12]}", "nodes": 2, "workers": 1},
    ).bound_to("127.0.0.1:0")
    with LocalTarget.up(deployment, owned=True) as target:
        yield target.url


def run(suite: str, url: str, enough: int = 60) -> tuple[int, Counter[str]]:
    """Requests, and errors by message, of a run that ends when there were enough requests."""
    requests = 0
    errors: Counter[str] = Counter()
    load = Load(find_suite(suite, Path("/")), url, users=4, run_time=60)
    with LocustRun(load) as locust:
        for record in locust:
            requests += record.requests
            errors.update(record.errors)
            assert not record.exceptions
            if requests >= enough:
                break
    return requests, errors


@pytest.fixture
def as_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPLOAD_AS", "form")


@pytest.mark.parametrize("suite", suite_names())
def test_a_sound_shop_passes_every_suite(suite: str, shop: str) -> None:
    requests, errors = run(suite, f"{shop}/sound")
    assert requests >= 60
    assert not errors


@pytest.mark.usefixtures("as_form")
def test_a_sound_shop_receives_files_of_forms(shop: str) -> None:
    requests, errors = run("upload", f"{shop}/sound")
    assert requests >= 60
    assert not errors


def test_a_mix_may_leave_kinds_out_and_its_next_visitors_begin_with_an_empty_cart(
    shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOKING", "0")
    monkeypatch.setenv("WAITING", "0")
    requests, errors = run("mixed", f"{shop}/sound", enough=150)
    assert requests >= 150  # ten additions and ten checks fill a cart, for each of four users
    assert not errors


@pytest.mark.parametrize("suite", ["journey", "mixed"])
def test_a_lost_item_is_a_failure_that_names_node_expected_and_got(suite: str, shop: str) -> None:
    _, errors = run(suite, f"{shop}/forgets")
    place = r"GET /cart/contents: node[12] \(slot 1\) "
    fault = {"journey": "lost items: expected .* got", "mixed": "has another cart: expected .* got"}
    assert any(re.match(place + fault[suite], message) for message in errors)
    assert all(re.match(place, message) for message in errors if message != "other errors")


@pytest.mark.parametrize(
    ("suite", "fault"),
    [
        ("journey", "another visitor's state: expected visitor"),
        ("mixed", "has another cart: expected"),
    ],
)
def test_another_visitors_state_is_a_failure_that_names_it(
    suite: str, fault: str, shop: str
) -> None:
    _, errors = run(suite, f"{shop}/mixes")
    assert any("node" in message and fault in message for message in errors)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("loses", r"node[12] \(slot 1\) lost an order: expected .* got 0, the latest"),
        ("mixes_up", "answered with the orders of .*, expected|knows nobody"),
        ("alone", "GET /orders/contents: .*(lost an order|orders of .*, expected|knows nobody)"),
    ],
)
def test_an_order_that_is_not_found_again_is_a_failure(
    fault: str, expected: str, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUYING", "10")
    _, errors = run("journey", f"{shop}/{fault}")
    assert any(re.search(expected, message) for message in errors), errors


def test_a_journey_finds_its_orders_on_another_node(
    shop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUYING", "10")
    (tmp_path / "end_after.py").write_text(end_after(120))
    options = ("--headless", "--users", "4", "--spawn-rate", "4", "--run-time", "120s")
    files = f"{SUITES / 'journey.py'},end_after.py"
    command = [sys.executable, "-m", "locust", "--locustfile", files, *options]
    done = subprocess.run(
        [*command, "--host", f"{shop}/sound"], cwd=tmp_path, capture_output=True, text=True
    )
    found = re.search(r"Orders found again: (\d+) by another node", done.stderr)
    assert done.returncode == 0, done.stderr
    assert found is not None, done.stderr
    assert int(found[1]) > 0


def test_a_changed_upload_is_a_failure(shop: str) -> None:
    requests, errors = run("upload", f"{shop}/garbles")
    assert errors.total() == requests
    fault = r"POST /pictures: node[12] \(slot 1\) received other bytes than were sent: .*"
    assert all(re.fullmatch(fault, message) for message in errors)


@pytest.mark.usefixtures("as_form")
def test_a_changed_upload_in_a_form_is_a_failure(shop: str) -> None:
    requests, errors = run("upload", f"{shop}/garbles")
    assert errors.total() == requests
    assert all("received other bytes than were sent" in message for message in errors)


def test_a_shortened_upload_is_a_failure_with_both_lengths(shop: str) -> None:
    requests, errors = run("upload", f"{shop}/shortens")
    assert errors.total() == requests
    assert all("received 50000 bytes: expected 100000" in message for message in errors)


@pytest.mark.parametrize("suite", suite_names())
def test_a_copy_of_every_suite_runs_with_plain_locust(
    suite: str, shop: str, tmp_path: Path
) -> None:
    copy = tmp_path / "my_suite.py"
    copy.write_text((SUITES / f"{suite}.py").read_text())
    (tmp_path / "end_after.py").write_text(end_after(5))
    options = ("--headless", "--users", "2", "--spawn-rate", "2", "--run-time", "60s")
    files = f"{copy.name},end_after.py"
    command = [sys.executable, "-P", "-m", "locust", "--locustfile", files, *options]
    done = subprocess.run(
        [*command, "--host", f"{shop}/sound"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Aggregated +[0-9]+ +0\(0.00%\)", done.stdout + done.stderr)
    assert "loadtests" not in copy.read_text()
