"""The lines that HAProxy writes about requests, as they are read."""

from __future__ import annotations

import json
import re

import pytest

from deploy.logs.requests import COUNTED, FIELDS, REQUEST_ID, read_line

VALUES = {
    "time_ms": 1_795_275_766_749,
    "request_id": "6b7aa64c-7d5c-4559-bfd8-3f8818eaaaca",
    "client": "127.0.0.1",
    "method": "GET",
    "path": "/slow",
    "status": 200,
    "node": "node1",
    "slot": "2",
    "queue_ms": 3,
    "connect_ms": 0,
    "response_ms": 600,
    "total_ms": 604,
    "retries": "+1",
    "bytes": 133,
    "termination": "--",
}


def line(**others: object) -> str:
    return json.dumps({**VALUES, **others}, separators=(",", ":"))


def test_a_line_has_the_fields_that_haproxy_is_told_to_write() -> None:
    assert VALUES.keys() == FIELDS.keys()


def test_people_see_what_matters_first() -> None:
    request = read_line(line())
    assert request is not None
    assert (request.seconds, request.time, request.status) == (0.604, 1_795_275_766.749, "200")
    assert request.text == (
        "200 node1-2 604 ms (queue 3) GET /slow 127.0.0.1 6b7aa64c-7d5c-4559-bfd8-3f8818eaaaca "
        "retries 1"
    )


def test_an_answer_of_the_balancers_own_has_no_slot() -> None:
    request = read_line(line(node="-", slot="-", status=503, retries="0", termination="sQ"))
    assert request is not None
    assert request.text.startswith("503 - 604 ms")
    assert request.text.endswith(" termination sQ")


@pytest.mark.parametrize("text", ["Proxy visitors started.", "{}", "[1]", '{"time_ms": 1', "7"])
def test_what_is_no_such_line_is_none(text: str) -> None:
    assert read_line(text) is None


def test_what_is_counted_is_found_in_a_line() -> None:
    [found] = COUNTED.findall((line() + "\n").encode())
    assert found == (b"200", b"node1", b"2", b"3", b"604", b"1", b"133", b"--")
    assert COUNTED.findall((line(status=-1, total_ms=-1) + "\n").encode())


def test_a_path_cannot_pass_for_other_fields() -> None:
    forged = '/","status":200,"node":"evil","slot":"1","queue_ms":0,"connect_ms":0'
    lines = line(path=forged) + "\n"
    assert [found[1] for found in COUNTED.findall(lines.encode())] == [b"node1"]


@pytest.mark.parametrize("text", ["", "short", "a" * 65, "with space", 'with"quote', "a\nbcdefgh"])
def test_a_visitors_request_id_has_a_safe_shape(text: str) -> None:
    assert re.fullmatch(REQUEST_ID, text) is None
    assert re.fullmatch(REQUEST_ID, str(VALUES["request_id"]))
