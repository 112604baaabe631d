"""Versions in containers: which one a node is of, and where a rollback goes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from deploy.errors import DeployError
from deploy.targets.compose.changes import _free_label, _version_before
from deploy.targets.compose.observe import deployment_of, record_of
from deploy.targets.compose.project import Container
from deploy.targets.compose.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.deployment import Deployment

    Made = Callable[..., list[Record]]


@pytest.fixture
def records(deployment: Callable[..., Deployment]) -> Made:
    """Of versions of these labels, each with an image of its own, a minute apart."""

    def make(*labels: str) -> list[Record]:
        return [
            Record(f"id{n}", n, f"sha256:{label}", 2, n * 60, replace(deployment(), version=label))
            for n, label in enumerate(labels, 1)
        ]

    return make


def container(image: str, created: int) -> Container:
    return Container("id", "web", 1, image, created, "running", ())


def test_a_node_is_of_the_last_version_before_it_with_its_image(records: Made) -> None:
    known = records("1", "2", "1")
    assert record_of(container("sha256:1", 70), known) == known[0]
    assert record_of(container("sha256:2", 130), known) == known[1]
    assert record_of(container("sha256:1", 200), known) == known[2]


def test_an_image_that_nothing_is_known_of_is_a_version_by_its_id(records: Made) -> None:
    found = deployment_of(container("sha256:0123456789abcdef", 70), records("1", "2"))
    assert found.version == "0123456789ab"


def test_a_rollback_goes_to_the_version_before(records: Made) -> None:
    known = records("1", "2", "3")
    assert _version_before(known) == (known[1], known[1:])


def test_a_rollback_that_was_cut_off_goes_on(records: Made) -> None:
    known = records("1", "2", "3", "2")
    assert _version_before(known) == (known[3], known[1:])


def test_there_is_none_before_the_first(records: Made) -> None:
    with pytest.raises(DeployError, match="version 1 is the first: there is none to go back to"):
        _version_before(records("1"))


def test_numbers_go_up_and_leave_out_what_is_taken(records: Made) -> None:
    known = records("1", "blue", "4")
    assert _free_label(known) == "5"
    assert _free_label([replace(record, number=record.number + 40) for record in known]) == "44"
