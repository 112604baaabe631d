"""Amounts of money: always ``Decimal``, in euros."""

from decimal import Decimal
from functools import lru_cache
from typing import Any

from babel import Locale
from babel.numbers import format_currency
from jinja2 import pass_context
from jinja2.runtime import Context
from sqlalchemy import Dialect, Integer
from sqlalchemy.types import TypeDecorator

CENT = Decimal("0.01")


class Euros(TypeDecorator[Decimal]):
    """A column of whole cents, for not every database keeps decimals exactly."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:
        """Return the cents to store."""
        return None if value is None else int(value / CENT)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Return the euros that were stored."""
        return None if value is None else value * CENT


@pass_context
def price(context: Context, amount: Decimal) -> str:
    """A template filter: ``amount`` as the visitor writes it, ``€1,234.50`` or ``1.234,50 €``."""
    return written(amount, context["request"].locale)


@lru_cache(4096)
def written(amount: Decimal, locale: Locale) -> str:
    """Return an amount as it is written in a locale; the catalogue has few different ones."""
    return format_currency(amount, "EUR", locale=locale)
