"""Where a form may send a visitor."""

import re
from urllib.parse import urlsplit

PATH = re.compile(r"/(?![/\\])[!-~]*")  # no other host, no line break, no blank


def safe_path(text: str | None) -> str | None:
    """Return ``text`` if it is a path of this site, and ``None`` if it leads elsewhere.

    Browsers take ``//host`` and ``/\\host`` for another site.
    """
    if text is None or PATH.fullmatch(text) is None:
        return None
    return text if not urlsplit(text).netloc else None
