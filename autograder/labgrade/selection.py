"""Grade some notebooks of a lab: the others, and the files that only they need, are left out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from labgrade.errors import UsageError
from labgrade.lab import Lab, digest_lab

__all__ = ["select_notebooks"]

_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([A-Za-z_]\w*)[\w.]*[ \t]+import\b|import[ \t]+([^#\n]+))", re.MULTILINE
)


def select_notebooks(lab: Lab, names: Collection[str]) -> Lab:
    """Return the lab with some of its notebooks.

    A file that students write stays if a kept notebook imports it, directly or through other files.

    Args:
        lab: as read.
        names: of the notebooks to keep, without suffix; none keeps all.

    Raises:
        UsageError: the lab has no notebook of that name.

    """
    if not names:
        return lab
    known = [notebook.name for notebook in lab.spec.notebooks]
    for name in names:
        if name not in known:
            raise UsageError(
                "no-notebook",
                f"the lab has no notebook '{name}'",
                f"it has {', '.join(known)}",
                lab.spec.name,
            )
    notebooks = tuple(notebook for notebook in lab.spec.notebooks if notebook.name in names)
    pages = tuple(page for page, name in zip(lab.pages, known, strict=True) if name in names)
    texts = [cell.source for notebook in notebooks for cell in notebook.cells if cell.cell_type == "code"]
    needed = _imported_files(texts, {**lab.spec.given_files, **lab.spec.student_files})
    kept = {path: data for path, data in lab.spec.student_files.items() if path in needed}
    return digest_lab(
        replace(
            lab,
            spec=replace(lab.spec, notebooks=notebooks, student_files=kept),
            pages=pages,
            partial=len(notebooks) < len(known),
        )
    )


def _imported_files(texts: Iterable[str], files: Mapping[str, bytes]) -> frozenset[str]:
    """Return the files that a text imports, and those that they import in turn."""
    by_module = {path.removesuffix(".py"): path for path in files if path.endswith(".py")}
    found: set[str] = set()
    waiting = list(texts)
    while waiting:
        for module in _imported_modules(waiting.pop()):
            path = by_module.get(module, "")
            if path and path not in found:
                found.add(path)
                waiting.append(files[path].decode("utf-8", errors="replace"))
    return frozenset(found)


def _imported_modules(text: str) -> set[str]:
    """Return the top-level modules that a text imports; a pattern, since cells may hold magics."""
    modules: set[str] = set()
    for origin, listed in _IMPORT.findall(text):
        parts = [origin] if origin else listed.split(",")
        modules |= {part.split()[0].split(".")[0] for part in parts if part.split()}
    return modules
