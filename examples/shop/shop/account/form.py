"""The form of somebody who registers, and its rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from framework.i18n.lazy import lazy_gettext as _
from shop.account.passwords import LONGEST, SHORTEST
from shop.forms import EMAIL, NO_EMAIL, NO_NAME, too_long


@dataclass(frozen=True, slots=True)
class RegisterForm:
    """What somebody who registers types in."""

    name: str = ""
    email: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> Self:
        """Read the fields of a form; the password is left as it was typed."""
        return cls(fields.get("name", "").strip(), clean_email(fields), fields.get("password", ""))

    def errors(self) -> dict[str, object]:
        """Return what is wrong, by the name of the field; empty if all is well."""
        errors: dict[str, object] = {}
        if not self.name:
            errors["name"] = NO_NAME
        if not EMAIL.fullmatch(self.email):
            errors["email"] = NO_EMAIL
        for name in ("name", "email"):
            if wrong := too_long(name, getattr(self, name)):
                errors[name] = wrong
        if not SHORTEST <= len(self.password) <= LONGEST:
            errors["password"] = _(
                "Please choose a password of %(least)d to %(most)d characters.",
                least=SHORTEST,
                most=LONGEST,
            )
        return errors


def clean_email(fields: Mapping[str, str]) -> str:
    """Return the field ``email`` as accounts are found by it."""
    return fields.get("email", "").strip().lower()
