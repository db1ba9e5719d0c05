"""The autograded notebooks, as nbgrader writes them, without hidden tests."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labgrade.clearing import COVER, cover_hidden
from labgrade.ipynb import format_notebook
from labgrade.lab import Lab, Page
from labgrade.model import CellRun, NotebookRun, Output, PreparedCell, PreparedNotebook, SubmissionRun
from labgrade.nbmeta import nbgrader_metadata
from labgrade.prepare import CellFrame, NotebookFrame, Prepared

__all__ = ["autograded_files", "write_autograded"]

MAX_STREAM_LINES = 1000
"""nbgrader's ``LimitOutput.max_lines``."""
MAX_TRACEBACK_LINES = 100
"""nbgrader's ``LimitOutput.max_traceback``."""
TRUNCATED = "... Output truncated ..."

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_LANGUAGE_INFO: Mapping[str, Any] = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}


def autograded_files(lab: Lab, prepared: Prepared, run: SubmissionRun) -> dict[str, bytes]:
    """Return the content of ``autograded/STUDENT/LAB``: relative path -> bytes."""
    files = dict(prepared.submission.files)
    runs = {notebook.name: notebook for notebook in run.notebooks}
    for page, notebook in zip(lab.pages, prepared.submission.notebooks, strict=True):
        name = notebook.spec.name
        if not notebook.missing:
            ran = runs.get(name, NotebookRun(name, ()))
            document = _document(lab, page, notebook, prepared.frames[name], ran)
            files[f"{name}.ipynb"] = format_notebook(document)
    return files


def write_autograded(files: Mapping[str, bytes], folder: Path, *, groupshared: bool = False) -> None:
    """Put the files in the folder's place at once: a reader sees the old ones or the new ones.

    Raises:
        OSError: the disk does not take them; the old folder is still there.

    """
    parent = folder.parent
    parent.mkdir(parents=True, exist_ok=True)
    new, old = parent / f".{folder.name}.new", parent / f".{folder.name}.old"
    for left in (new, old):
        if left.exists():
            shutil.rmtree(left)
    new.mkdir()
    mode = 0o664 if groupshared else 0o444
    for relative, data in files.items():
        path = new / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(descriptor, mode)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    if old.exists():
        shutil.rmtree(old)
    if groupshared:
        for place in (parent, folder):
            place.chmod((place.stat().st_mode | 0o2770) & 0o7777)


def _document(
    lab: Lab, page: Page, notebook: PreparedNotebook, frame: NotebookFrame, ran: NotebookRun
) -> dict[str, Any]:
    metadata = dict(frame.metadata)
    if notebook.spec.language == "python":
        metadata["language_info"] = dict(_LANGUAGE_INFO)
    tests = {test.grade_id: test.outputs for test in ran.tests}
    cells = []
    for position, (cell, look) in enumerate(zip(notebook.cells, frame.cells, strict=True)):
        cell_run = ran.cells[position] if position < len(ran.cells) else None
        outputs: Sequence[Output] = cell_run.outputs if cell_run else ()
        if cell.spec is not None and cell.spec.grade_id in tests:
            outputs = tests[cell.spec.grade_id] or outputs
        cells.append(_cell(lab, page, cell, look, cell_run, outputs, frame.minor))
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": frame.minor}


def _cell(
    lab: Lab,
    page: Page,
    cell: PreparedCell,
    look: CellFrame,
    cell_run: CellRun | None,
    outputs: Sequence[Output],
    minor: int,
) -> dict[str, Any]:
    metadata = dict(look.metadata)
    source = cell.source
    is_test = cell.spec is not None and cell.spec.is_test
    if cell.spec is not None and cell.spec.grade_id:
        metadata["nbgrader"] = dict(nbgrader_metadata(cell.spec, page.checksums[cell.spec.index]))
        metadata["deletable"] = False
        if cell.spec.locked:
            metadata["editable"] = False
    if is_test:
        source = cover_hidden(source, lab.rules)
    document: dict[str, Any] = {"cell_type": cell.cell_type, "metadata": metadata, "source": source}
    if minor >= 5:
        document["id"] = look.cell_id
    if cell.cell_type == "code":
        hidden = page.hidden if is_test else frozenset()
        document["execution_count"] = cell_run.execution_count if cell_run else None
        document["outputs"] = _limit_streams([_output(output, hidden) for output in outputs])
    elif look.attachments:
        document["attachments"] = look.attachments
    return document


def _output(output: Output, hidden: frozenset[str]) -> Output:
    kind = output.get("output_type")
    if kind == "stream":
        return {
            "output_type": kind,
            "name": output.get("name", "stdout"),
            "text": _cover(_text(output.get("text")), hidden),
        }
    if kind == "error":
        trace = [_cover(str(line), hidden) for line in output.get("traceback", [])]
        if len(trace) > MAX_TRACEBACK_LINES:
            half = MAX_TRACEBACK_LINES // 2
            trace = [
                *trace[:half],
                "... Traceback truncated ...",
                *trace[-(MAX_TRACEBACK_LINES - half - 1) :],
            ]
        return {
            "output_type": kind,
            "ename": str(output.get("ename", "")),
            "evalue": _cover(str(output.get("evalue", "")), hidden),
            "traceback": trace,
        }
    data = {
        mime: _cover(value, hidden) if isinstance(value, str) else value
        for mime, value in output.get("data", {}).items()
    }
    shown: Output = {"output_type": kind, "data": data, "metadata": output.get("metadata", {})}
    if kind == "execute_result":
        shown["execution_count"] = output.get("execution_count")
    return shown


def _text(value: Any) -> str:
    return "".join(value) if isinstance(value, list) else str(value or "")


def _cover(text: str, hidden: frozenset[str]) -> str:
    """Replace each line that quotes a line of a hidden test, as IPython's tracebacks do."""
    if not hidden:
        return text
    return "\n".join(COVER if _quotes(line, hidden) else line for line in text.split("\n"))


def _quotes(line: str, hidden: frozenset[str]) -> bool:
    plain = _ANSI.sub("", line)
    return any(secret in plain for secret in hidden if len(secret) >= 8) or any(
        plain.strip() == secret or plain.strip().endswith(f" {secret}")
        for secret in hidden
        if len(secret) < 8
    )


def _limit_streams(outputs: list[Output]) -> list[Output]:
    """Keep at most nbgrader's number of lines of a cell's streams."""
    length = 0
    kept: list[Output] = []
    for output in outputs:
        if output["output_type"] == "stream":
            if length == MAX_STREAM_LINES:
                continue
            lines = output["text"].split("\n")
            if len(lines) + length > MAX_STREAM_LINES:
                lines = [*lines[: MAX_STREAM_LINES - length - 1], TRUNCATED]
            length += len(lines)
            output = {**output, "text": "\n".join(lines)}
        kept.append(output)
    return kept
