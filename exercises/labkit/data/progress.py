"""Progress bars for downloads: shown in a terminal or notebook, silent elsewhere."""

from __future__ import annotations

import sys
from typing import Any

from labkit.progressbar import is_watched

__all__ = ["byte_bar"]


def byte_bar(what: str, total_bytes: int | None) -> Any:
    """Return a bar that counts bytes, shown where somebody watches and it takes longer than two seconds."""
    from tqdm import tqdm

    return tqdm(
        total=total_bytes,
        desc=what,
        unit="B",
        unit_scale=True,
        delay=2.0,
        file=sys.stdout,
        leave=False,
        disable=not is_watched(),
    )
