"""A small API whose app, request and response are subclasses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework import App, Request, Response
from library.paging import Page

if TYPE_CHECKING:
    from werkzeug.exceptions import HTTPException
    from werkzeug.wrappers import Response as WerkzeugResponse

ERRORS = "https://library.example/errors"


class APIRequest(Request):
    """A request that knows which page of a list it asks for."""

    @property
    def page(self) -> Page:
        """The page that ``?page=`` and ``?size=`` name; 400 if there can be no such page."""
        return Page.from_query(self.args)


class APIResponse(Response):
    """JSON unless its type is given, and never guessed to be something else by a browser."""

    default_mimetype = "application/json"

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self.headers["X-Content-Type-Options"] = "nosniff"


class API(App):
    """An app whose errors are JSON for everyone, whatever they say they accept."""

    request_class = APIRequest
    response_class = APIResponse

    def error_page(self, request: Request, error: HTTPException) -> WerkzeugResponse:
        """Return an HTTP error as RFC 9457 describes it, with a page of ours that explains it."""
        response = super().error_page(request, error)
        if error.response is None:
            problem = {
                "type": f"{ERRORS}/{error.code}",
                "title": error.name,
                "status": error.code,
                "detail": error.description,
            }
            response.data = self.json.dumps(problem)
            response.content_type = "application/problem+json"
        return response


app = API("library", urls="library.urls")
