"""What a shop's visitors do, in one mix: they look around, fill a cart, and wait for stock.

Of a hundred tasks

    60  look around: the front page and an item     (LOOKING)
    30  add an item to the cart and check the cart  (BUYING)
    10  ask a slow service for the stock            (WAITING)

A user does all three, by chance in these proportions. With a kind of user for each, the mix would
depend on how few users there are, and runs of different sizes could not be compared.

    LOOKING, BUYING, WAITING    whole numbers, the proportions (6, 3, 1)
    THINK_TIME                  seconds between tasks (0)

Run it alone: ``locust -f mixed.py --host http://127.0.0.1:8000``
"""

import os
import random
from collections import Counter
from typing import Any

from locust import FastHttpUser, constant, task

LOOKING = int(os.environ.get("LOOKING", "6"))
BUYING = int(os.environ.get("BUYING", "3"))
WAITING = int(os.environ.get("WAITING", "1"))
ITEMS = 12
FULL_CART = 10  # pairs, from which on the next visitor comes


class Visitor(FastHttpUser):
    wait_time = constant(float(os.environ.get("THINK_TIME", "0")))

    def on_start(self) -> None:
        self.become_another_visitor()

    def become_another_visitor(self) -> None:
        self.client.cookiejar.clear()
        self.cart: Counter[str] = Counter()

    @task(LOOKING)
    def look_around(self) -> None:
        self.client.get("/")
        self.client.get(f"/items/{random.randint(1, ITEMS)}", name="/items/<id>")

    @task(BUYING)
    def buy(self) -> None:
        item_id = str(random.randint(1, ITEMS))
        if self.cart.total() >= FULL_CART or not self.add(item_id):
            # After a failure nobody knows what is in the cart.
            self.become_another_visitor()
            return
        self.cart[item_id] += 1
        self.check_cart()

    @task(WAITING)
    def wait_for_stock(self) -> None:
        self.client.get(f"/stock/{random.randint(1, ITEMS)}", name="/stock/<id>")

    def add(self, item_id: str) -> bool:
        form = {"item_id": item_id, "quantity": "1"}
        with self.client.post(
            "/cart/add", data=form, allow_redirects=False, catch_response=True
        ) as response:
            added: bool = response.status_code == 303
            if response.ok and not added:
                response.failure(f"expected a redirect to the cart, got {response.status_code}")
            return added

    def check_cart(self) -> None:
        with self.client.get("/cart/contents", catch_response=True) as response:
            if not response.ok:
                return
            try:
                problem = self.find_problem(response.json())
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                problem = f"this is no cart: {error!r} in {str(response.text)[:100]!r}"
            if problem is not None:
                response.failure(problem)
                self.become_another_visitor()

    def find_problem(self, answer: dict[str, Any]) -> str | None:
        """Return how the cart differs from what this visitor put into it, or None."""
        place = f"{answer.get('node') or 'the app'} (slot {answer.get('slot') or '?'})"
        if answer["items"] != dict(self.cart):
            return f"{place} has another cart: expected {dict(self.cart)}, got {answer['items']}"
        return None
