"""The files of one compiled lab, written into a folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from labbuild.compiled import CompiledLab
from labbuild.diagnostics import Diagnostic
from labbuild.ipynb import notebook_bytes, notebook_problems

__all__ = ["stage_lab"]


def stage_lab(
    lab: CompiledLab,
    folder: Path,
    execute: Sequence[str],
    formats: Sequence[str],
    cache: Path | None,
    progress: Callable[[str, int, int], None],
) -> tuple[Diagnostic, ...]:
    """Write all outputs of a lab below a folder.

    Args:
        lab: compiled, without errors.
        folder: made here; ``student/…``, ``solution/…`` and ``nbgrader/source/…`` go below it.
        execute: versions to execute.
        formats: further formats for the student and solution versions.
        cache: where executions are kept; None for nowhere.
        progress: told about executed cells.

    Returns:
        What went wrong; the folder is then not to be used.

    """
    if execute:
        from labbuild.execute import ExecutionFailedError, execute_lab

        try:
            lab = execute_lab(lab, [v for v in ("student", "solution") if v in execute], cache, progress)
        except ExecutionFailedError as error:
            return (
                Diagnostic(
                    "LB704",
                    f"{error.what} failed: {error.error}",
                    error.path,
                    error.line,
                    text=_first(error.source),
                ),
            )
    problems: list[Diagnostic] = []
    notebooks: list[Path] = []
    for version in ("student", "solution", "nbgrader"):
        target = _target(lab, folder, version)
        if target is None:
            continue
        target.mkdir(parents=True)
        for notebook in lab.notebooks:
            content: Mapping[str, Any] = getattr(notebook, version)
            problems += [
                Diagnostic("LB703", f"{version}: {text}", notebook.path)
                for text in notebook_problems(content)
            ]
            path = target / f"{notebook.name}.ipynb"
            path.write_bytes(notebook_bytes(content))
            if version != "nbgrader":
                notebooks.append(path)
        for module in lab.modules:
            _write(
                target / module.name, (module.solution if version == "solution" else module.student).encode()
            )
        files = {**lab.given, **lab.kept} if version == "solution" else lab.given
        for name, path in files.items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / name)
    if formats and not problems:
        from labbuild.export import export_outputs
        from labbuild.pdf import PdfError

        try:
            export_outputs(notebooks, list(formats))
        except PdfError as error:
            problems.append(Diagnostic("LB706", f"no PDF could be made: {error}", lab.folder))
    return tuple(problems)


def _target(lab: CompiledLab, folder: Path, version: str) -> Path | None:
    if lab.is_single_file:
        return None if version == "nbgrader" else folder / version
    return folder / ("nbgrader/source" if version == "nbgrader" else version) / lab.name


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _first(source: str) -> str:
    return next((row for row in source.split("\n") if row.strip()), "")
