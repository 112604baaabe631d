from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from framework.health import livez, readyz
from framework.testing import TestClient
from framework.worker import WorkerState

if TYPE_CHECKING:
    from conftest import MakeApp


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_pass_by_hosts_hooks_and_sessions(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    app = make_app(trusted_hosts=["shop.example"])
    touched: list[Any] = []
    app.before_request(touched.append)
    app.after_request(lambda request, response: touched.append(request))
    monkeypatch.setattr(app, "make_session_interface", lambda: touched.append("session"))
    answer = TestClient(app).get(path, headers={"Host": "127.0.0.2:9000", "Cookie": "session=x"})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert touched == []


@pytest.mark.parametrize("state", WorkerState)
def test_only_a_ready_worker_is_ready_and_every_one_is_alive(state: WorkerState) -> None:
    assert readyz(state).status_code == (200 if state is WorkerState.READY else 503)
    assert readyz(state).get_data(as_text=True) == f"{state}\n"
    assert livez().status_code == 200
