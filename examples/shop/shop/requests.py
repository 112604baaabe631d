"""The shop's request class: what its views ask of every request."""

from functools import cached_property

from framework import Request
from shop.config import ShopConfig
from shop.models import User


class ShopRequest(Request):
    """A request that knows whose it is."""

    @cached_property
    def customer(self) -> User | None:
        """Who is logged in; the first touch asks the session and the database."""
        user_id = self.session.user_id
        return None if user_id is None else self.db.get(User, user_id)

    @property
    def visitor_address(self) -> str:
        """The address the visitor's connection came from, as the first of our proxies saw it.

        Each proxy adds to the end of ``X-Forwarded-For``; what stands before that, anybody may have
        written there.
        """
        forwarded = ",".join(self.headers.getlist("X-Forwarded-For"))
        hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
        hops.append(self.remote_addr or "")
        return hops[-1 - min(ShopConfig.of(self).proxies, len(hops) - 1)]
