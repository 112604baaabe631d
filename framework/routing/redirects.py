"""The view of a rule that only leads elsewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from werkzeug.utils import redirect

from ..lenient import query_text

if TYPE_CHECKING:
    from typing import Any

    from werkzeug.wrappers import Response as WerkzeugResponse

    from ..wrappers import Request

PLACEHOLDER = r"<(\w+)>"


class Redirect:
    """Answers with a permanent redirect that keeps the method, the body and the query (308).

    ``location`` is an endpoint, which gets the values of the URL; or a URL (which has a slash in
    it) where ``<name>`` stands for one of them. A path is taken as one inside this app.
    """

    def __init__(self, location: str) -> None:
        self.location = location

    def __repr__(self) -> str:
        return f"<Redirect to {self.location!r}>"

    def __eq__(self, other: object) -> bool:
        # One endpoint may stand for several rules as long as they lead to the same place.
        return isinstance(other, Redirect) and other.location == self.location

    @property
    def is_url(self) -> bool:
        """Whether the location is a URL and not an endpoint."""
        return "/" in self.location

    @property
    def placeholders(self) -> set[str]:
        """The names that the URL is filled in with."""
        return set(re.findall(PLACEHOLDER, self.location))

    def __call__(self, request: Request, **values: Any) -> WerkzeugResponse:
        """Answer with the redirect."""
        url = self._fill_in(request, values) if self.is_url else None
        url = url or request.url_for(self.location, **values)
        if request.query_string:
            url, hash_sign, fragment = url.partition("#")
            url += ("&" if "?" in url else "?") + query_text(request) + hash_sign + fragment
        return redirect(url, 308, request.app.response_class)

    def _fill_in(self, request: Request, values: dict[str, Any]) -> str:
        url = re.sub(
            PLACEHOLDER,
            lambda name: quote(str(values[name[1]]), safe="!$&'()*+,/:;=@"),
            self.location,
        )
        if not self.location.startswith("/") or self.location.startswith("//"):
            return url
        # A value with a slash in front must not turn the path into another host.
        return f"{request.root_path.rstrip('/')}/{url.lstrip('/')}"
