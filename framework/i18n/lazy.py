"""Texts that are translated when they are read, not when they are written down.

For the labels of a form and the like, which are made when a module is imported::

    title = lazy_gettext("Delivery address")

Read in a request, ``title`` is in that request's language; outside of one it is the message as it
stands here. It is a string but in name: compare, join, format and print it.
"""

from __future__ import annotations

from typing import Any

from babel.support import LazyProxy

from ..context import request_variable
from .localization import UNTRANSLATED


def lazy_gettext(message: str, /, **values: Any) -> LazyProxy:
    return _lazy("gettext", message, **values)


def lazy_ngettext(singular: str, plural: str, number: int, /, **values: Any) -> LazyProxy:
    return _lazy("ngettext", singular, plural, number, **values)


def lazy_pgettext(context: str, message: str, /, **values: Any) -> LazyProxy:
    return _lazy("pgettext", context, message, **values)


def lazy_npgettext(
    context: str, singular: str, plural: str, number: int, /, **values: Any
) -> LazyProxy:
    return _lazy("npgettext", context, singular, plural, number, **values)


def _lazy(verb: str, *texts: Any, **values: Any) -> LazyProxy:
    # Without a cache, for the next request may be in another language.
    return LazyProxy(_translated, verb, *texts, enable_cache=False, **values)


def _translated(verb: str, *texts: Any, **values: Any) -> str:
    request = request_variable.get(None)
    texts_of = UNTRANSLATED if request is None else request.locale_choice.localization
    text: str = getattr(texts_of, verb)(*texts, **values)
    return text
