"""Read a lab from nbgrader's source folder: what students got, what is graded, and the points."""

from __future__ import annotations

import fnmatch
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from labgrade.clearing import ClearingRules, MarksError, hidden_lines
from labgrade.course import CourseSettings
from labgrade.errors import UsageError
from labgrade.ipynb import NotebookError, RawCell, RawNotebook, read_notebook
from labgrade.model import CellSpec, LabSpec, NotebookSpec
from labgrade.nbmeta import checksum, is_locked

__all__ = ["Lab", "Page", "digest_lab", "is_ignored", "read_lab"]


@dataclass(frozen=True, slots=True)
class Page:
    """What a notebook file holds besides the text: parallel to ``NotebookSpec.cells``.

    Args:
        metadata: of the notebook.
        saved: text of each cell with stubs and with hidden tests: what nbgrader's gradebook holds.
        checksums: nbgrader's, over ``saved``; "" for a cell that nbgrader does not know.
        cell_metadata: without nbgrader's part.
        attachments: of text cells.
        hidden: stripped lines that students must never see.

    """

    metadata: Mapping[str, Any]
    saved: tuple[str, ...]
    checksums: tuple[str, ...]
    cell_metadata: tuple[Mapping[str, Any], ...]
    attachments: tuple[Mapping[str, Any], ...]
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab as all steps need it: the engine's view, and the rest of each notebook file.

    Args:
        spec: the engine's view.
        pages: parallel to ``spec.notebooks``.
        rules: how solutions and hidden tests are cut out.
        ignore: globs of files that are never copied.
        partial: the lab has notebooks that are left out here; the gradebook keeps what it has of them.

    """

    spec: LabSpec
    pages: tuple[Page, ...]
    rules: ClearingRules = field(default_factory=ClearingRules)
    ignore: tuple[str, ...] = ()
    partial: bool = False


def read_lab(folder: Path, course: CourseSettings, name: str = "") -> Lab:
    """Read nbgrader's source form of a lab.

    Args:
        folder: holds the notebooks and the files beside them.
        course: the settings of the course that the folder belongs to.
        name: the assignment id; the folder's name if "".

    Raises:
        UsageError: there is no notebook, or one cannot be read, or its marks do not balance.

    """
    name = name or folder.name
    paths = sorted(path for path in folder.glob("*.ipynb") if path.is_file())
    if not paths:
        raise UsageError(
            "lab-empty",
            "there is no notebook in the lab's folder",
            "name a folder in nbgrader's source form, e.g. build/nbgrader/source/LAB after `labs build`",
            str(folder),
        )
    specs, pages = zip(*(_read_source_notebook(path, course.rules) for path in paths), strict=True)
    student_paths = course.exclude_overwriting.get(name, ())
    given: dict[str, bytes] = {}
    student: dict[str, bytes] = {}
    for relative, path in _files(folder, course.ignore):
        (student if relative in student_paths else given)[relative] = path.read_bytes()
    spec = LabSpec(name=name, notebooks=specs, given_files=given, student_files=student)
    return digest_lab(Lab(spec, pages, course.rules, course.ignore))


def digest_lab(lab: Lab) -> Lab:
    """Return the lab with the digest over all that can change a score."""
    spec = lab.spec
    content = msgspec.json.encode(
        [
            spec.name,
            spec.notebooks,
            [page.saved for page in lab.pages],
            sorted((path, hashlib.sha256(data).hexdigest()) for path, data in spec.given_files.items()),
            sorted((path, hashlib.sha256(data).hexdigest()) for path, data in spec.student_files.items()),
        ]
    )
    return replace(lab, spec=replace(spec, digest=hashlib.sha256(content).hexdigest()))


def is_ignored(relative: str, globs: tuple[str, ...]) -> bool:
    """Return whether a part of the path matches one of nbgrader's ``ignore`` globs."""
    return any(fnmatch.fnmatchcase(part, glob) for part in relative.split("/") for glob in globs)


def _files(folder: Path, ignore: tuple[str, ...]) -> list[tuple[str, Path]]:
    found: list[tuple[str, Path]] = []
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for file_name in sorted(names):
            path = Path(parent, file_name)
            relative = path.relative_to(folder).as_posix()
            if path.suffix != ".ipynb" and path.is_file() and not is_ignored(relative, ignore):
                found.append((relative, path))
    return found


def _read_source_notebook(path: Path, rules: ClearingRules) -> tuple[NotebookSpec, Page]:
    try:
        raw = read_notebook(path.read_bytes())
    except NotebookError as fault:
        raise UsageError(fault.code, fault.message, where=str(path)) from fault
    language = _language(raw)
    cells: list[CellSpec] = []
    saved: list[str] = []
    seen: set[str] = set()
    for index, cell in enumerate(raw.cells):
        where = f"{path}:cell {index + 1}"
        spec = _read_source_cell(index, cell, where)
        if spec.grade_id and spec.grade_id in seen:
            raise UsageError(
                "lab-duplicate-id", f"two cells have the grade id '{spec.grade_id}'", where=where
            )
        seen.add(spec.grade_id)
        try:
            text = rules.clear_solution(
                cell.source, cell_type=spec.cell_type, language=language, solution=spec.solution
            )
            released = rules.clear_hidden(text)
        except MarksError as error:
            raise UsageError("lab-marks", str(error), where=where) from error
        saved.append(text)
        cells.append(replace(spec, released=released))
    kernel = raw.metadata.get("kernelspec")
    kernel_name = kernel.get("name") if isinstance(kernel, dict) else None
    return NotebookSpec(
        name=path.stem,
        cells=tuple(cells),
        kernel=kernel_name if isinstance(kernel_name, str) else "python3",
        language=language,
    ), Page(
        metadata=raw.metadata,
        saved=tuple(saved),
        checksums=tuple(
            checksum(spec, text) if spec.grade_id else "" for spec, text in zip(cells, saved, strict=True)
        ),
        cell_metadata=tuple(
            {key: value for key, value in cell.metadata.items() if key != "nbgrader"} for cell in raw.cells
        ),
        attachments=tuple(cell.attachments for cell in raw.cells),
        hidden=frozenset().union(*(hidden_lines(cell.source, rules) for cell in raw.cells)),
    )


def _language(raw: RawNotebook) -> str:
    kernel = raw.metadata.get("kernelspec")
    language = kernel.get("language") if isinstance(kernel, dict) else None
    return language if isinstance(language, str) else "python"


def _read_source_cell(index: int, cell: RawCell, where: str) -> CellSpec:
    meta = cell.nbgrader
    grade, solution = meta.get("grade") is True, meta.get("solution") is True
    task = meta.get("task") is True
    locked = is_locked(grade=grade, solution=solution, locked=meta.get("locked") is True)
    known = grade or solution or locked or task
    if known and not cell.grade_id:
        raise UsageError("lab-no-id", "a cell that nbgrader knows has no grade_id", where=where)
    version = meta.get("schema_version", 0)
    if known and version != 3:
        raise UsageError(
            "lab-schema",
            f"the cell has nbgrader's metadata of version {version}; this reads version 3",
            "`nbgrader update FOLDER` brings old metadata up to date",
            where,
        )
    points = meta.get("points", 0)
    if (grade or task) and (
        isinstance(points, bool) or not isinstance(points, int | float) or not 0 <= points < 1e9
    ):
        raise UsageError(
            "lab-points", f"the points {points!r} of '{cell.grade_id}' are no number ≥ 0", where=where
        )
    return CellSpec(
        index=index,
        cell_type=cell.cell_type,
        source=cell.source,
        released=cell.source,
        grade_id=cell.grade_id if known else "",
        grade=grade,
        solution=solution,
        locked=locked,
        task=task,
        points=float(points) if grade or task else 0.0,
        cell_id=cell.cell_id,
    )
