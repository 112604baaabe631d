"""The URLs of the administration, below its blueprint's prefix."""

from framework import Rule

urls = [
    Rule("/", "orders"),
    Rule("/stock", "stock"),
    Rule("/stock", "change_stock", methods=["POST"]),
]
