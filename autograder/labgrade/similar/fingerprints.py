"""Fingerprints of code: hashes of runs of tokens, thinned by winnowing, and of whole lines.

Source: Schleimer, Wilkerson, Aiken, "Winnowing: Local Algorithms for Document Fingerprinting", SIGMOD 2003.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from labgrade.similar.tokens import CodeLine, normalise

__all__ = ["RUN", "WINDOW", "fingerprint"]

RUN = 12
"""Tokens of a run: one line and a half of an answer; a shorter agreement says nothing."""
WINDOW = 5
"""Of so many neighbouring runs one is kept: an agreement of RUN + WINDOW - 1 tokens is always found."""
SHORTEST_LINE = 8
"""Tokens of a line that counts by itself, wherever it stands: this finds reordered lines."""

_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)


@lru_cache(maxsize=4096)
def fingerprint(text: str) -> dict[int, frozenset[int]]:
    """Return a text's fingerprints: hash -> numbers of the lines where it stands, from 1.

    The same for the same code whatever its names, comments and spaces, in every process.
    """
    lines = normalise(text)
    found: dict[int, set[int]] = {}
    for line in lines:
        if len(line.tokens) >= SHORTEST_LINE:
            found.setdefault(_line_hash(line), set()).add(line.number)
    for value, numbers in _winnow(lines):
        found.setdefault(value, set()).update(numbers)
    return {value: frozenset(numbers) for value, numbers in found.items()}


def _winnow(lines: Sequence[CodeLine]) -> list[tuple[int, set[int]]]:
    tokens = [token for line in lines for token in line.tokens]
    at = [line.number for line in lines for _ in line.tokens]
    if len(tokens) < RUN:
        return []
    ids = np.array([_token_id(token) for token in tokens], dtype=np.uint64)
    hashes = _run_hashes(ids)
    window = min(WINDOW, len(hashes))
    views = np.lib.stride_tricks.sliding_window_view(hashes, window)
    kept = sorted(set((views.argmin(axis=1) + np.arange(len(views))).tolist()))
    return [(int(hashes[start]), set(at[start : start + RUN])) for start in kept]


def _run_hashes(ids: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the hash of each run; arithmetic modulo 2 to the 64th.

    Args:
        ids: of the tokens, shape [T], uint64.

    Returns:
        Shape [T - RUN + 1], uint64.

    """
    count = len(ids) - RUN + 1
    total = np.zeros(count, dtype=np.uint64)
    for offset in range(RUN):
        total = total * _BASE + ids[offset : offset + count]
    mixed: NDArray[np.uint64] = (total ^ (total >> np.uint64(31))) * _MIX
    return mixed


@lru_cache(maxsize=65536)
def _token_id(token: str) -> int:
    return int.from_bytes(blake2b(token.encode("utf-8", "replace"), digest_size=8).digest(), "big")


def _line_hash(line: CodeLine) -> int:
    """Return the hash of a line in which the student's names are told apart by their order."""
    return _token_id("\x00".join((*line.tokens, "\x01", *map(str, line.pattern))))
