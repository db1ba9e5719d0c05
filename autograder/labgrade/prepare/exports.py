"""A script or Markdown file that was handed in instead of the notebook, back to cells.

Known are Jupyter's "Save as script" and "Markdown", Colab's "Download .py", and the percent scripts of
VS Code, PyCharm, Spyder and Jupytext.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence

from labgrade.ipynb import RawCell, RawNotebook
from labgrade.model import Finding, NotebookSpec, Severity
from labgrade.prepare.likeness import same_text
from labgrade.prepare.naming import SURE_LIKENESS, share_of_lab, stems
from labgrade.prepare.parting import part_merged

__all__ = ["find_exports", "read_export"]

MAX_BYTES = 5_000_000
_PERCENT = re.compile(r"^#\s?%%(?P<rest>.*)$")
_PROMPT = re.compile(r"^# In\s?\[[ \d*]*\]:?\s*$")
_TEXT_MARK = re.compile(r"\[(?:markdown|md)\]", re.IGNORECASE)
_FENCE = re.compile(r"^(?P<fence>`{3,}|~{3,})\s*(?P<language>[A-Za-z0-9_+.{-]*)")
_CODE = frozenset({"python", "python3", "ipython3", "ipython", "py", "{code-cell}"})
_REGION = re.compile(r"^<!-- #(?:end)?region.*-->\s*$", re.MULTILINE)
_HEAD = re.compile(r"\A(?:#!.*\n)?(?:# -\*- coding.*\n|# coding:.*\n)?\s*")
_FRONT_MATTER = re.compile(r"\A(?:# )?---\n.*?\n(?:# )?---\n", re.DOTALL)


def find_exports(
    specs: Sequence[NotebookSpec],
    chosen: Mapping[str, str],
    files: Mapping[str, bytes],
    known: frozenset[str],
    findings: list[Finding],
) -> dict[str, tuple[str, RawNotebook]]:
    """Find a script or Markdown file for each notebook that is missing.

    Args:
        specs: the lab's notebooks.
        chosen: those that were found as notebooks.
        files: what else was handed in.
        known: files of the lab, which are no exports.
        findings: gets one entry for each file that was taken.

    Returns:
        Name of the notebook -> path and cells.

    """
    found: dict[str, tuple[str, RawNotebook]] = {}
    candidates = [
        path
        for path in sorted(files)
        if path.endswith((".py", ".md")) and path not in known and len(files[path]) <= MAX_BYTES
    ]
    for spec in specs:
        if spec.name in chosen:
            continue
        rated = [_rated(spec, path, files[path]) for path in candidates]
        best = max(rated, default=None, key=lambda one: one[:2])
        if best is None or best[0] <= 0:
            continue
        _, path, notebook = best
        candidates.remove(path)
        found[spec.name] = (path, notebook)
        message = (
            f"'{path}', an export, was taken for '{spec.name}.ipynb', which was not handed in; its cells "
            "were told apart by the lab's text"
        )
        findings.append(Finding("notebook-exported", message, Severity.LOOK, spec.name))
    return found


def _rated(spec: NotebookSpec, path: str, data: bytes) -> tuple[float, str, RawNotebook]:
    """Return how sure it is that a file is the notebook, 0 for not at all."""
    notebook = read_export(path, data, spec)
    share = share_of_lab(spec, notebook)
    named = spec.name.casefold() in stems(path, path[path.rfind(".") :])
    has_cell = any(
        same_text(cell.source, lab.released)
        for lab in spec.cells
        if lab.released.strip()
        for cell in notebook.cells
    )
    sure = share >= SURE_LIKENESS or (named and has_cell)
    return (share + named if sure else 0.0), path, notebook


def read_export(path: str, data: bytes, spec: NotebookSpec) -> RawNotebook:
    """Return the cells of an exported notebook; what marks do not part, the lab's text does."""
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    cells = _markdown_cells(text) if path.endswith(".md") else _script_cells(text)
    return RawNotebook(tuple(part_merged(spec, [cell for cell in cells if cell.source.strip()])))


def _markdown_cells(text: str) -> list[RawCell]:
    text = _REGION.sub("\x00", _FRONT_MATTER.sub("", text))
    cells: list[RawCell] = []
    lines: list[str] = []
    fence = ""
    for line in [*text.split("\n"), "\x00"]:
        mark = _FENCE.match(line)
        if fence:
            if line.rstrip() == fence or line == "\x00":
                cells.append(RawCell("code", "\n".join(lines)))
                lines, fence = [], ""
            else:
                lines.append(line)
        elif (mark and mark["language"].casefold() in _CODE) or line == "\x00":
            cells.append(RawCell("markdown", "\n".join(lines).strip("\n")))
            lines, fence = [], mark["fence"] if mark else ""
        else:
            lines.append(line)
    return cells


def _script_cells(text: str) -> list[RawCell]:
    text = _FRONT_MATTER.sub("", _HEAD.sub("", text, count=1), count=1)
    lines = text.split("\n")
    if any(_PERCENT.match(line) for line in lines):
        return _percent_cells(lines)
    if any(_PROMPT.match(line) for line in lines):
        return _prompt_cells(lines)
    return _colab_cells(text)


def _percent_cells(lines: Sequence[str]) -> list[RawCell]:
    cells: list[RawCell] = []
    kind, own = "code", []
    for line in [*lines, "# %%"]:
        mark = _PERCENT.match(line)
        if mark is None:
            own.append(line)
            continue
        source = "\n".join(own).strip("\n")
        cells.append(RawCell(kind, _uncommented(source) if kind == "markdown" else source))
        kind, own = ("markdown" if _TEXT_MARK.search(mark["rest"]) else "code"), []
    return cells


def _prompt_cells(lines: Sequence[str]) -> list[RawCell]:
    """Part at ``# In[3]:``; a block of comments after two blank lines is a text cell."""
    cells: list[RawCell] = []
    own: list[str] = []
    kind = "markdown"
    for line in [*lines, "# In[ ]:"]:
        if not _PROMPT.match(line):
            own.append(line)
            continue
        source = "\n".join(own).strip("\n")
        if kind == "code":
            code, *texts = re.split(r"\n\n\n+(?=#)", source)
            while texts and any(row and not row.startswith("#") for row in texts[0].split("\n")):
                code += "\n\n\n" + texts.pop(0)
            cells.append(RawCell("code", code.strip("\n")))
            source = "\n\n".join(texts)
        cells.extend(RawCell("markdown", _uncommented(block)) for block in re.split(r"\n\n\n*(?=#)", source))
        kind, own = "code", []
    return cells


def _colab_cells(text: str) -> list[RawCell]:
    """Part at top-level strings, which are Colab's text cells; the rest is code."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [RawCell("code", text.strip("\n"))]
    lines = text.split("\n")
    cells: list[RawCell] = []
    start = 0
    for node in body:
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            continue
        if not isinstance(node.value.value, str) or node.end_lineno is None:
            continue
        cells.append(RawCell("code", "\n".join(lines[start : node.lineno - 1]).strip("\n")))
        cells.append(RawCell("markdown", node.value.value.strip("\n")))
        start = node.end_lineno
    return [*cells, RawCell("code", "\n".join(lines[start:]).strip("\n"))]


def _uncommented(text: str) -> str:
    lines = text.split("\n")
    if lines and lines[0].strip() in ('"""', "'''"):
        return "\n".join(lines[1:-1] if lines[-1].strip() == lines[0].strip() else lines[1:])
    return "\n".join(re.sub(r"^# ?", "", line) for line in lines)
