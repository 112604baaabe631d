"""A hook for the parts of the shop where a form has to carry its session's token."""

from framework import Request
from framework.sessions.csrf import require_csrf_token


def require_token(request: Request) -> None:
    """Refuse a form that no page of this session has sent."""
    require_csrf_token(request, request.session)
