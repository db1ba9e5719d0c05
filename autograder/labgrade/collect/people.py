"""Compare names as people write them: either order, any case, any Unicode form, umlauts spelled out."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import permutations

__all__ = ["fold", "name_keys", "slug"]

_SPELLED = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "å": "aa",
        "ø": "oe",
        "æ": "ae",
        "œ": "oe",
        "ß": "ss",
        "þ": "th",
        "ð": "d",
    }
)
_PLAIN = str.maketrans(
    {"ø": "o", "æ": "ae", "œ": "oe", "ß": "ss", "ł": "l", "đ": "d", "ı": "i", "þ": "th", "ð": "d"}
)
_WORD = re.compile(r"[^\W\d_]+")
MAX_PERMUTED = 4
"""Names of more parts are joined in their own order and its rotations only."""


def fold(text: str) -> str:
    """Return an id or address as it is compared: no blanks around, one Unicode form, no case."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


@lru_cache(maxsize=65536)
def name_keys(name: str) -> frozenset[str]:
    """Return all spellings of a name; two names are taken for one if they share a spelling."""
    lowered = unicodedata.normalize("NFKC", name).lower()
    keys: set[str] = set()
    for text in {_without_marks(lowered.translate(_PLAIN)), _without_marks(lowered.translate(_SPELLED))}:
        parts = _WORD.findall(text)
        if not parts:
            continue
        keys.add(" ".join(sorted(parts)))
        orders = permutations(parts) if len(parts) <= MAX_PERMUTED else _rotations(parts)
        keys.update("".join(order) for order in orders)
    return frozenset(keys)


def slug(name: str) -> str:
    """Return a short id made of a name: ``Ada König`` gives ``ada-konig``."""
    return "-".join(
        _WORD.findall(_without_marks(unicodedata.normalize("NFKC", name).lower().translate(_PLAIN)))
    )


def _without_marks(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))


def _rotations(parts: list[str]) -> list[tuple[str, ...]]:
    return [tuple(parts[at:] + parts[:at]) for at in range(len(parts))]
