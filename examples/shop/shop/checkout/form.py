"""The checkout form and its rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from framework.i18n.lazy import lazy_gettext as _
from shop.forms import EMAIL, MAX_LENGTHS, NO_EMAIL, NO_NAME, too_long
from shop.models import User


@dataclass(frozen=True, slots=True)
class CheckoutForm:
    """What somebody who orders types in."""

    name: str = ""
    email: str = ""
    address: str = ""

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> Self:
        """Read the fields of a form; one that is missing is empty."""
        return cls(**{name: fields.get(name, "").strip() for name in MAX_LENGTHS})

    @classmethod
    def of_customer(cls, customer: User | None) -> Self:
        """Return the form with what is known of a customer."""
        return cls() if customer is None else cls(name=customer.name, email=customer.email)

    def errors(self) -> dict[str, object]:
        """Return what is wrong, by the name of the field; empty if all is well."""
        errors: dict[str, object] = {}
        if not self.name:
            errors["name"] = NO_NAME
        if not EMAIL.fullmatch(self.email):
            errors["email"] = NO_EMAIL
        if len(self.address) < 10:
            errors["address"] = _("Please enter street, place and country.")
        for name in MAX_LENGTHS:
            if wrong := too_long(name, getattr(self, name)):
                errors[name] = wrong
        return errors
