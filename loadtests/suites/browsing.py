"""Visitors who look at the catalogue and open items, without a session.

    THINK_TIME      seconds between tasks (0)

Run it alone: ``locust -f browsing.py --host http://127.0.0.1:8000``
"""

import os
import random

from locust import FastHttpUser, constant, task

ITEMS = 12


class Browser(FastHttpUser):
    wait_time = constant(float(os.environ.get("THINK_TIME", "0")))

    @task
    def catalogue(self) -> None:
        self.client.get("/")

    @task(3)
    def item(self) -> None:
        self.client.get(f"/items/{random.randint(1, ITEMS)}", name="/items/<id>")
