"""Hooks that let only some people in."""

from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response

from shop.requests import ShopRequest


def require_customer(request: ShopRequest) -> Response | None:
    """Send a stranger to the login page, and back here afterwards."""
    if request.customer is not None:
        return None
    back = request.path if request.method == "GET" else None
    return request.redirect("account.login", next=back)


def require_admin(request: ShopRequest) -> Response | None:
    """Let administrators in, and refuse customers."""
    if request.customer is not None and not request.customer.is_admin:
        raise Forbidden("Only those who run the shop may see this page.")
    return require_customer(request)
