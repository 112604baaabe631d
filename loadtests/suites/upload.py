"""Visitors who send files and check that the app received every byte of them.

The app answers with the length and the SHA-256 of what arrived. Each body is another one, so an
answer that belongs to somebody else's upload is noticed as well.

    UPLOAD_BYTES    the size of a file (100000)
    UPLOAD_AS       "body", the file alone, or "form", the file in a multipart form ("body")
    THINK_TIME      seconds between uploads (0)

Run it alone: ``locust -f upload.py --host http://127.0.0.1:8000``
"""

import hashlib
import os
import random
from typing import Any

from locust import FastHttpUser, constant, task

UPLOAD_BYTES = int(os.environ.get("UPLOAD_BYTES", "100000"))
UPLOAD_AS = os.environ.get("UPLOAD_AS", "body")
MARK = 16  # bytes that differ from file to file

if UPLOAD_AS not in ("body", "form"):
    raise ValueError(f'UPLOAD_AS is {UPLOAD_AS!r}: write "body" or "form".')

rest_of_file = random.randbytes(max(0, UPLOAD_BYTES - MARK))


class Uploader(FastHttpUser):
    wait_time = constant(float(os.environ.get("THINK_TIME", "0")))

    @task
    def upload(self) -> None:
        file = random.randbytes(min(MARK, UPLOAD_BYTES)) + rest_of_file
        sent: dict[str, Any] = {"data": file}
        if UPLOAD_AS == "form":
            sent = {"files": {"picture": ("pair.jpg", file)}}
        with self.client.post("/pictures", catch_response=True, **sent) as response:
            if not response.ok:
                return
            try:
                problem = find_problem(file, response.json())
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                problem = f"this is no receipt: {error!r} in {str(response.text)[:100]!r}"
            if problem is not None:
                response.failure(problem)


def find_problem(file: bytes, answer: dict[str, Any]) -> str | None:
    """Return how the app's receipt differs from what was sent, or None."""
    place = f"{answer.get('node') or 'the app'} (slot {answer.get('slot') or '?'})"
    if answer["length"] != len(file):
        return f"{place} received {answer['length']} bytes: expected {len(file)}"
    if answer["sha256"] != hashlib.sha256(file).hexdigest():
        return f"{place} received other bytes than were sent: their SHA-256 differs"
    return None
