"""Export a class: read it, refuse or mark what has no grade yet, write the files whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from labgrade.collect.placing import disk_errors, write_whole
from labgrade.errors import GradeError, UsageError
from labgrade.export.anonymous import anonymous_ids, read_key, write_ids
from labgrade.export.canvas import export_canvas
from labgrade.export.grades import read_grades
from labgrade.export.gradescope import export_gradescope
from labgrade.export.model import ClassGrades
from labgrade.export.moodle import export_moodle
from labgrade.export.olat import export_olat
from labgrade.export.options import ExportOptions, Product
from labgrade.export.tables import export_csv, export_json
from labgrade.model import Finding, Severity
from labgrade.report.place import ClassPlace

__all__ = ["FORMATS", "Exported", "OpenGradesError", "export_class"]

FORMATS: Mapping[str, Callable[[ClassGrades, ExportOptions], Product]] = {
    "canvas": export_canvas,
    "moodle": export_moodle,
    "olat": export_olat,
    "gradescope": export_gradescope,
    "csv": export_csv,
    "json": export_json,
}
_MARKING = frozenset({"csv", "json"})
"""Formats that can say "open"; in the others an empty or missing grade is read as none, or as 0."""
KEY_NAME = ".anonymous-key"
IDS_NAME = "anonymous-ids.csv"


class OpenGradesError(GradeError):
    """Somebody has to give points, or to decide, before this format can be written."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Args:
        paths: of the files.
        written: number of grades.
        left_out: students without a grade yet.
        findings: what a person should know before uploading.

    """

    paths: tuple[Path, ...]
    written: int
    left_out: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def needs_person(self) -> bool:
        """Whether somebody should look before the files are uploaded."""
        return any(finding.severity is not Severity.NOTE for finding in self.findings)


def export_class(
    place: ClassPlace,
    to: str,
    out: Path,
    options: ExportOptions,
    *,
    leaves_open: bool = False,
    key: Path | None = None,
    anonymous: bool = False,
) -> Exported:
    """Write the grades of a class in a format.

    Args:
        place: the class.
        to: one of :data:`FORMATS`.
        out: output folder.
        options: of the format.
        leaves_open: leave out who has no grade yet, instead of refusing.
        key: of the anonymous ids, None for the one beside the results.
        anonymous: show ids that tell nobody who it is.

    Raises:
        OpenGradesError: there are students without a grade, and the format cannot say so.
        UsageError: the sheet or the options do not fit.
        MachineError: the disk or the gradebook refuses.

    """
    if anonymous and (to not in {"csv", "json", "gradescope"} or options.feedback is not None):
        raise UsageError(
            "anonymous-format",
            "an LMS has to know who gets a grade, and feedback pages carry names",
            "--anonymous goes with --to csv, json or gradescope, and without --feedback",
        )
    grades = read_grades(place)
    left_out = tuple(row.student for row in grades.unsettled)
    if left_out and to not in _MARKING:
        if not leaves_open:
            raise _refusal(grades)
        grades = grades.without_unsettled()
    if anonymous:
        show = anonymous_ids(read_key(key or place.folder / KEY_NAME))
        students = {row.student for row in grades.rows} | {row.group for row in grades.rows if row.group}
        if len({show(student) for student in students}) < len(students):
            raise UsageError("anonymous-key", "two students get the same id", "use another key with --key")
        write_ids(place.folder / IDS_NAME, students, show)
        options = replace(options, anonymous=show)
        grades = replace(grades, rows=tuple(sorted(grades.rows, key=lambda row: show(row.student))))
    product = FORMATS[to](grades, options)
    paths: list[Path] = []
    for name, data in product.files.items():
        path = out / name
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)
        paths.append(path)
    return Exported(tuple(paths), product.written, left_out, (*grades.findings, *product.findings))


def _refusal(grades: ClassGrades) -> OpenGradesError:
    names = [row.student for row in grades.unsettled]
    shown = ", ".join(names[:8]) + (" …" if len(names) > 8 else "")
    return OpenGradesError(
        "grades-open",
        f"{len(names)} have no grade yet: {shown}",
        "give their points in the formgrader; or leave them out with --open blank; or --to csv",
    )
