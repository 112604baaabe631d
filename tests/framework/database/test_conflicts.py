"""What visitors are told whose requests changed the same data at the same moment."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from framework.testing import TestClient
from tests.framework.database.notes import SERVERS, Note, texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import TestResponse

    from framework import App, Request

    MakeNotes = Callable[..., App]


@pytest.mark.parametrize("database_url", SERVERS, indirect=True)
def test_of_two_requests_in_a_deadlock_one_is_409_and_the_other_is_served(
    make_notes_on: MakeNotes, database_url: str
) -> None:
    both = threading.Barrier(2, timeout=60)

    def act(request: Request) -> str:
        order = [1, 2] if request.method == "POST" else [2, 1]
        for number in order:
            note = request.db.get(Note, number, with_for_update=True)
            assert note is not None
            note.text += f" {request.method}"
            request.db.flush()
            if number == order[0]:
                both.wait()
        return "written"

    app = make_notes_on(database_url, act)
    with app.database.session() as db:
        db.add_all([Note(id=1, text="first"), Note(id=2, text="second")])
    answers: dict[str, TestResponse] = {}

    def ask(method: str) -> None:
        answers[method] = TestClient(app).open("/", method=method)

    threads = [threading.Thread(target=ask, args=(method,)) for method in ("GET", "POST")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = {method: answer.status_code for method, answer in answers.items()}
    assert sorted(statuses.values()) == [200, 409]
    (winner,) = (method for method, status in statuses.items() if status == 200)
    assert sorted(texts(app)) == [f"first {winner}", f"second {winner}"]
