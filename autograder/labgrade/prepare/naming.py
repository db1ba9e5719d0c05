"""Tell which of a student's notebook files is which notebook of the lab."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from labgrade.ipynb import RawNotebook
from labgrade.model import Finding, NotebookSpec, Severity
from labgrade.prepare.likeness import token_likeness, tokens

__all__ = ["SURE_LIKENESS", "assign_notebooks", "share_of_lab", "stems"]

SURE_LIKENESS = 0.5
"""Share of the lab's cells that must be found in a file of another name."""

_COPY_MARKS = re.compile(
    r"\s*\(\d+\)$|[-_ ]copy(?:[-_ ]?\d+)?$|[-_ ]kopie$|[-_ ](?:v|version)?[-_ ]?\d+$"
    r"|[-_ ](?:final|submission|solved|done|new)$"
)
_COPY_PREFIX = re.compile(r"^(?:copy[ _]of[ _]|kopie[ _]von[ _]|copie[ _]de[ _])")


def assign_notebooks(
    specs: Sequence[NotebookSpec], files: Mapping[str, RawNotebook], findings: list[Finding]
) -> dict[str, str]:
    """Find the file of each notebook of the lab.

    By name; then by the name without what browsers, LMSs and people add (``cells (1).ipynb``,
    ``Copy of cells.ipynb``, ``ada_cells_final.ipynb``); then by what stands in it.

    Args:
        specs: the lab's notebooks.
        files: relative path -> readable notebook.
        findings: gets one entry for each file taken under another name, and for each file left over.

    Returns:
        Name of the lab's notebook -> relative path. A notebook that nothing was found for is not in it.

    """
    names = {spec.name for spec in specs}
    chosen: dict[str, str] = {}
    for path in sorted(files, key=lambda path: (path.count("/"), path)):
        stem = _stem(path)
        if stem in names and stem not in chosen:
            chosen[stem] = path
    left = [path for path in files if path not in chosen.values()]
    for spec in specs:
        if spec.name in chosen:
            continue
        path, why = _best_file(spec, names, left, files)
        if path:
            chosen[spec.name] = path
            left.remove(path)
            findings.append(
                Finding(
                    "notebook-renamed",
                    f"'{path}' was taken for '{spec.name}.ipynb' ({why})",
                    Severity.NOTE,
                    spec.name,
                )
            )
    for path in left:
        twin = next((name for name in sorted(names) if name.casefold() in stems(path)), "")
        if twin:
            message = (
                f"'{path}' looks like another version of '{twin}.ipynb', which was graded; this one was not"
            )
            findings.append(Finding("notebook-version", message, Severity.LOOK, twin))
        else:
            findings.append(Finding("notebook-unknown", f"'{path}' is no notebook of this lab: not graded"))
    return chosen


def _best_file(
    spec: NotebookSpec, names: set[str], left: Sequence[str], files: Mapping[str, RawNotebook]
) -> tuple[str, str]:
    by_name = [path for path in left if spec.name.casefold() in stems(path)]
    if by_name:
        return max(by_name, key=lambda path: (share_of_lab(spec, files[path]), path)), "by its name"
    rated = sorted(((share_of_lab(spec, files[path]), path) for path in left), reverse=True)
    if rated and rated[0][0] >= SURE_LIKENESS:
        return rated[0][1], "by its content"
    holding = [path for path in left if spec.name.casefold() in _stem(path).casefold()]
    if len(holding) == 1 and not any(
        other != spec.name and other.casefold() in _stem(holding[0]).casefold() for other in names
    ):
        return holding[0], "by its name"
    return "", ""


def share_of_lab(spec: NotebookSpec, notebook: RawNotebook) -> float:
    """Return which part of the lab's cells stands in the notebook, from 0 to 1."""
    ids = {cell.grade_id for cell in notebook.cells if cell.grade_id}
    wanted = [cell.grade_id for cell in spec.cells if cell.grade_id]
    by_id = sum(1 for grade_id in wanted if grade_id in ids) / len(wanted) if wanted else 0.0
    if by_id >= SURE_LIKENESS:
        return by_id
    texts = [tokens(cell.source) for cell in notebook.cells]
    fixed = [tokens(cell.released) for cell in spec.cells if not cell.solution and cell.released.strip()]
    found = sum(1 for lab in fixed if any(token_likeness(lab, text) > 0.9 for text in texts))
    return max(by_id, found / len(fixed) if fixed else 0.0)


def _stem(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".ipynb")


def stems(path: str, suffix: str = ".ipynb") -> tuple[str, ...]:
    """Return a file's name in lower case without suffix, then without one mark of a copy after the other."""
    plain = path.rpartition("/")[2].removesuffix(suffix).casefold().strip()
    found = [plain]
    for marks in (_COPY_PREFIX, _COPY_MARKS, _COPY_MARKS, _COPY_MARKS):
        shorter = marks.sub("", found[-1])
        if shorter and shorter != found[-1]:
            found.append(shorter)
    return tuple(found)
