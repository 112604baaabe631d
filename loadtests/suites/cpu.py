"""Requests that keep a processor busy: the app computes which items are alike.

Throughput is limited by processors. Nodes that share one machine share those too, so this traffic
scales only as far as there are cores.

    THINK_TIME      seconds between tasks (0)

Run it alone: ``locust -f cpu.py --host http://127.0.0.1:8000``
"""

import os
import random

from locust import FastHttpUser, constant, task

ITEMS = 12


class RecommendationReader(FastHttpUser):
    wait_time = constant(float(os.environ.get("THINK_TIME", "0")))

    @task
    def recommendations(self) -> None:
        item_id = random.randint(1, ITEMS)
        self.client.get(f"/recommendations/{item_id}", name="/recommendations/<id>")
