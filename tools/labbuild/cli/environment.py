"""What every verb says when the machine is at fault and not its user."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

__all__ = ["explain_environment"]


@contextmanager
def explain_environment(verb: str) -> Iterator[None]:
    """Turn a missing package, a full disk or a file that cannot be written into one line and exit code 3.

    Args:
        verb: as the user typed it, e.g. ``labs check``.

    """
    try:
        yield
    except ModuleNotFoundError as error:
        mend = "pip install 'seqlabs[build]' ('labs doctor' says more)"
        click.echo(f"{verb} needs the package '{error.name}': {mend}", err=True)
        sys.exit(3)
    except OSError as error:
        click.echo(f"{verb} cannot read or write {error.filename}: {error.strerror or error}", err=True)
        sys.exit(3)
