import pytest
from gunicorn.config import Config

from deploy.gunicorn.greenlets import unsafe_preload


@pytest.mark.parametrize(
    ("worker_class", "preload", "unsafe"),
    [("gevent", True, True), ("gevent", False, False), ("gthread", True, False)],
)
def test_the_app_is_not_imported_before_gevent_patches(
    worker_class: str, preload: bool, unsafe: bool
) -> None:
    config = Config()
    config.set("worker_class", worker_class)
    config.set("preload_app", preload)
    problem = unsafe_preload(config)
    assert bool(problem) is unsafe
    if problem:
        assert "--profile greenlets" in problem
