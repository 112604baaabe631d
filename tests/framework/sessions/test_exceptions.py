"""Session errors: what the visitor is told, and what the log is told."""

from __future__ import annotations

from framework.sessions import SessionConflict, SessionGone, SessionUnavailable


def test_an_unavailable_store_is_a_503_to_try_again_and_never_cached() -> None:
    error = SessionUnavailable("Redis at 10.0.0.1:6379: refused")
    response = error.get_response()
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert response.headers["Cache-Control"] == "no-store"
    assert "10.0.0.1" not in response.get_data(as_text=True)
    assert "10.0.0.1" in str(error)


def test_a_lost_race_is_a_409_that_is_never_cached() -> None:
    for error in (SessionConflict("cart"), SessionGone()):
        response = error.get_response()
        assert response.status_code == 409
        assert response.headers["Cache-Control"] == "no-store"
        assert "try again" in response.get_data(as_text=True)
    assert "session key 'cart'" in str(SessionConflict("cart"))
    assert "session key" not in str(SessionGone())
