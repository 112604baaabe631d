from __future__ import annotations

import random
from urllib.parse import parse_qsl

from framework.werkzeug_internals.requests import parse_form

PIECES = (
    *("a", "B7", "é", "€", "+", "=", "&", "%", "%4", "%41", "%2b", "%26", "%3D", "%25", "%00"),
    *("%e2", "%82", "%AC", "%ff", "%C3%A9", "\x00", "\x7f", "\N{GRINNING FACE}", " ", ";"),
)


def test_forms_are_read_as_the_standard_library_reads_them() -> None:
    chance = random.Random(1)
    for _ in range(5000):
        text = "".join(chance.choices(PIECES, k=chance.randrange(12)))
        expected = parse_qsl(text, keep_blank_values=True, errors="werkzeug.url_quote")
        assert parse_form(text.encode()) == expected, text


def test_a_form_that_is_no_text_has_no_fields() -> None:
    assert parse_form(b"a=1&b=\xff") == []
