"""Which labs a command means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

__all__ = ["find_labs"]

_HOME = Path("exercises")


def find_labs(paths: Sequence[Path]) -> list[Path]:
    """Return the labs that were asked for, else every folder in ``exercises/`` that has a ``lab.toml``.

    Args:
        paths: folders or source files; a bare name may be a lab in ``exercises/``.

    Raises:
        click.UsageError: one of them is not there, or there is nothing to take by default.

    """
    if not paths:
        labs = sorted(path.parent for path in _HOME.glob("*/lab.toml"))
        if not labs:
            raise click.UsageError("no lab was named, and there is no folder exercises/ with labs here")
        return labs
    found = []
    for path in paths:
        choices = [choice for choice in (path, _HOME / path) if choice.exists()]
        if not choices:
            raise click.UsageError(f"there is no {path}")
        found.append(choices[0])
    return found
