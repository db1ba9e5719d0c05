"""A test that seeds the random numbers seeds those of the student's process too, before its next question.

Only the seed crosses, and only this way: what the student's code does with its generators changes nothing
here.
"""

from __future__ import annotations

import functools
import operator
import random
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["forward_seeds", "take_seeds"]

_MAX_PENDING = 64
_pending: list[tuple[str, int]] = []


def take_seeds() -> list[tuple[str, int]]:
    """Return the seeds that were set since the last call, as (generator, seed)."""
    taken = list(_pending)
    _pending.clear()
    return taken


def forward_seeds() -> None:
    """Note from now on each call that seeds a global generator of this process."""
    random.seed = _noting("random", random.seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed = _noting("numpy", numpy.random.seed)
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed = torch.random.manual_seed = _noting("torch", torch.manual_seed)


def _noting(kind: str, seed: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(seed)
    def note(*args: Any, **kwargs: Any) -> Any:
        result = seed(*args, **kwargs)
        value: Any = args[0] if args else next(iter(kwargs.values()), None)
        if hasattr(value, "__index__"):
            del _pending[:-_MAX_PENDING]
            _pending.append((kind, operator.index(value)))
        return result

    return note
