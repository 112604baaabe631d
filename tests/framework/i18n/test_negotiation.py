from __future__ import annotations

import pytest
from babel import Locale

from framework.exceptions import SetupError
from framework.i18n.negotiation import best, language_tag, parse, ranges

OFFERED = [Locale.parse(name) for name in ("en", "de", "pt_BR", "zh_Hans", "zh_Hant", "sr_Latn")]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (["de"], "de"),
        (["DE-at"], "de"),
        (["de_CH"], "de"),
        (["pt"], "pt_BR"),
        (["pt-PT"], "pt_BR"),
        (["zh-Hant-TW"], "zh_Hant"),
        (["zh"], "zh_Hans"),
        (["de-u-co-phonebk"], "de"),
        (["fr", "de"], "de"),
        (["fr-CA", "nl"], None),
        (["", "-", "x", "\x00"], None),
        ([], None),
    ],
)
def test_the_first_wanted_locale_that_is_on_offer_is_found(
    wanted: list[str], found: str | None
) -> None:
    locale = best(wanted, OFFERED)
    assert (None if locale is None else str(locale)) == found


def test_the_first_of_several_that_are_as_good_is_the_first_on_offer() -> None:
    assert str(best(["zh-Hant"], OFFERED)) == "zh_Hant"
    assert str(best(["zh-HK"], OFFERED)) == "zh_Hans"


def test_languages_are_taken_in_the_order_of_their_weight() -> None:
    assert ranges([("de", 0.5), ("fr", 1), ("*", 0.9), ("it", 0), ("en", 0.5)]) == [
        *("fr", "de", "en"),
    ]
    assert len(ranges([(f"a{n}", 1) for n in range(1000)])) == 20


def test_a_locale_is_written_as_web_pages_have_it() -> None:
    assert language_tag(parse("zh-Hant-TW")) == "zh-Hant-TW"
    assert str(parse("pt-BR")) == "pt_BR"


@pytest.mark.parametrize("text", ["xx", "german", "", "de_ZZZ", "de_DE_XX_YY_ZZ"])
def test_a_locale_that_is_none_is_refused_with_examples(text: str) -> None:
    with pytest.raises(SetupError, match=r"is no locale that Babel knows\..*'pt_BR'"):
        parse(text)
