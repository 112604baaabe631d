"""The view of a mount."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as WerkzeugResponse

    from .._typing import WSGIApplication
    from ..wrappers import Request


class MountedApp:
    """Hands a request on to a WSGI app."""

    def __init__(self, wsgi_app: WSGIApplication) -> None:
        self.wsgi_app = wsgi_app

    def __call__(self, request: Request, mounted_path: str, **values: str) -> WerkzeugResponse:
        """Answer with the app's response, streamed as the app makes it.

        ``mounted_path`` and ``values`` are decoded, so the path is cut by counting the slashes of
        ``mounted_path`` from its end: the app gets it as the client sent it.
        """
        prefix, *rest = request.environ["PATH_INFO"].rsplit("/", mounted_path.count("/"))
        outside = request.environ.get("SCRIPT_NAME", "").rstrip("/")
        # More than one slash in front would make URLs of the app lead to another host.
        inside = f"/{prefix.lstrip('/')}" if prefix.strip("/") else ""
        environ = {
            **request.environ,
            "SCRIPT_NAME": outside + inside,
            "PATH_INFO": "".join(f"/{part}" for part in rest),
        }
        return request.app.response_class.from_app(self.wsgi_app, environ)
