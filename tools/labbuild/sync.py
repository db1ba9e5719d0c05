"""``labs sync``: bring twins together, whichever of them was edited."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labbuild.cells import UnreadableSourceError
from labbuild.diagnostics import Diagnostic
from labbuild.folder import source_format
from labbuild.pairs import PairSide, content_digest, first_difference, read_side
from labbuild.twin_text import UnwritableTwinError, twin_bytes

__all__ = ["PairResult", "find_pairs", "sync_pair"]

Suffix = Literal[".md", ".py"]
_RECORD = Path(".labs-cache") / "pairs.json"


@dataclass(frozen=True, slots=True)
class PairResult:
    """What happened to one pair.

    Args:
        stem: path without suffix.
        state: ``same``, ``written``, ``would write`` or ``refused``.
        written: the twin that was (or would be) written.
        diagnostics: why it was refused.

    """

    stem: Path
    state: str
    written: Path | None = None
    diagnostics: tuple[Diagnostic, ...] = ()


def find_pairs(paths: Iterable[Path]) -> list[Path]:
    """Return the stems (paths without suffix) of all notebook sources.

    Args:
        paths: lab folders, or twins.

    """
    stems: dict[Path, None] = {}
    for path in paths:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        for file in files:
            if file.suffix in (".md", ".py") and file.is_file() and source_format(file) is not None:
                stems[file.with_suffix("")] = None
    return list(stems)


def sync_pair(stem: Path, right: Suffix | None = None, *, only_check: bool = False) -> PairResult:
    """Make the twins of a notebook equal.

    Args:
        stem: path without suffix.
        right: the twin that is right; None to find out which one was edited.
        only_check: write nothing.

    Returns:
        What was done. Which twin was edited is decided by content: it is the one that differs from what both
        said when they last agreed, as ``labs sync`` noted it, or as the last commit has it.

    """
    markdown, script = stem.with_suffix(".md"), stem.with_suffix(".py")
    existing = [path for path in (markdown, script) if path.is_file()]
    for path in existing:
        if source_format(path) is None:
            message = f"{path.name} is in the place of a twin, but it is not a notebook source"
            return _refused(stem, Diagnostic("LB603", message, path, hint="rename it"))
    sides: dict[Path, PairSide] = {}
    for path in existing:
        try:
            sides[path] = read_side(path)
        except UnreadableSourceError as error:
            return _refused(stem, Diagnostic(error.code, str(error), path, error.line))
    if len(existing) == 2 and first_difference(sides[markdown].cells, sides[script].cells) is None:
        if not only_check:
            _note(stem, sides[markdown])
        return PairResult(stem, "same")
    if len(existing) == 1:
        source = existing[0]
    elif right is not None:
        source = stem.with_suffix(right)
    else:
        edited = _edited(stem, sides[markdown], sides[script])
        if isinstance(edited, Diagnostic):
            return _refused(stem, edited)
        source = edited
    target = script if source == markdown else markdown
    if only_check:
        return PairResult(stem, "would write", target)
    try:
        data = twin_bytes(sides[source], target, sides.get(target))
    except UnwritableTwinError as error:
        hint = (
            "write the cell so that both formats can hold it; '<!-- #region -->' keeps blank lines together"
        )
        return _refused(stem, Diagnostic("LB603", str(error), source, error.line, hint=hint))
    _replace(target, data)
    _note(stem, sides[source])
    return PairResult(stem, "written", target)


def _refused(stem: Path, diagnostic: Diagnostic) -> PairResult:
    return PairResult(stem, "refused", None, (diagnostic,))


def _edited(stem: Path, markdown: PairSide, script: PairSide) -> Path | Diagnostic:
    """Return the twin that was edited since both agreed."""
    ours, theirs = content_digest(markdown.cells), content_digest(script.cells)
    bases = [_noted(stem), _committed(markdown.path), _committed(script.path)]
    known = [base for base in bases if base]
    for base in known:
        if base == ours:
            return script.path
        if base == theirs:
            return markdown.path
    index = first_difference(markdown.cells, script.cells) or 0
    line = markdown.cells[index].line if index < len(markdown.cells) else 0
    there = script.cells[index].line if index < len(script.cells) else 0
    reason = "both were changed since they last agreed" if known else "nothing tells which of them was edited"
    return Diagnostic(
        "LB602",
        f"{markdown.path.name} and {script.path.name} differ (line {there} there), and {reason}",
        markdown.path,
        line,
        hint="say which one is right: 'labs sync --from md' or 'labs sync --from py'",
    )


def _committed(path: Path) -> str:
    """Return the digest of a file as the last commit has it, "" if there is none."""
    command = ["git", "-C", str(path.parent), "show", f"HEAD:./{path.name}"]
    try:
        shown = subprocess.run(command, capture_output=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""  # no git: one source of knowledge less
    if shown.returncode != 0:
        return ""
    try:
        return content_digest(read_side(path, shown.stdout).cells)
    except UnreadableSourceError:
        return ""


def _noted(stem: Path) -> str:
    return _record(stem.parent).get(stem.name, "")


def _record(folder: Path) -> dict[str, str]:
    path = folder / _RECORD
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}  # a damaged note is as good as none
    return {str(key): str(value) for key, value in content.items()} if isinstance(content, dict) else {}


def _note(stem: Path, side: PairSide) -> None:
    """Note what both twins say, so that the next edit can be told."""
    record = _record(stem.parent)
    digest = content_digest(side.cells)
    if record.get(stem.name) == digest:
        return
    record[stem.name] = digest
    path = stem.parent / _RECORD
    path.parent.mkdir(exist_ok=True)
    _replace(path, (json.dumps(record, indent=1, sort_keys=True) + "\n").encode())


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(data)
    os.replace(temporary, path)
