"""Run one node: `python -m deploy.gunicorn`, with its settings in TWOFOLD_GUNICORN."""

import sys

from deploy.gunicorn import GREENLET_WORKERS, read_settings

if read_settings().get("worker_class") in GREENLET_WORKERS:
    # Before anything else is imported: a module that took a lock, a socket or an SSL context
    # from the standard library before the patch would block every greenlet.
    from gevent import monkey

    monkey.patch_all()

GUNICORN_FLOOR = (27,)


def main() -> None:
    from gunicorn import __version__, version_info

    if version_info[: len(GUNICORN_FLOOR)] < GUNICORN_FLOOR:
        sys.exit(
            f"gunicorn {__version__} is too old: before 27 it loses requests when it stops or "
            "reloads. Run `pip install 'gunicorn>=27'`."
        )
    from deploy.gunicorn.arbiter import NodeApplication

    sys.argv[:] = ["gunicorn", "--config", "python:deploy.gunicorn.conf"]
    NodeApplication().run()


if __name__ == "__main__":
    main()
