"""Visitors who open the front page, over and over: traffic that any app understands.

    THINK_TIME      seconds between tasks (0)

Run it alone: ``locust -f front.py --host http://127.0.0.1:8000``
"""

import os

from locust import FastHttpUser, constant, task


class Visitor(FastHttpUser):
    wait_time = constant(float(os.environ.get("THINK_TIME", "0")))

    @task
    def front(self) -> None:
        self.client.get("/")
