"""Read a notebook before it is handed in: answered, named, run from top to bottom."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["NotebookReport", "Remark", "read_module", "read_notebook"]

_STUB = re.compile(r"raise NotImplementedError|YOUR (CODE|ANSWER) HERE")
_NAME_VARIABLES = ("NAME", "COLLABORATORS")
_FILE_SUFFIXES = (".py", ".safetensors", ".pt", ".pth")


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing about a notebook or file.

    Args:
        code: stable name, such as ``name-empty``.
        where: ``sentences.ipynb`` or ``sentences.ipynb, cell 12``.
        message: what was found.
        hint: what to do.
        blocks: nothing is written while this holds.

    """

    code: str
    where: str
    message: str
    hint: str = ""
    blocks: bool = False

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}"
        return f"{text}\n    hint: {self.hint}" if self.hint else text


@dataclass(frozen=True, slots=True)
class NotebookReport:
    """What a notebook holds and names.

    Args:
        path: the file.
        answered: ids of the answer cells that were changed.
        untouched: ids of those that still hold the stub.
        names: what NAME and COLLABORATORS are set to.
        files: files beside the notebook that it imports or names.
        wanted_models: names of weight files that it mentions, there or not.
        remarks: in the order of the cells.

    """

    path: Path
    answered: tuple[str, ...] = ()
    untouched: tuple[str, ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    files: tuple[Path, ...] = ()
    wanted_models: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return "".join(source) if isinstance(source, list) else str(source)


def _nbgrader(cell: dict[str, Any]) -> dict[str, Any]:
    metadata = cell.get("metadata", {}).get("nbgrader", {})
    return metadata if isinstance(metadata, dict) else {}


def _released_checksum(cell: dict[str, Any]) -> str:
    """Return nbgrader's checksum of a cell as it now is (nbgrader.utils.compute_checksum, schema 3)."""
    meta = _nbgrader(cell)
    grade, solution = bool(meta.get("grade")), bool(meta.get("solution"))
    locked = False if solution else (True if grade else bool(meta.get("locked", False)))
    digest = hashlib.md5(usedforsecurity=False)
    for part in (_source(cell), str(cell.get("cell_type", "")), str(grade), str(solution), str(locked)):
        digest.update(part.encode())
    digest.update(str(meta.get("grade_id", "")).encode())
    if grade:
        digest.update(str(float(meta.get("points", 0))).encode())
    return digest.hexdigest()


def _is_untouched(cell: dict[str, Any]) -> bool:
    """Whether an answer cell still holds what was released: same checksum, or a stub's own words."""
    released = _nbgrader(cell).get("checksum")
    if released is not None and released == _released_checksum(cell):
        return True
    source = _source(cell).strip()
    return not source or _STUB.search(source) is not None


def _names_in(source: str) -> Iterator[tuple[str, str]]:
    """Yield (variable, text) for assignments to NAME and COLLABORATORS."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id in _NAME_VARIABLES:
                    yield target.id, str(node.value.value or "")


def _members_in(source: str) -> list[str] | None:
    """Return the ids in a group's ``members = [{"name": …, "id": …}, …]``; None where none are set."""
    try:
        tree = ast.parse(source)
        for node in tree.body:
            if isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == "members" for target in node.targets
            ):
                return [str(member["id"]).strip() for member in ast.literal_eval(node.value)]
    except (SyntaxError, ValueError, TypeError, KeyError):
        return None
    return None


def _name_remarks(name: str, sources: list[str], names: list[tuple[str, str]]) -> Iterator[Remark]:
    """Say whose name is missing: in NAME, or in the list of a group's members."""
    if any(variable == "NAME" and not text.strip() for variable, text in names):
        hint = 'write your name: NAME = "Ada Lovelace"'
        yield Remark("name-empty", name, "NAME is empty", hint, blocks=True)
    groups = [ids for source in sources if (ids := _members_in(source)) is not None]
    if any(not ids or any(text in {"", "…", "..."} for text in ids) for ids in groups):
        hint = 'write one entry for each member: {"name": "Ada Lovelace", "id": "s1815"}; alone, one entry'
        yield Remark("name-empty", name, "the list of members is not filled in", hint, blocks=True)


def _mentions(source: str) -> Iterator[str]:
    """Yield names of files that a code cell imports or writes as a string."""
    try:
        tree = ast.parse(re.sub(r"^\s*[%!].*$", "", source, flags=re.MULTILINE))
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (f"{alias.name.split('.')[0]}.py" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield f"{node.module.split('.')[0]}.py"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
            if text.endswith(_FILE_SUFFIXES) and not re.search(r"[\s*?]", text) and ".." not in text:
                yield text.removeprefix("./")


def _run_remarks(name: str, code_cells: list[dict[str, Any]]) -> Iterator[Remark]:
    """Say where the saved outputs show that the notebook did not run from top to bottom."""
    counts = [cell.get("execution_count") for cell in code_cells if _source(cell).strip()]
    ran = [count for count in counts if isinstance(count, int)]
    if not ran:
        yield Remark(
            "not-run", name, "has no outputs: it was not run, or saved without them", "Run All, save"
        )
    elif ran != sorted(ran):
        yield Remark(
            "run-out-of-order",
            name,
            "its cells ran in another order than from top to bottom",
            "Restart Kernel and Run All Cells, save, and look whether every check still passes",
        )
    for number, cell in enumerate(code_cells, 1):
        for output in cell.get("outputs", []):
            if output.get("output_type") == "error":
                what = f"ended with {output.get('ename', 'an error')}: {str(output.get('evalue', ''))[:80]}"
                yield Remark("cell-error", f"{name}, code cell {number}", what)


def read_notebook(path: Path) -> NotebookReport:
    """Read a saved notebook. A file that is no notebook gives one blocking remark."""
    name = path.name
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells = [cell for cell in notebook["cells"] if isinstance(cell, dict)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return NotebookReport(
            path,
            remarks=(
                Remark("not-a-notebook", name, f"cannot be read ({error})", "save it again", blocks=True),
            ),
        )
    remarks: list[Remark] = []
    answered: list[str] = []
    untouched: list[str] = []
    for cell in cells:
        meta = _nbgrader(cell)
        if meta.get("solution"):
            (untouched if _is_untouched(cell) else answered).append(str(meta.get("grade_id", "?")))
    code_cells = [cell for cell in cells if cell.get("cell_type") == "code"]
    names = [pair for cell in code_cells for pair in _names_in(_source(cell))]
    remarks += _name_remarks(name, [_source(cell) for cell in code_cells], names)
    if untouched:
        remarks.append(Remark("not-answered", name, "not answered: " + ", ".join(untouched)))
    remarks += _run_remarks(name, code_cells)
    mentioned = list(dict.fromkeys(text for cell in code_cells for text in _mentions(_source(cell))))
    files = [path.parent / text for text in mentioned if (path.parent / text).is_file()]
    models = [text for text in mentioned if not text.endswith(".py") and "/" not in text]
    return NotebookReport(
        path,
        tuple(answered),
        tuple(untouched),
        tuple(names),
        tuple(files),
        tuple(models),
        tuple(remarks),
    )


def read_module(path: Path) -> tuple[Remark, ...]:
    """Look at a companion module: whether it parses, and which functions still hold their stub."""
    name = path.name
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError, OSError) as error:
        line = getattr(error, "lineno", None)
        where = f"{name}:{line}" if line else name
        return (Remark("module-broken", where, f"is not valid Python ({getattr(error, 'msg', error)})"),)
    stubs = [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and any(isinstance(inner, ast.Raise) and _is_stub(inner) for inner in node.body)
    ]
    return (Remark("not-answered", name, "not answered: " + ", ".join(stubs)),) if stubs else ()


def _is_stub(node: ast.Raise) -> bool:
    error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
    return isinstance(error, ast.Name) and error.id == "NotImplementedError"
