"""The text is what Prometheus' own parser reads from it."""

from __future__ import annotations

import math

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.metrics.exposition import Distribution, Family, exposition

GAUGE = Family("size_bytes", "gauge", "A size,\nin bytes, with a \\.", ("name",))
COUNTER = Family("things_total", "counter", "Things.")
HISTOGRAM = Family("time_seconds", "histogram", "Times.", ("node",))


def parsed(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """The samples by name and labels."""
    return {
        (sample.name, tuple(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("name", ["plain", 'a "b"', "back\\slash", "two\nlines", "\\n", "ä", ""])
def test_labels_come_back_as_they_were(name: str) -> None:
    assert parsed(exposition([(GAUGE, {(name,): 2.5})])) == {("size_bytes", (("name", name),)): 2.5}


def test_a_family_says_what_it_is() -> None:
    gauge, counter = text_string_to_metric_families(
        exposition([(GAUGE, {}), (COUNTER, {(): 10**16})])
    )
    assert (gauge.type, gauge.documentation) == ("gauge", GAUGE.help)
    assert (counter.type, counter.samples[0].value) == ("counter", 10**16)


def test_buckets_of_a_histogram_add_up() -> None:
    text = exposition([(HISTOGRAM, {("n1",): Distribution((0.1, 1.0), (3, 0, 2), 7.25)})])
    [family] = text_string_to_metric_families(text)
    assert family.type == "histogram"
    buckets = {
        float(sample.labels["le"]): sample.value
        for sample in family.samples
        if sample.name == "time_seconds_bucket"
    }
    assert buckets == {0.1: 3, 1.0: 3, math.inf: 5}
    samples = parsed(text)
    assert samples["time_seconds_sum", (("node", "n1"),)] == 7.25
    assert samples["time_seconds_count", (("node", "n1"),)] == 5


def test_values_are_exact() -> None:
    value = 0.1 + 0.2
    assert parsed(exposition([(GAUGE, {("x",): value})])) == {
        ("size_bytes", (("name", "x"),)): value
    }
