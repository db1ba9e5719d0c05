"""Try a notebook before it is handed in: a copy of its folder, a fresh kernel, from top to bottom."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labkit.submit_notebook import Remark

__all__ = ["TRYING", "try_notebook"]

TRYING = "LABS_HAND_IN_IS_TRYING"
"""Set in the kernel of a trial: a cell that hands in does nothing there."""

_COPY_LIMIT_BYTES = 512 << 20
_UNANSWERED = "○ Not answered yet"


def try_notebook(path: Path, timeout_s: float = 600.0) -> tuple[Remark, ...]:
    """Run a notebook in a copy of its folder, in the quick profile, and say which cells fail.

    Nothing in the student's folder changes. Cells that wait for an answer are no failures: which
    answers are missing is said elsewhere.

    Args:
        path: the notebook.
        timeout_s: longest time for one cell.

    Returns:
        A remark for each cell that fails, or one that says why the notebook could not be tried.

    """
    try:
        import nbformat
        from nbclient import NotebookClient
        from nbclient.exceptions import CellTimeoutError, DeadKernelError
        from nbformat.reader import NotJSONError
    except ImportError as error:
        hint = "run it yourself with Restart Kernel and Run All Cells, or: pip install nbclient ipykernel"
        return (Remark("not-tried", path.name, f"was not run before handing in ({error})", hint),)
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, NotJSONError, nbformat.ValidationError):
        return ()  # read_notebook says what is wrong with the file
    with tempfile.TemporaryDirectory(prefix="hand-in-") as name:
        folder = Path(name) / path.resolve().parent.name
        remark = _copy_folder(path.resolve().parent, folder)
        if remark is not None:
            return (remark,)
        client = NotebookClient(
            notebook,
            timeout=timeout_s,
            allow_errors=True,
            resources={"metadata": {"path": str(folder)}},
        )
        environment = {"LABS_PROFILE": "quick", "MPLBACKEND": "agg", **os.environ, TRYING: "1"}
        try:
            client.execute(env=environment)
        except CellTimeoutError:
            hint = "make it faster in the quick profile, which is what graders run"
            slow = _slow(path.name, notebook, timeout_s, hint)
            return (*(each for each in _failures(path.name, notebook) if each.where != slow.where), slow)
        except DeadKernelError:
            hint = "look for what uses so much memory, or ends the process"
            return (Remark("run-ended", path.name, "ended its kernel when run from top to bottom", hint),)
    return tuple(_failures(path.name, notebook))


def _copy_folder(source: Path, target: Path) -> Remark | None:
    """Copy a lab's folder; say why not, where it holds too much."""
    held = sum(file.stat().st_size for file in source.rglob("*") if file.is_file())
    if held > _COPY_LIMIT_BYTES:
        message = f"was not run before handing in: its folder holds {held >> 20} MiB"
        return Remark("not-tried", str(source), message, "move what does not belong to the lab elsewhere")
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*-submission.zip", ".*", "__pycache__"))
    return None


def _code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _failures(name: str, notebook: Any) -> Iterator[Remark]:
    """Yield a remark for each code cell that ended in an error of its own."""
    for number, cell in enumerate(_code_cells(notebook), 1):
        for output in cell.get("outputs", []):
            shown = "\n".join(output.get("traceback", []))
            if output.output_type == "error" and not shown.startswith(_UNANSWERED):
                what = f"{output.get('ename', 'an error')}: {str(output.get('evalue', ''))[:80]}"
                hint = "Restart Kernel and Run All Cells shows it"
                message = f"fails when the notebook is run from top to bottom ({what})"
                yield Remark("run-fails", f"{name}, code cell {number}", message, hint)


def _slow(name: str, notebook: Any, timeout_s: float, hint: str) -> Remark:
    """Say which cell did not end: the first without an execution time of its end."""
    cells = _code_cells(notebook)
    ended = [
        "shell.execute_reply" in cell.metadata.get("execution", {}) or not cell.source.strip()
        for cell in cells
    ]
    number = ended.index(False) + 1 if False in ended else len(cells)
    return Remark("run-slow", f"{name}, code cell {number}", f"did not end within {timeout_s:g} s", hint)
