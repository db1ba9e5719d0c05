"""The files that lie beside a lab's notebooks, written out so that the notebooks can run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

from labbuild.compiled import CompiledLab
from labbuild.folder import source_format
from labbuild.modules import draft_module

__all__ = ["fill_folder"]

_LARGE_FILE = 1_000_000


def fill_folder(lab: CompiledLab, folder: Path, version: Literal["student", "solution"]) -> None:
    """Write given files, companion modules, and for the solution what only it has, into a folder.

    Args:
        lab: compiled. For a single source file, what lies beside it takes the place of the lab's files.
        folder: made if it is not there; large files become links into the lab's folder.
        version: which text of the companion modules.

    """
    folder.mkdir(parents=True, exist_ok=True)
    files = dict(lab.given) | (dict(lab.kept) if version == "solution" else {})
    texts = {module.name: str(getattr(module, version)) for module in lab.modules}
    if lab.is_single_file:
        beside = _files_beside(lab)
        texts |= {
            name: str(getattr(draft_module(path, name).module, version))
            for name, path in beside.items()
            if path.suffix == ".py"
        }
        files |= {name: path for name, path in beside.items() if name not in texts}
    for name, source in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.stat().st_size > _LARGE_FILE:
            target.symlink_to(source.resolve())
        else:
            shutil.copyfile(source, target)
    for name, text in texts.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _files_beside(lab: CompiledLab) -> dict[str, Path]:
    """Return the files in the folder of a single source, other notebooks and hidden files left out."""
    sources = set(lab.sources)
    return {
        path.name: path
        for path in sorted(lab.folder.iterdir())
        if path.is_file()
        and not path.name.startswith(".")
        and path.resolve() not in sources
        and path.suffix not in (".md", ".ipynb")
        and source_format(path) is None
    }
