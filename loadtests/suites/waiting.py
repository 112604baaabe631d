"""Requests whose time is spent waiting: the app asks a slow stock service.

Throughput is limited by how many requests the workers hold at once, not by processors, so nodes
that share one machine still show how the app scales.

    THINK_TIME      seconds between tasks (0)

Run it alone: ``locust -f waiting.py --host http://127.0.0.1:8000``
"""

import os
import random

from locust import FastHttpUser, constant, task

ITEMS = 12


class StockWatcher(FastHttpUser):
    wait_time = constant(float(os.environ.get("THINK_TIME", "0")))

    @task
    def stock(self) -> None:
        self.client.get(f"/stock/{random.randint(1, ITEMS)}", name="/stock/<id>")
