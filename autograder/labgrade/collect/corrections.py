"""What a person has written into the mapping: read from the same file that collecting writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labgrade.collect.table import read_table
from labgrade.errors import UsageError

__all__ = ["MEMBERS_JOINT", "Correction", "read_corrections"]

MEMBERS_JOINT = ";"
"""Between the ids of a group in the column ``student``."""
_NO = frozenset({"no", "n", "nein", "0", "false", "skip"})
_YES = frozenset({"yes", "y", "ja", "1", "true", ""})


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person says of a submission: whose it is (none keeps what was found), and whether to take it."""

    students: tuple[str, ...]
    take: bool = True


def read_corrections(path: Path) -> Mapping[str, Correction]:
    """Read a corrections file: a CSV with ``source``, ``student`` and, if wanted, ``take``.

    Raises:
        UsageError: it is no such file, or a source stands in it twice.

    """
    table = read_table(path, "corrections")
    source, student, take = table.column("source"), table.column("student"), table.column("take")
    if source < 0 or student < 0:
        raise UsageError(
            "corrections-format",
            "the columns 'source' and 'student' are needed",
            "edit the collected.csv that `labs collect` writes",
            f"{path}:1",
        )
    found: dict[str, Correction] = {}
    for line, row in enumerate(table.rows, start=2):
        name = table.cell(row, source)
        if not name:
            continue
        word = table.cell(row, take).casefold()
        if word not in _NO | _YES:
            raise UsageError(
                "corrections-format", f"take is '{word}'; it is yes or no", where=f"{path}:{line}"
            )
        if name in found:
            raise UsageError("corrections-format", f"'{name}' stands there twice", where=f"{path}:{line}")
        ids = tuple(text.strip() for text in table.cell(row, student).split(MEMBERS_JOINT) if text.strip())
        found[name] = Correction(ids, word not in _NO)
    return found
