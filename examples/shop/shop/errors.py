"""HTTP errors as pages of the shop."""

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from framework import Request


def show(request: Request, error: HTTPException) -> Response:
    """Answer with the shop's page in place of the plain one; JSON stays JSON.

    The page must not touch the session, for it also has to say that the session store is away.
    """
    response = request.app.error_page(request, error)
    if response.mimetype == "text/html":
        response.set_data(request.render("error.html", error=error))
    return response
