"""SessionInterface: what every one of them is asked, and what it may leave undone."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

from framework.sessions import Session, SessionInterface, codec


def test_the_base_interface_leaves_the_work_to_others() -> None:
    interface = SessionInterface()
    request = Request(EnvironBuilder().get_environ())
    config: Any = None
    interface.check()
    interface.close()
    interface.release(Session(codec))
    assert not interface.can_be_exclusive
    with pytest.raises(NotImplementedError):
        SessionInterface.from_config(config)
    with pytest.raises(NotImplementedError):
        interface.open(request)
    with pytest.raises(NotImplementedError):
        interface.save(request, Session(codec), Response())
    with pytest.raises(NotImplementedError):
        interface.log_out_everywhere("ada")
