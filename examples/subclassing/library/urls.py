"""Every URL of the library."""

from framework import Rule

urls = [
    Rule("/books", "library.views:books"),
    Rule("/books/<int:number>", "library.views:book"),
]
