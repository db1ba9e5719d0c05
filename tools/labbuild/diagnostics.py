"""What the builder has to say to an author, with the place and the mend."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labbuild.codes import CODES, Severity

__all__ = ["Diagnostic", "Diagnostics", "from_json", "render", "sort", "to_json"]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing that is wrong or was mended.

    Args:
        code: stable code, a key of :data:`labbuild.codes.CODES`.
        message: what is wrong, in one sentence.
        path: the source file.
        line: 1-based line, 0 when the file as a whole is meant.
        col: 1-based column, 0 when the line as a whole is meant.
        text: the line as it stands in the file.
        hint: what to write instead.
        related: further 1-based lines of the same file that the message speaks of.

    """

    code: str
    message: str
    path: Path
    line: int = 0
    col: int = 0
    text: str = ""
    hint: str = ""
    related: tuple[int, ...] = ()

    @property
    def severity(self) -> Severity:
        """How grave this is; decided by the code alone."""
        return CODES[self.code][0]

    @property
    def is_error(self) -> bool:
        """Whether this forbids writing any output."""
        return self.severity is Severity.ERROR


@dataclass(slots=True)
class Diagnostics:
    """Collects what is found, so that all of it is reported and not only the first.

    Args:
        path: the file that :meth:`add` speaks of.
        lines: its lines, for quoting.

    """

    path: Path
    lines: tuple[str, ...] = ()
    found: list[Diagnostic] = field(default_factory=list)

    def add(
        self,
        code: str,
        message: str,
        *,
        line: int = 0,
        col: int = 0,
        hint: str = "",
        related: tuple[int, ...] = (),
    ) -> None:
        """Record a diagnostic about this file, quoting the line."""
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        self.found.append(Diagnostic(code, message, self.path, line, col, text, hint, tuple(sorted(related))))

    @property
    def has_errors(self) -> bool:
        """Whether any of them is an error."""
        return any(diagnostic.is_error for diagnostic in self.found)


def sort(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return them by file, line and code, each once."""
    return tuple(sorted(set(diagnostics), key=lambda d: (str(d.path), d.line, d.col, d.code, d.message)))


def _shown(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def render(diagnostic: Diagnostic) -> str:
    """Return the lines that a terminal shows for one diagnostic."""
    place = _shown(diagnostic.path)
    if diagnostic.line:
        place += f":{diagnostic.line}"
        if diagnostic.col:
            place += f":{diagnostic.col}"
    rows = [f"{place} {diagnostic.severity} {diagnostic.code} {diagnostic.message}"]
    if diagnostic.text.strip():
        rows.append(f"    {diagnostic.text.rstrip()}")
    if diagnostic.hint:
        rows.append(f"    hint: {diagnostic.hint}")
    return "\n".join(rows)


def to_json(diagnostic: Diagnostic) -> dict[str, Any]:
    """Return a diagnostic as plain data for ``--json``."""
    return {
        "code": diagnostic.code,
        "severity": str(diagnostic.severity),
        "message": diagnostic.message,
        "path": str(diagnostic.path),
        "line": diagnostic.line,
        "col": diagnostic.col,
        "text": diagnostic.text,
        "hint": diagnostic.hint,
        "related": list(diagnostic.related),
    }


def from_json(item: Mapping[str, Any]) -> Diagnostic:
    """Return the diagnostic that :func:`to_json` wrote."""
    kept = {key: item[key] for key in ("code", "message", "line", "col", "text", "hint")}
    return Diagnostic(path=Path(item["path"]), related=tuple(item["related"]), **kept)
