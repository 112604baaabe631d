"""The books. Views name the request class of their app, and so know what it adds."""

from typing import Any

from werkzeug.exceptions import NotFound

from library import APIRequest

BOOKS = ["Middlemarch", "Emma", "Kindred", "Solaris", "Beloved"]


def books(request: APIRequest) -> dict[str, Any]:
    """List one page of titles."""
    return {"page": request.page.number, "books": request.page.of(BOOKS)}


def book(request: APIRequest, number: int) -> dict[str, Any]:
    """Show one book; the first is 1."""
    if not 1 <= number <= len(BOOKS):
        raise NotFound(f"There is no book {number}.")
    return {"title": BOOKS[number - 1]}
