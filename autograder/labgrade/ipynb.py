"""Read and write ``.ipynb`` files as JSON, strictly, without nbformat (whose import costs most of a second).

A notebook that a student hands in is hostile or damaged until proven otherwise: every limit that is passed
and every mend that is made has a name, and nothing but :class:`NotebookError` is raised for bad content.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from labgrade.model import Finding, Severity

__all__ = ["NotebookError", "RawCell", "RawNotebook", "format_notebook", "read_notebook"]

MAX_BYTES = 100_000_000
"""Largest notebook file, the figure of nbgrader's ``CourseDirectory.max_file_size``."""
MAX_CELLS = 5_000
MAX_SOURCE_CHARS = 5_000_000
"""Text of all cells together; a real notebook has some ten thousand characters."""

_CELL_TYPES = frozenset({"code", "markdown", "raw"})
_TRAILING_COMMA = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


class NotebookError(Exception):
    """The file cannot be read as a notebook.

    Args:
        code: stable name of the cause, e.g. ``notebook-not-json``.
        message: one sentence for the person who grades.

    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class RawCell:
    """A cell as it stands in a file; the source is one string with ``\\n`` line ends."""

    cell_type: str
    source: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    cell_id: str = ""
    attachments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def nbgrader(self) -> Mapping[str, Any]:
        """nbgrader's metadata of the cell, {} if there is none or it is not a mapping."""
        found = self.metadata.get("nbgrader")
        return found if isinstance(found, dict) else {}

    @property
    def grade_id(self) -> str:
        """nbgrader's id, "" if there is none or it is not text."""
        found = self.nbgrader.get("grade_id")
        return found if isinstance(found, str) else ""


@dataclass(frozen=True, slots=True)
class RawNotebook:
    """A notebook as it stands in a file, brought to the shape of nbformat 4."""

    cells: tuple[RawCell, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    minor: int = 5
    findings: tuple[Finding, ...] = ()


def read_notebook(data: bytes) -> RawNotebook:
    """Read a notebook of nbformat 3 or 4.

    Args:
        data: the bytes of the file.

    Returns:
        The notebook, with a finding for each mend that was needed.

    Raises:
        NotebookError: the bytes are no notebook; its code names the cause.

    """
    if len(data) > MAX_BYTES:
        raise NotebookError(
            "notebook-too-large",
            f"the file has {len(data) / 1e6:.0f} MB; the limit is {MAX_BYTES / 1e6:.0f} MB",
        )
    if not data.strip(b"\x00 \t\r\n"):
        raise NotebookError("notebook-empty-file", "the file is empty")
    findings: list[Finding] = []
    document = _parse(data, findings)
    if not isinstance(document, dict):
        raise NotebookError("not-a-notebook", "the file is JSON, but not a notebook")
    major = document.get("nbformat")
    raw_cells = document.get("cells")
    if raw_cells is None and isinstance(document.get("worksheets"), list):
        raw_cells = _cells_of_worksheets(document["worksheets"])
        findings.append(_note("notebook-format-3", "the notebook is in the old format 3 and was converted"))
    if not isinstance(raw_cells, list):
        raise NotebookError("not-a-notebook", "the file is JSON, but has no list of cells")
    if isinstance(major, int) and major > 4:
        findings.append(
            _look("notebook-format-new", f"the notebook says it has format {major}; it was read as format 4")
        )
    if len(raw_cells) > MAX_CELLS:
        raise NotebookError(
            "notebook-too-large", f"the notebook has {len(raw_cells)} cells; the limit is {MAX_CELLS}"
        )
    cells = tuple(
        cell
        for position, raw in enumerate(raw_cells)
        if (cell := _read_cell(raw, position, findings)) is not None
    )
    if sum(len(cell.source) for cell in cells) > MAX_SOURCE_CHARS:
        raise NotebookError(
            "notebook-too-large", f"the cells hold more than {MAX_SOURCE_CHARS} characters of text"
        )
    metadata = document.get("metadata")
    minor = document.get("nbformat_minor")
    return RawNotebook(
        cells=cells,
        metadata=metadata if isinstance(metadata, dict) else {},
        minor=minor if isinstance(minor, int) and 0 <= minor <= 5 and major == 4 else 5,
        findings=tuple(findings),
    )


def format_notebook(notebook: Mapping[str, Any]) -> bytes:
    """Write a notebook in the form of nbformat: sorted keys, one space of indentation, text as lines.

    Args:
        notebook: nbformat 4 with every ``source`` and text output as one string.

    """
    document = dict(notebook)
    document["cells"] = [_split_cell(cell) for cell in notebook["cells"]]
    try:
        compact = msgspec.json.encode(document, order="sorted")
    except (OverflowError, ValueError):  # an integer of more than 64 bits in a student's metadata
        compact = json.dumps(document, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace")
    return msgspec.json.format(compact, indent=1) + b"\n"


def _parse(data: bytes, findings: list[Finding]) -> Any:
    text = _decode(data, findings)
    try:
        return _load(text)
    except RecursionError:
        raise NotebookError("notebook-not-json", "the file is nested too deeply to be a notebook") from None
    except ValueError as error:
        first = error
    mended = _TRAILING_COMMA.sub(lambda found: found.group() if found.group()[0] == '"' else "", text)
    try:
        document = _load(mended)
    except (ValueError, RecursionError):
        where = (
            f" (line {first.lineno}, column {first.colno})" if isinstance(first, json.JSONDecodeError) else ""
        )
        reason = first.msg if isinstance(first, json.JSONDecodeError) else str(first)
        raise NotebookError("notebook-not-json", f"the file is not JSON: {reason}{where}") from None
    findings.append(
        _note("json-trailing-comma", "commas before a closing bracket were removed to read the file")
    )
    return document


def _load(text: str) -> Any:
    document = json.loads(text)
    return _without_surrogates(document) if "\\ud" in text or "\\uD" in text else document


def _decode(data: bytes, findings: list[Finding]) -> str:
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if data.startswith(mark):
            try:
                text = data.decode(encoding)
            except UnicodeDecodeError:
                break
            findings.append(
                _note("notebook-byte-order-mark", f"the file is in {encoding} with a byte order mark")
            )
            return text
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        findings.append(
            _look(
                "notebook-encoding", f"the file is not UTF-8 (byte {error.start}); such characters became �"
            )
        )
        return data.decode("utf-8", "replace")


def _without_surrogates(value: Any) -> Any:
    """Replace lone surrogates, which JSON may spell but no file can be written with."""
    if isinstance(value, str):
        return _SURROGATE.sub("�", value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value


def _cells_of_worksheets(worksheets: list[Any]) -> list[Any]:
    """Return the cells of an nbformat 3 notebook in the shape of nbformat 4."""
    cells: list[Any] = []
    for sheet in worksheets:
        found = sheet.get("cells") if isinstance(sheet, dict) else None
        for cell in found if isinstance(found, list) else []:
            if not isinstance(cell, dict):
                cells.append(cell)
                continue
            kind = cell.get("cell_type")
            new = {"cell_type": kind, "metadata": cell.get("metadata"), "source": cell.get("source", "")}
            if kind == "code":
                new["source"] = cell.get("input", cell.get("source", ""))
            elif kind == "heading":
                level = cell.get("level")
                marks = "#" * (level if isinstance(level, int) and 1 <= level <= 6 else 1)
                new = {**new, "cell_type": "markdown", "source": f"{marks} {_join(new['source'])}"}
            elif kind in ("html", "plaintext"):
                new["cell_type"] = "markdown"
            cells.append(new)
    return cells


def _read_cell(raw: Any, position: int, findings: list[Finding]) -> RawCell | None:
    if not isinstance(raw, dict):
        findings.append(
            _look("cell-unreadable", f"cell #{position} is not a cell and was left out", f"#{position}")
        )
        return None
    kind = raw.get("cell_type")
    if not isinstance(kind, str) or kind not in _CELL_TYPES:
        findings.append(
            _look(
                "cell-unreadable",
                f"cell #{position} has the unknown type {kind!r:.40}; read as text",
                f"#{position}",
            )
        )
        kind = "raw"
    metadata = raw.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    cell_id = raw.get("id", metadata.get("id"))
    attachments = raw.get("attachments")
    return RawCell(
        cell_type=kind,
        source=_join(raw.get("source", "")).replace("\r\n", "\n").replace("\r", "\n"),
        metadata=metadata,
        cell_id=cell_id if isinstance(cell_id, str) else "",
        attachments=attachments if isinstance(attachments, dict) else {},
    )


def _join(source: Any) -> str:
    if isinstance(source, str):
        return source
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return ""


def _split_cell(cell: Mapping[str, Any]) -> dict[str, Any]:
    new = dict(cell)
    new["source"] = cell["source"].splitlines(True)
    if "outputs" in cell:
        new["outputs"] = [_split_output(output) for output in cell["outputs"]]
    return new


def _split_output(output: Mapping[str, Any]) -> dict[str, Any]:
    new = dict(output)
    if isinstance(output.get("text"), str):
        new["text"] = output["text"].splitlines(True)
    data = output.get("data")
    if isinstance(data, dict):
        new["data"] = {
            mime: value.splitlines(True) if isinstance(value, str) and _is_text(mime) else value
            for mime, value in data.items()
        }
    return new


def _is_text(mime: str) -> bool:
    """Return whether nbformat writes the data of this type as lines."""
    return mime.startswith("text/") or mime in ("application/javascript", "image/svg+xml")


def _note(code: str, message: str, cell: str = "") -> Finding:
    return Finding(code, message, Severity.NOTE, cell=cell)


def _look(code: str, message: str, cell: str = "") -> Finding:
    return Finding(code, message, Severity.LOOK, cell=cell)
