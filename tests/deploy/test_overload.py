"""Many more visitors than the workers can serve, and none of them waits in vain."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.targets.local import LocalTarget

pytestmark = pytest.mark.integration

# One worker with two threads answers five of these a second.
APP = """\
import os, time

EXECUTED = os.open("executed", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def app(environ, start_response):
    if environ["PATH_INFO"] == "/page":
        time.sleep(0.4)
        os.write(EXECUTED, b".")
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
PAGES = 50
# As many as would wait for eight seconds, if they were let.
VISITORS = 40
PATIENCE = 5.0
QUEUE_TIMEOUT = 1.0


async def visit(port: int) -> tuple[str, str]:
    """Status and Retry-After of one answer, or what happened instead."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE):
            writer.write(b"GET /page HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
            head = (await reader.read()).split(b"\r\n\r\n")[0].decode().splitlines()
    except TimeoutError:
        return "gave up", ""
    finally:
        writer.close()
    headers = dict(line.split(": ", 1) for line in head[1:])
    return head[0].split()[1], headers.get("retry-after", "")


async def overload(port: int) -> Counter[tuple[str, str]]:
    """Visitors who come again and again, until the pages that were to be served are."""
    answers: Counter[tuple[str, str]] = Counter()

    async def visitor() -> None:
        while answers["200", ""] < PAGES and answers.total() < 20 * PAGES:
            answers[await visit(port)] += 1

    await asyncio.gather(*(visitor() for _ in range(VISITORS)))
    return answers


def test_what_cannot_be_answered_in_time_is_refused_and_not_worked_on(
    start: Callable[..., LocalTarget], project: Path
) -> None:
    (project / "slow_app.py").write_text(APP)
    target = start(
        "slow_app:app", nodes=1, workers=1, threads=2, **{"balancer.queue_timeout": QUEUE_TIMEOUT}
    )
    answers = asyncio.run(overload(int(target.url.rpartition(":")[2])))
    executed = len((project / "executed").read_bytes())

    useful, refused = answers["200", ""], answers["503", "1"]
    assert useful >= PAGES
    assert refused > VISITORS, answers
    # Nobody is left waiting, and no worker makes an answer that nobody wants: a visitor gets
    # either the page or, long before giving up, the refusal. A few may be lost to a machine that
    # stands still for seconds.
    assert executed - useful <= useful // 5, (answers, executed)
    assert answers["gave up", ""] <= useful // 5, answers
