"""Which labs a command means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from labbuild.cli.build import labs_of_course

__all__ = ["find_labs"]

_EXERCISES = Path("exercises")


def find_labs(paths: Sequence[Path]) -> list[Path]:
    """Return the labs that were asked for, else every lab in ``exercises/``.

    Args:
        paths: folders or source files; a bare name may be a lab in ``exercises/``.

    Raises:
        click.UsageError: one of them is not there, or there is nothing to take by default.

    """
    if not paths:
        return labs_of_course()
    found = []
    for path in paths:
        choices = [choice for choice in (path, _EXERCISES / path) if choice.exists()]
        if not choices:
            raise click.UsageError(f"there is no {path}")
        found.append(choices[0])
    return found
