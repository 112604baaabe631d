import json
from pathlib import Path

import pytest

from deploy.deployment import Balancer, Deployment, Node
from deploy.profiles import profile


@pytest.mark.parametrize(
    ("bind", "address", "url"),
    [
        ("127.0.0.1:8000", ("127.0.0.1", 8000), "http://127.0.0.1:8000"),
        (":80", ("0.0.0.0", 80), "http://127.0.0.1:80"),
        ("*:80", ("0.0.0.0", 80), "http://127.0.0.1:80"),
        ("[::1]:81", ("::1", 81), "http://[::1]:81"),
        ("[::]:81", ("::", 81), "http://[::1]:81"),
        ("localhost:9", ("localhost", 9), "http://localhost:9"),
    ],
)
def test_a_bind_is_an_address_and_a_url(bind: str, address: tuple[str, int], url: str) -> None:
    assert Balancer(bind).address == address
    assert Balancer(bind).url == url


def make() -> Deployment:
    return Deployment(
        name="shop",
        app="shop:app",
        directory=Path("/srv/shop"),
        nodes=2,
        workers=3,
        profile=profile("greenlets"),
        redis_url="redis://:hush@h/0",
        env={"SECRET_KEY": "hush"},
        loadtests={"suite": "journey"},
    )


def test_a_deployment_survives_json() -> None:
    assert Deployment.from_json(json.loads(json.dumps(make().to_json()))) == make()


def test_secrets_are_not_in_the_representation() -> None:
    assert "hush" not in repr(make())


def test_bound_to_changes_the_address_alone() -> None:
    moved = make().bound_to("127.0.0.1:1")
    assert moved.balancer.bind == "127.0.0.1:1"
    assert moved.bound_to(make().balancer.bind) == make()


def test_a_node_has_a_slot_a_worker() -> None:
    slots = Node(2, "127.9.9.2", workers=2, concurrency=4).slots
    assert [(slot.name, slot.address) for slot in slots] == [
        ("node2-1", "127.9.9.2:8001"),
        ("node2-2", "127.9.9.2:8002"),
    ]
