"""Run the notebooks of a compiled lab and give it back with their outputs."""

from __future__ import annotations

import copy
import os
import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from labbuild.cell_content import cell_names, cell_text, is_test
from labbuild.compiled import CompiledLab, CompiledNotebook
from labbuild.execution_cache import ExecutionCache, Outputs, execution_key
from labbuild.work_folder import fill_folder

__all__ = ["ExecutionFailedError", "Progress", "Version", "execute_lab"]

Version = Literal["student", "solution"]
Progress = Callable[[str, int, int], None]
"""Called with (what runs, cells done, cells in all)."""

_ADDRESS = re.compile(r"\b0x[0-9a-f]{8,16}\b")
_CELL_TIMEOUT_S = 3600


@dataclass(eq=False)  # not frozen: Python writes the traceback into an exception
class ExecutionFailedError(Exception):
    """A cell that should run did not.

    Args:
        path: the notebook's source.
        line: 1-based line there where the cell begins.
        what: which cell of which version.
        error: what it raised.
        source: its text.

    """

    path: Path
    line: int
    what: str
    error: str
    source: str

    def __str__(self) -> str:
        """Say which cell failed, and quote its first and last lines."""
        lines = self.source.strip("\n").split("\n")
        shown = lines if len(lines) <= 6 else [*lines[:3], "…", *lines[-3:]]
        return f"{self.path}:{self.line} {self.what} failed: {self.error}\n" + "\n".join(
            f"    {x}" for x in shown
        )


def execute_lab(
    lab: CompiledLab,
    versions: Collection[Version],
    cache: Path | None = None,
    progress: Progress = lambda what, done, known: None,
) -> CompiledLab:
    """Execute notebooks and return the lab with outputs in them.

    In the student version, cells marked SKIPQUESTEXEC and test cells do not run; a cell that fails because an
    answer is missing keeps no outputs. In the solution every cell runs.

    Args:
        lab: compiled, without errors.
        versions: which ones to run.
        cache: folder in which outputs are kept; None to run in any case and keep nothing.
        progress: see :data:`Progress`.

    Raises:
        ExecutionFailedError: a cell failed that should run.

    """
    kept = ExecutionCache(cache) if cache else None
    notebooks = []
    for notebook in lab.notebooks:
        for version in versions:
            cells = _cells_to_run(notebook, version)
            key = execution_key(lab, notebook, version, cells)
            outputs = kept.load(key) if kept else None
            if outputs is None:
                outputs = _run(lab, notebook, version, cells, progress)
                if kept:
                    kept.keep(key, outputs)
            executed = _with_outputs(getattr(notebook, version), outputs)
            if version == "student":
                notebook = replace(notebook, student=executed)
            else:
                notebook = replace(notebook, solution=executed)
        notebooks.append(notebook)
    return replace(lab, notebooks=tuple(notebooks))


def _cells_to_run(notebook: CompiledNotebook, version: Version) -> list[int]:
    cells = getattr(notebook, version)["cells"]
    chosen = [i for i, cell in enumerate(cells) if cell["cell_type"] == "code" and cell_text(cell).strip()]
    if version == "solution":
        return chosen
    return [
        i for i in chosen if i not in notebook.skip_execution and not is_test(notebook.solution["cells"][i])
    ]


def _run(
    lab: CompiledLab, notebook: CompiledNotebook, version: Version, cells: list[int], progress: Progress
) -> Outputs:
    outputs: Outputs = {"outputs": {}, "counts": {}}
    content = copy.deepcopy(getattr(notebook, version))
    label = f"{lab.name}/{notebook.name} ({version})"
    missing = _names_that_are_missing(notebook, version)
    with tempfile.TemporaryDirectory(prefix="labs-execute-", ignore_cleanup_errors=True) as folder:
        fill_folder(lab, Path(folder), version)
        with _kernel(content, folder) as run_cell:
            for done, index in enumerate(cells):
                progress(label, done, len(cells))
                cell = run_cell(index)
                error = next((o for o in cell["outputs"] if o["output_type"] == "error"), None)
                if error is None:
                    outputs["outputs"][str(index)] = _tidy(cell["outputs"])
                    outputs["counts"][str(index)] = cell["execution_count"]
                elif version == "student" and _is_for_want_of_answer(error, index, notebook, missing):
                    missing |= cell_names(cell_text(cell)).binds
                else:
                    said = f"{error['ename']}: {error['evalue']}"
                    what = f"cell {index + 1} of {notebook.name} ({version})"
                    raise ExecutionFailedError(
                        notebook.path, notebook.cell_lines[index], what, said, cell_text(cell)
                    )
    progress(label, len(cells), len(cells))
    return outputs


@contextmanager
def _kernel(content: dict[str, Any], folder: str) -> Iterator[Callable[[int], dict[str, Any]]]:
    """Start a kernel of this interpreter in a folder; yield what runs one cell."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    notebook = nbformat.from_dict(content)  # type: ignore[no-untyped-call]  # nbformat has no types here
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=_CELL_TIMEOUT_S,
        allow_errors=True,
        record_timing=False,
        resources={"metadata": {"path": folder}},
    )
    environment = {name: value for name, value in os.environ.items() if name not in ("MPLBACKEND",)}
    environment |= {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}

    def run_cell(index: int) -> dict[str, Any]:
        cell = notebook.cells[index]
        try:
            client.execute_cell(cell, index)
        except (CellTimeoutError, DeadKernelError) as error:
            failure = {
                "output_type": "error",
                "ename": type(error).__name__,
                "evalue": str(error),
                "traceback": [],
            }
            return {**cell, "outputs": [failure]}
        return dict(cell)

    with tempfile.TemporaryDirectory(prefix="labs-kernel-", ignore_cleanup_errors=True) as sockets:
        manager = client.create_kernel_manager()
        if os.name == "posix":
            # Sockets in a folder of this user instead of open ports.
            manager.transport, manager.ip = "ipc", f"{sockets}/kernel"
        with client.setup_kernel(env=environment):
            yield run_cell


def _is_for_want_of_answer(
    error: Mapping[str, Any], index: int, notebook: CompiledNotebook, missing: Collection[str]
) -> bool:
    if index in notebook.answer_cells or error["ename"] == "NotImplementedError":
        return True
    used = cell_names(cell_text(notebook.student["cells"][index])).uses
    return bool(used & set(missing))


def _names_that_are_missing(notebook: CompiledNotebook, version: Version) -> set[str]:
    """Return the names that only the answers bind, and those of cells which do not run for students."""
    if version == "solution":
        return set()
    cells, solved = notebook.student["cells"], notebook.solution["cells"]
    missing = {
        name for index in notebook.skip_execution for name in cell_names(cell_text(cells[index])).binds
    }
    for index in notebook.answer_cells:
        if cells[index]["cell_type"] == "code":
            answered = cell_names(cell_text(solved[index])).binds
            missing |= answered - cell_names(cell_text(cells[index])).binds
    return missing


def _with_outputs(content: dict[str, Any], outputs: Outputs) -> dict[str, Any]:
    cells = []
    for index, cell in enumerate(content["cells"]):
        if cell["cell_type"] == "code":
            shown = outputs["outputs"].get(str(index), [])
            cell = {**cell, "outputs": shown, "execution_count": outputs["counts"].get(str(index))}
        cells.append(cell)
    return {**content, "cells": cells}


def _tidy(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take out what differs between two runs of the same code: addresses, and the steps of progress bars."""
    tidy: list[dict[str, Any]] = []
    for output in outputs:
        plain = {key: dict(value) if isinstance(value, Mapping) else value for key, value in output.items()}
        plain.pop("transient", None)
        if plain["output_type"] == "stream":
            if tidy and tidy[-1]["output_type"] == "stream" and tidy[-1]["name"] == plain["name"]:
                tidy[-1]["text"] += plain["text"]
                continue
        elif "text/plain" in plain.get("data", {}):
            plain["data"]["text/plain"] = _ADDRESS.sub("0x…", plain["data"]["text/plain"])
        tidy.append(plain)
    for output in tidy:
        if output["output_type"] == "stream":
            lines = _ADDRESS.sub("0x…", output["text"]).split("\n")
            # A terminal shows what stands after the last carriage return of a line.
            output["text"] = "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in lines)
    return tidy
