"""The files that lie beside a lab's notebooks, written out so that the notebooks can run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

from labbuild.compiled import CompiledLab

__all__ = ["fill_folder"]

_LARGE_FILE = 1_000_000


def fill_folder(lab: CompiledLab, folder: Path, version: Literal["student", "solution"]) -> None:
    """Write given files and companion modules into a folder.

    Args:
        lab: compiled.
        folder: exists; large given files become links into the lab's folder.
        version: which text of the companion modules.

    """
    files = {**lab.given, **lab.kept} if version == "solution" else lab.given
    for name, source in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.stat().st_size > _LARGE_FILE:
            target.symlink_to(source.resolve())
        else:
            shutil.copyfile(source, target)
    for module in lab.modules:
        target = folder / module.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(getattr(module, version), encoding="utf-8")
