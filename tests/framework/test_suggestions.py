from __future__ import annotations

import pytest

from framework.suggestions import did_you_mean, is_misspelling


def test_closest_name_is_suggested_and_nothing_that_is_far() -> None:
    assert did_you_mean("indx", ["index", "item"]) == " Did you mean 'index'?"
    assert did_you_mean("zzz", ["index", "item"]) == ""


@pytest.mark.parametrize(
    "name",
    [
        *("SECRE_KEY", "ECRET_KEY", "SECRET_KE", "SECRETT_KEY", "SECRET_KEYS", "XSECRET_KEY"),
        *("SECRET-KEY", "XECRET_KEY", "SECRET_KEX", "SECRTE_KEY", "ESCRET_KEY", "SECRET_KYE"),
    ],
)
def test_one_slip_is_a_misspelling(name: str) -> None:
    assert is_misspelling(name, "SECRET_KEY")


@pytest.mark.parametrize(
    "name", ["SECRET_KEY", "SECRET", "SECRXX_KEY", "SCERTE_KEY", "SECRET_KEY_2", "KEY_SECRET", ""]
)
def test_more_than_one_slip_is_another_name(name: str) -> None:
    assert not is_misspelling(name, "SECRET_KEY")


def test_short_names_are_left_alone() -> None:
    assert not is_misspelling("HOST", "POST")
