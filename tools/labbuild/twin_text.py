"""Writing one twin from the other, with as little change to the file as possible."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from labbuild.cells import SourceFormat, UnreadableSourceError, shield, unshield
from labbuild.pairs import PairCell, PairSide, first_difference, read_side
from labbuild.quick_jupytext import jupytext_module

__all__ = ["UnwritableTwinError", "twin_bytes"]


class UnwritableTwinError(Exception):
    """The other format cannot say what the source says.

    Args:
        line: of the source, where the first cell stands that would change.

    """

    def __init__(self, message: str, line: int) -> None:
        """Keep the line beside the text."""
        super().__init__(message)
        self.line = line


def twin_bytes(source: PairSide, path: Path, old: PairSide | None) -> bytes:
    """Return the content of a twin.

    Args:
        source: the twin that is right.
        path: of the twin to write; its suffix decides the format.
        old: that twin as it is now; cells that did not change keep their lines, and the header stays.

    Returns:
        UTF-8 text that reads back as exactly the cells of the source.

    Raises:
        UnwritableTwinError: there is no such text.

    """
    protected: set[int] = set()
    while True:
        fresh = _jupytext_text(source, path, old, protected)
        index = _difference(source, path, fresh)
        if index is None:
            break
        if path.suffix != ".md" or index in protected or not _is_markdown(source, index):
            line = source.cells[min(index, len(source.cells) - 1)].line if source.cells else 0
            raise UnwritableTwinError(f"{path.name} would not read back as the same cells", line)
        protected.add(index)  # region comments keep the blank lines of a text cell
    spliced = _spliced(fresh, path, source, old)
    if spliced is not None and _difference(source, path, spliced) is None:
        return spliced.encode()
    return fresh.encode()


def _is_markdown(source: PairSide, index: int) -> bool:
    return index < len(source.cells) and source.cells[index].cell_type == "markdown"


def _difference(source: PairSide, path: Path, text: str) -> int | None:
    """Return the first cell that a text would not read back as."""
    try:
        return first_difference(source.cells, read_side(path, text.encode()).cells)
    except UnreadableSourceError:
        return 0


def _jupytext_text(source: PairSide, path: Path, old: PairSide | None, protected: Collection[int]) -> str:
    base = jupytext_module("jupytext").nbformat.v4.nbbase
    makers = {"code": base.new_code_cell, "markdown": base.new_markdown_cell, "raw": base.new_raw_cell}
    cells = [
        makers[cell.cell_type](
            shield(cell.text),
            metadata={**cell.metadata, **({"region_name": "region"} if index in protected else {})},
        )
        for index, cell in enumerate(source.cells)
    ]
    kind = old.format if old else SourceFormat(path.suffix, "markdown" if path.suffix == ".md" else "percent")
    options: dict[str, Any] = {"extension": kind.extension, "format_name": kind.name}
    if kind.extension == ".py":
        options["comment_magics"] = False  # a commented marker would not be one
    metadata = _header(source.metadata, old.metadata if old else None)
    notebook = base.new_notebook(cells=cells, metadata=metadata)
    converter = jupytext_module("jupytext").TextNotebookConverter(options, None)
    text = unshield(str(converter.writes(notebook, metadata=notebook.metadata)))
    return text if text.endswith("\n") else text + "\n"


def _header(ours: Mapping[str, Any], theirs: Mapping[str, Any] | None) -> dict[str, Any]:
    """The source's notebook metadata; how the file is written stays the file's own."""
    metadata = {key: value for key, value in ours.items() if key != "jupytext"}
    own = dict((theirs if theirs is not None else ours).get("jupytext", {}))
    own.pop("text_representation", None)
    own.pop("main_language", None)
    if own:
        metadata["jupytext"] = own
    return metadata


def _spliced(fresh: str, path: Path, source: PairSide, old: PairSide | None) -> str | None:
    """Take the lines of unchanged cells from the old file, those of the others from the new text."""
    if old is None or not old.cells:
        return None
    new = read_side(path, fresh.encode())
    if len(new.cells) != len(source.cells):
        return None
    rows = list(new.lines[: _first_start(new.cells)])
    matcher = difflib.SequenceMatcher(
        None, [c.key for c in old.cells], [c.key for c in new.cells], autojunk=False
    )
    if _without_version(old.metadata) == _without_version(new.metadata):
        rows = list(old.lines[: _first_start(old.cells)])
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        side, cells = (
            (old, old.cells[old_from:old_to]) if tag == "equal" else (new, new.cells[new_from:new_to])
        )
        for cell in cells:
            rows += side.lines[cell.start : cell.stop]
    return "\n".join(rows).rstrip("\n") + "\n"


def _without_version(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the header without the version of Jupytext that wrote it."""
    own = {key: value for key, value in metadata.get("jupytext", {}).items() if key != "text_representation"}
    return {**metadata, "jupytext": own}


def _first_start(cells: tuple[PairCell, ...]) -> int:
    return cells[0].start if cells else 0
