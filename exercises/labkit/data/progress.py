"""Progress bars for downloads: shown in a terminal or notebook, silent elsewhere."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

__all__ = ["byte_bar"]


def _someone_watches() -> bool:
    """Whether standard error ends at a person: a terminal, or the kernel of a notebook."""
    if sys.stderr.isatty():
        return True
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


def byte_bar(what: str, total_bytes: int | None) -> tqdm[Any]:
    """Return a bar that counts bytes."""
    return tqdm(
        total=total_bytes,
        desc=what,
        unit="B",
        unit_scale=True,
        delay=1.0,
        disable=not _someone_watches(),
    )
