"""Reading what visitors type."""

import re

from framework.i18n.lazy import lazy_gettext as _

MAX_QUANTITY = 99
"""Pairs of one item in one cart."""
MAX_LENGTHS = {"name": 100, "email": 254, "address": 500}
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

NO_NAME = _("Please tell us your name.")
NO_EMAIL = _("Please enter an e-mail address like ada@example.org.")


class FieldError(ValueError):
    """What was typed into a field cannot be used; the message is for the visitor.

    :param message: a lazy text, so that it is in the language of the page that shows it.
    """

    def __init__(self, message: object) -> None:
        super().__init__(message)
        self.message = message


def parse_quantity(text: str) -> int:
    """Return a number of pairs; :class:`FieldError` unless it is one from 1 to 99."""
    if re.fullmatch("[0-9]{1,2}", text.strip()) is None or int(text) == 0:
        raise FieldError(_("Please enter a whole number from 1 to %(most)d.", most=MAX_QUANTITY))
    return int(text)


def too_long(name: str, text: str) -> object | None:
    """Return what is wrong with the length of a field, if anything is."""
    longest = MAX_LENGTHS[name]
    if len(text) <= longest:
        return None
    return _("Please use no more than %(longest)d characters.", longest=longest)
