"""What a Swarm is told to remember of a version."""

from dataclasses import replace
from pathlib import Path

from deploy.deployment import Deployment
from deploy.profiles import profile
from deploy.targets.swarm.records import Record
from deploy.targets.swarm.update import explained

DEPLOYMENT = Deployment(
    name="a_name_of_thirty-two_characters_",
    app="shop:app",
    directory=Path("/srv/shop"),
    nodes=2,
    workers=2,
    profile=profile("threads", threads=4),
    redis_url="redis://:hidden@redis.example/0",
    env={"DATABASE_URL": "postgresql://shop:hidden@db/shop", "COLOUR": "blue"},
    given={"workers": 2, "redis_url": "redis://:hidden@x/0", "env": {"SECRET_KEY": "hidden"}},
)
RECORD = Record(DEPLOYMENT, "sha256:1", {"secret_key": "shop_secret_key_abc"})


def test_version_comes_back_as_it_was_without_its_secrets() -> None:
    assert "hidden" not in RECORD.text
    found = Record.from_text(RECORD.text, "name")
    assert found.image == RECORD.image
    assert found.secrets == RECORD.secrets
    assert found.deployment.env == {"COLOUR": "blue"}
    assert found.deployment.given == {"workers": 2, "env": None}
    same = replace(DEPLOYMENT, redis_url=None, env=found.deployment.env, given={})
    assert replace(found.deployment, given={}) == same


def test_record_keeps_the_name_that_it_was_found_by() -> None:
    # Another release may write another text for the same version.
    assert Record.from_text(RECORD.text, "shop_version_abc").name == "shop_version_abc"


def test_another_version_has_another_name_that_swarm_takes() -> None:
    other = replace(RECORD, image="sha256:2")
    assert other.name != RECORD.name
    assert RECORD.name == replace(RECORD).name
    assert len(RECORD.name) <= 64


def test_swarms_words_come_with_what_to_do() -> None:
    assert "docker save" in explained("No such image: shop:2")
    assert "balancer.bind" in explained("host-mode port already in use on 1 node")
    assert "docker node update" in explained(
        "no suitable node (scheduling constraints not satisfied on 3 nodes)"
    )
    assert "containers.memory" in explained("no suitable node (insufficient resources on 3 nodes)")
    assert "readiness" in explained("task: non-zero exit (0): dockerexec: unhealthy container")
    assert explained("") == "it ended"
