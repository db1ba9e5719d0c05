"""A small working lab to start from."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from labbuild.sync import sync_pair

__all__ = ["NewLabError", "create_lab"]

_TEMPLATE = Path(__file__).parent / "templates" / "new_lab"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class NewLabError(Exception):
    """The lab cannot be made; the message says why and what to do."""


def create_lab(name: str, home: Path, title: str = "") -> list[Path]:
    """Write a new lab.

    Args:
        name: of its folder: letters, digits, ``-``, ``_``, ``.``.
        home: the folder that it goes into.
        title: for people; made from the name when it is "".

    Returns:
        The files that were written, the twin of the notebook among them.

    Raises:
        NewLabError: the name cannot be one, or the folder is there already.

    """
    if not _NAME.fullmatch(name):
        raise NewLabError(
            f"{name!r} cannot be a lab's name: write letters, digits, '-' and '_', as in 06-convolution"
        )
    folder = home / name
    if folder.exists():
        raise NewLabError(f"{folder} is there already; choose another name, or delete it")
    title = (
        title
        or re.sub(r"^[\d_.-]+", "", name).replace("-", " ").replace("_", " ").strip().capitalize()
        or name
    )
    texts = {
        source.name.removesuffix(".in"): source.read_text(encoding="utf-8").replace("@TITLE@", title)
        for source in sorted(_TEMPLATE.glob("*.in"))
    }
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home, prefix=".new-") as staging:
        fresh = Path(staging) / name
        fresh.mkdir()
        for file, text in texts.items():
            (fresh / file).write_text(text, encoding="utf-8")
        sync_pair(fresh / "cells", None, only_check=False)
        fresh.rename(folder)
    return sorted(folder.iterdir())
