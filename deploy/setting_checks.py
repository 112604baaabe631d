"""Whether a value can be what its setting says: each check returns what is wrong, or None."""

import ipaddress
import os
import re
import shlex

from .profiles import PROFILES
from .rundir import MAX_SOCKET_PATH

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
APP = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\(.*\))?")
ADDRESS = re.compile(r"(\*|[\w.-]*|\[[0-9a-fA-F:.]+\]):(\d{1,5})")
SIZE = re.compile(r"(\d+) ?(KiB|MiB|GiB)")
UNITS = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
SMALLEST_HEADERS = 1024
LARGEST_HEADERS = 256 * 1024
LONGEST_AGE = 100_000_000


def is_text(value: object) -> str | None:
    return None if isinstance(value, str) and value else "must be text"


def is_command(value: object) -> str | None:
    if not isinstance(value, str):
        return "must be a command line, as in 'twofold db upgrade'"
    try:
        words = shlex.split(value)
    except ValueError as error:
        return f"is no command line: {error}"
    return None if words else "must name a program"


def is_cpus(value: object) -> str | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "must be a number of CPUs, such as 0.5"
    return None if 0.01 <= value <= 1024 else "must be from 0.01 to 1024"


def is_positive(value: object) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return "must be a whole number"
    return None if value >= 1 else "must be at least 1"


def is_flag(value: object) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def is_seconds(value: object) -> str | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "must be a number of seconds"
    return None if 0 < value < 86_400 else "must be more than 0 and less than a day"


def is_app(value: object) -> str | None:
    if not isinstance(value, str):
        return "must be an import string, as in 'shop:app'"
    if ":" not in value and re.fullmatch(r"[\w.]+", value):
        return f"names no attribute; write it as {value.removesuffix('.py') + ':app'!r}"
    return None if APP.fullmatch(value) else "must be an import string, as in 'shop:app'"


def is_name(value: object) -> str | None:
    if isinstance(value, str) and NAME.fullmatch(value):
        return None
    return "must be up to 32 letters, digits, - and _, and start with a letter or digit"


def is_profile(value: object) -> str | None:
    if value == "eventlet":
        return "gunicorn 26 removed eventlet; 'greenlets' (gevent) takes its place"
    return None if value in PROFILES else f"no such profile; choose one of {', '.join(PROFILES)}"


def is_path(value: object) -> str | None:
    if isinstance(value, str) and re.fullmatch(r"/[!-~]*", value):
        return None
    return "must be a URL path, as in '/readyz'"


def are_paths(value: object) -> str | None:
    if isinstance(value, list) and value and all(is_path(path) is None for path in value):
        return None
    return "must be a list of URL paths, as in ['/', '/items/1']"


def is_bind(value: object) -> str | None:
    text = value if isinstance(value, str) else ""
    if text.startswith("unix:/"):
        return _is_socket_path(text.removeprefix("unix:"))
    problem = is_address(value)
    return f"{problem}; a unix socket is unix:/PATH" if problem else None


def is_address(value: object) -> str | None:
    form = ADDRESS.fullmatch(str(value))
    if not isinstance(value, str) or form is None or int(form[2]) > 65_535:
        return "must be HOST:PORT, as in '127.0.0.1:8000' or '[::1]:8000'; port 0 takes a free one"
    return None


def _is_socket_path(path: str) -> str | None:
    size = len(os.fsencode(path))
    if size > MAX_SOCKET_PATH:
        return f"a unix socket's path may have {MAX_SOCKET_PATH} bytes, and this has {size}"
    return None if path.isprintable() else "a unix socket's path must be printable"


def is_mode(value: object) -> str | None:
    if isinstance(value, str) and re.fullmatch(r"0?[0-7]{3}", value):
        return None
    return "must be an octal mode in quotes, as in '660'"


def are_proxies(value: object) -> str | None:
    if not isinstance(value, list):
        return "must be a list, as in ['10.0.0.0/8', 'unix']"
    for proxy in value:
        try:
            if proxy != "unix":
                ipaddress.ip_network(proxy)
        except ValueError as error:
            return f"{error}; each must be an address, a network such as '10.0.0.0/8', or 'unix'"
    return None


def is_count(value: object) -> str | None:
    return is_positive(value) or (None if int(str(value)) <= 1000 else "must be at most 1000")


def is_size(value: object) -> str | None:
    if isinstance(value, str) and SIZE.fullmatch(value):
        return None if size(value) else "must be at least 1"
    if isinstance(value, str):
        return "must be a number of bytes, or text as in '16 MiB'"
    return is_positive(value)


def is_header_size(value: object) -> str | None:
    problem = is_size(value)
    if problem is None and not SMALLEST_HEADERS <= size(value) <= LARGEST_HEADERS:
        return f"must be from {SMALLEST_HEADERS} to {LARGEST_HEADERS} bytes"
    return problem


def size(value: object) -> int:
    """Bytes, from what `is_size` accepts."""
    form = SIZE.fullmatch(str(value))
    return int(form[1]) * UNITS[form[2]] if form else int(str(value))


def is_age(value: object) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return "must be a whole number of seconds"
    return None if 0 <= value <= LONGEST_AGE else f"must be from 0 to {LONGEST_AGE}"


def is_environment(value: object) -> str | None:
    if not isinstance(value, dict):
        return 'must be a table, as in [env] SECRET_KEY = "…"'
    for key, text in value.items():
        if not isinstance(text, str):
            return f"{key} must be text, since it becomes an environment variable: quote it"
        if not key or "=" in key or "\0" in key + text:
            return f"{key!r} cannot be the name of an environment variable"
    return _is_worker_count(value.get("WEB_CONCURRENCY", ""))


def _is_worker_count(text: str) -> str | None:
    # gunicorn reads this variable while it is imported, and ends if it is no number.
    problem = is_positive(int(text) if text.isdecimal() else text) if text else None
    if problem:
        return f"WEB_CONCURRENCY = {text!r}: {problem}, the workers of a node; or leave it out"
    return None


def is_table(value: object) -> str | None:
    return None if isinstance(value, dict) else "must be a table"
