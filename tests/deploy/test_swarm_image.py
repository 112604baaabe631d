"""What is said of hosts that cannot start an image."""

from pathlib import Path

import pytest

from deploy.deployment import Deployment
from deploy.errors import StartError
from deploy.profiles import profile
from deploy.targets.swarm.image import check_on_hosts, has_registry

DEPLOYMENT = Deployment(
    name="shop",
    app="shop:app",
    directory=Path("/srv/shop"),
    nodes=2,
    workers=2,
    profile=profile("threads", threads=4),
)
MISSING = {"host3": "No such image: shop", "host2": "No such image: shop"}
DIGEST = f"registry.example.com/shop@sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shop", False),
        ("acme/shop", False),
        (f"sha256:{'0' * 64}", False),
        ("registry.example.com/shop", True),
        ("localhost/shop", True),
        ("10.0.0.1:5000/shop", True),
        (DIGEST, True),
    ],
)
def test_a_name_says_whether_it_has_a_registry(name: str, expected: bool) -> None:
    assert has_registry(name) is expected


def test_hosts_that_could_not_fetch_an_image_are_named() -> None:
    with pytest.raises(StartError, match=r"^host2, host3 could not fetch registry") as error:
        check_on_hosts(MISSING, DEPLOYMENT, DIGEST)
    assert "docker login" in str(error.value)
    assert "containers.image" not in str(error.value)


def test_hosts_without_an_image_of_no_registry_are_named_with_the_ways_to_bring_it() -> None:
    with pytest.raises(StartError, match=r"is not on host2, host3, and its name says no registry"):
        check_on_hosts(MISSING, DEPLOYMENT, f"sha256:{'0' * 64}")


def test_another_reason_is_told_as_it_is() -> None:
    with pytest.raises(StartError, match=r"everywhere: host2: no space left"):
        check_on_hosts({"host2": "no space left"}, DEPLOYMENT, DIGEST)


def test_nothing_missing_is_nothing_to_tell() -> None:
    check_on_hosts({}, DEPLOYMENT, DIGEST)
