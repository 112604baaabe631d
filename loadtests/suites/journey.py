"""Visitors with a session and an account: they fill a cart, order, and find all of it again.

Each user remembers what it did. An answer with another cart, with the state of another visitor, or
without an order that was confirmed, is a failure that names the node, what was expected and what
came. Of ten tasks nine fill the cart and one orders it. The first order of a user makes its
account. Each order is looked for three times, so with several nodes mostly on another than the one
that took it; how many were is logged at the end.

    THINK_TIME      seconds between tasks (0)
    BUYING          of ten tasks, how many order the cart (1)

Run it alone: ``locust -f journey.py --host http://127.0.0.1:8000``
"""

import logging
import os
import random
import re
import secrets
from collections import Counter
from typing import Any

from locust import FastHttpUser, constant, events, task

ITEMS = 12
FULL_CART = 5  # different items, from which on the visitor also takes items out
LOOKS = 3  # how often an order is looked for, always as often: sizes are compared by their requests
LISTED = 50  # orders in the list of the app, the latest first
BUYING = int(os.environ.get("BUYING", "1"))
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')

logger = logging.getLogger(__name__)

owners: dict[str, "Visitor"] = {}
"""Whose session a visitor value belongs to; the app makes one value a session."""

found: Counter[str] = Counter()
"""How many orders were found again, "elsewhere" or only by "the same" node that took them."""


class Visitor(FastHttpUser):
    wait_time = constant(float(os.environ.get("THINK_TIME", "0")))

    def on_start(self) -> None:
        self.cart: Counter[str] = Counter()
        self.unsure: set[str] = set()  # items whose last change was not answered
        self.visitor: str | None = None
        self.email: str | None = None
        self.orders: list[dict[str, int]] = []  # what was ordered, the latest first
        self.unsure_order = False  # whether the last order was not answered

    def on_stop(self) -> None:
        if self.visitor is not None and owners.get(self.visitor) is self:
            del owners[self.visitor]

    @task(10 - BUYING)
    def shop(self) -> None:
        """Look around, change the cart, and look into the cart."""
        self.client.get("/")
        item_id = str(random.randint(1, ITEMS))
        self.client.get(f"/items/{item_id}", name="/items/<id>")
        if len(self.cart) < FULL_CART:
            self.add(item_id, random.randint(1, 3))
        else:
            self.remove(random.choice(sorted(self.cart)))
        self.check_cart()

    @task(BUYING)
    def buy(self) -> None:
        """Order the cart, and find the order again."""
        if self.email is None:
            self.register()
        self.add(str(random.randint(1, ITEMS)), 1)
        self.check_cart()
        if self.email is None or not self.cart:
            return
        self.order()
        places = [self.check_orders() for _ in range(LOOKS)]
        if None not in places:
            found["elsewhere" if "elsewhere" in places else "the same"] += 1

    # The cart

    def add(self, item_id: str, quantity: int) -> None:
        form = {"item_id": item_id, "quantity": str(quantity)}
        if self.change("/cart/add", item_id, form):
            self.cart[item_id] += quantity

    def remove(self, item_id: str) -> None:
        if self.change("/cart/remove", item_id, {"item_id": item_id}):
            del self.cart[item_id]

    def change(self, url: str, item_id: str, form: dict[str, str]) -> bool:
        """Post a change and return whether it was made.

        After a failure nobody knows whether it was, so the next look into the cart tells.
        """
        if self.post(url, form) == 303:
            return True
        self.unsure.add(item_id)
        return False

    def post(self, url: str, form: dict[str, str], also: int | None = None) -> int:
        """Post a form and return the status, 0 without an answer.

        :param also: a status that is no failure, besides 303.
        """
        with self.client.post(
            url, data=form, allow_redirects=False, catch_response=True
        ) as response:
            status: int = response.status_code
            if status == also:
                response.success()
            elif response.ok and status != 303:
                response.failure(f"expected a redirect, got {status}")
            return status

    def check_cart(self) -> None:
        with self.client.get("/cart/contents", catch_response=True) as response:
            if not response.ok:
                return
            try:
                answer = response.json()
                problem = self.find_problem(answer)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                response.failure(f"this is no cart: {error!r} in {str(response.text)[:100]!r}")
                return
            if problem is not None:
                response.failure(f"{place(answer)} {problem}")
            self.adopt(answer)

    def find_problem(self, answer: dict[str, Any]) -> str | None:
        """Return how the answer differs from what this visitor did, or None."""
        visitor, items = answer["visitor"], answer["items"]
        if self.visitor is not None and visitor != self.visitor:
            whose = "another visitor's" if visitor in owners else "a new visitor's"
            return (
                f"answered with {whose} state: expected visitor {self.visitor} with "
                f"{dict(self.cart)}, got {visitor} with {items}"
            )
        if visitor is not None and owners.get(visitor, self) is not self:
            return f"answered with another visitor's state: visitor {visitor} with {items}"
        for item_id in sorted(self.cart.keys() | items.keys()):
            expected, got = self.cart[item_id], items.get(item_id, 0)
            if expected != got and item_id not in self.unsure:
                lost = "lost items" if got < expected else "has items too many"
                return f"{lost}: expected {expected} of item {item_id}, got {got}"
        return None

    def adopt(self, answer: dict[str, Any]) -> None:
        """Go on from what the app says, so that one loss is one failure and not one a request."""
        self.cart = Counter(answer["items"])
        self.unsure.clear()
        if answer["visitor"] != self.visitor:
            self.on_stop()
            self.visitor = answer["visitor"]
            if self.visitor is not None:
                owners.setdefault(self.visitor, self)

    # The account and its orders

    def register(self) -> None:
        email = f"{secrets.token_hex(8)}@example.org"
        form = {"name": "A visitor", "email": email, "password": secrets.token_hex(8)}
        token = self.token_of("/account/register")
        if token and self.post("/account/register", {"csrf_token": token, **form}) == 303:
            self.email = email

    def order(self) -> None:
        """Order the cart. What is sold out goes back to the shelf."""
        token = self.token_of("/checkout")
        if token is None:
            return
        address = {"name": "A visitor", "address": "1 Example Street, Exampleton"}
        form = {"csrf_token": token, "email": str(self.email), **address}
        status = self.post("/checkout", form, also=422)
        if status == 422:
            for item_id in sorted(self.cart):
                self.remove(item_id)
            return
        # If nobody confirmed it, the next look at the cart and the orders tells.
        self.unsure_order = status != 303
        self.unsure |= set(self.cart) if self.unsure_order else set()
        if status == 303:
            self.orders.insert(0, dict(self.cart))
            self.cart.clear()

    def token_of(self, url: str) -> str | None:
        """Return the token of the form on a page."""
        with self.client.get(url, catch_response=True) as response:
            found = TOKEN.search(response.text or "") if response.ok else None
            if response.ok and found is None:
                response.failure(f"expected a form with a csrf_token, got {response.url}")
            return found[1] if found else None

    def check_orders(self) -> str | None:
        """Return where the latest order was found, None if it was not."""
        with self.client.get(
            "/orders/contents", allow_redirects=False, catch_response=True
        ) as response:
            if response.status_code == 303:
                response.failure(f"knows nobody: expected the orders of {self.email}")
            if not response.ok or response.status_code == 303:
                return None
            try:
                answer = response.json()
                problem = self.find_order_problem(answer)
                self.orders = [order["items"] for order in answer["orders"]]
                self.unsure_order = False
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                response.failure(f"these are no orders: {error!r} in {str(response.text)[:100]!r}")
                return None
            if problem is not None:
                response.failure(f"{place(answer)} {problem}")
                return None
            latest = answer["orders"][:1]
            same = not latest or latest[0].get("node") == answer.get("node")
            return "the same" if same else "elsewhere"

    def find_order_problem(self, answer: dict[str, Any]) -> str | None:
        """Return how the orders differ from what this visitor ordered, or None."""
        if answer["customer"] != self.email:
            return f"answered with the orders of {answer['customer']}, expected {self.email}"
        orders = [order["items"] for order in answer["orders"]]
        expected = self.orders[:LISTED]
        if orders == expected:
            return None
        if self.unsure_order and orders[1:] == expected[: LISTED - 1]:
            return None
        what = "lost an order" if len(orders) < len(expected) else "has other orders"
        counts = f"{len(expected)} orders, the latest {expected[:1]}"
        return f"{what}: expected {counts}, got {len(orders)}, the latest {orders[:1]}"


@events.quitting.add_listener
def tell_where_orders_were_found(**_: object) -> None:
    if found:
        logger.info(
            "Orders found again: %d by another node than the one that took it, %d by the same.",
            found["elsewhere"],
            found["the same"],
        )


def place(answer: dict[str, Any]) -> str:
    return f"{answer.get('node') or 'the app'} (slot {answer.get('slot') or '?'})"
