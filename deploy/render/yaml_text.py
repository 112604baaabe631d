"""Values in YAML, in the short forms that people write."""

import json
import re
from collections.abc import Iterable, Mapping

PLAIN = re.compile(r"[A-Za-z/.$-][A-Za-z0-9_./:@=+${}-]*")
NOT_TEXT = re.compile(r"(?i)(true|false|yes|no|on|off|y|n|null|[-.]|[-+]?\.?(inf|nan)|.*:|---)")


def quoted(text: str) -> str:
    """Always in quotes; a JSON string is one of YAML's."""
    return json.dumps(text, ensure_ascii=False)


def word(text: str) -> str:
    """In quotes only where YAML would read something else than this text."""
    plain = PLAIN.fullmatch(text) and not NOT_TEXT.fullmatch(text) and "{" not in text
    return text if plain else quoted(text)


def flow(words: Iterable[str]) -> str:
    """A list on one line."""
    return f"[{', '.join(map(word, words))}]"


def mapping(values: Mapping[str, str], indent: int) -> str:
    """Lines `key: value`, each ended; the keys are plain."""
    return "".join(f"{' ' * indent}{key}: {word(text)}\n" for key, text in values.items())
