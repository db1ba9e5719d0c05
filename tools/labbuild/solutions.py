"""Executed solutions of the course's own labs, kept in ``solutions/`` to be read on a code host."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

__all__ = ["publish_solutions"]

_EXPORTS = (".md", ".py", ".html", ".pdf")


def publish_solutions(labs: Iterable[Path], out: Path) -> list[Path]:
    """Copy executed solutions to ``solutions/LAB``.

    The rule: a lab in a folder ``exercises/`` with a folder ``solutions/`` beside that. Any other lab, and a
    single source file, stays in the output folder.

    Args:
        labs: what was built, with ``--execute solution`` or ``all``.
        out: the output folder of the build.

    Returns:
        The folders. A file that is the same stays untouched; one that is no longer built goes.

    """
    written = []
    for lab in labs:
        home = lab.resolve()
        shelf = home.parent.parent / "solutions"
        source = out / "solution" / home.name
        if home.parent.name == "exercises" and shelf.is_dir() and source.is_dir():
            _copy(source, shelf / home.name)
            written.append(shelf / home.name)
    return written


def _copy(source: Path, target: Path) -> None:
    notebooks = {path.stem for path in source.glob("*.ipynb")}
    wanted = {
        path.relative_to(source): path
        for path in source.rglob("*")
        if path.is_file()
        and not (path.suffix in _EXPORTS and path.stem in notebooks and path.parent == source)
    }
    for name, path in wanted.items():
        place = target / name
        if not place.is_file() or place.read_bytes() != path.read_bytes():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
    for path in sorted(target.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(target) not in wanted:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
