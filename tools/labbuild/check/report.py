"""What a check found out about a lab: plain values, a table, JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labbuild.check.codes import Weight
from labbuild.check.findings import Finding
from labbuild.check.score import is_full

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["LabReport", "QuestionReport", "VariantReport", "report_as_json", "table_of"]


@dataclass(frozen=True, slots=True)
class VariantReport:
    """How one variant fared.

    Args:
        kind: ``mutant`` or ``alternative``.
        name: as in ``variants.toml``.
        points: that it got.
        is_right: a mutant lost points with the message that it must have, an alternative kept all points.
        message: of the first test that it did not pass, "" if none.

    """

    kind: str
    name: str
    points: float
    is_right: bool
    message: str


@dataclass(frozen=True, slots=True)
class QuestionReport:
    """How one question fared.

    Args:
        id: of the question.
        title: the heading above it.
        kind: ``auto``, ``manual`` or ``task``.
        points: maximum.
        solution: points of the solution; None if no test decides.
        stub: points of the untouched notebook; None likewise.
        variants: one for each mutant and alternative that could be run.
        leaks: places where its answer can be read.

    """

    id: str
    title: str
    kind: str
    points: float
    solution: float | None = None
    stub: float | None = None
    variants: tuple[VariantReport, ...] = ()
    leaks: int = 0

    def tally(self, kind: str) -> tuple[int, int]:
        """Return how many variants of a kind did as they should, and how many there are."""
        chosen = [variant for variant in self.variants if variant.kind == kind]
        return sum(variant.is_right for variant in chosen), len(chosen)


@dataclass(frozen=True, slots=True)
class LabReport:
    """All that was found out about a lab."""

    name: str
    path: Path
    questions: tuple[QuestionReport, ...]
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def blockers(self) -> tuple[Finding, ...]:
        """What stands in the way of a release."""
        return tuple(finding for finding in self.findings if finding.weight is Weight.BLOCKER)

    @property
    def leaks(self) -> int:
        """Places where something confidential can be read."""
        return sum(finding.code.startswith("LC3") for finding in self.findings)


def table_of(report: LabReport) -> Table:
    """Return the table of a lab: one row for each question."""
    from rich.table import Table

    table = Table(title=f"{report.name} · leaks {report.leaks}", title_justify="left")
    for name, side in [("question", "left"), ("points", "right"), ("solution", "left"), ("stub", "left")]:
        table.add_column(name, justify="right" if side == "right" else "left", overflow="fold")
    for name in ("mutants", "alternatives", "leaks"):
        table.add_column(name, justify="right")
    for question in report.questions:
        table.add_row(
            question.id,
            f"{question.points:g}",
            _solution_word(question),
            _stub_word(question),
            *("/".join(map(str, question.tally(kind))) for kind in ("mutant", "alternative")),
            str(question.leaks),
            style=None if _is_sound(question) else "bold red",
        )
    return table


def _solution_word(question: QuestionReport) -> str:
    if question.solution is None:
        return "by hand" if question.kind != "auto" else "not graded" if not question.points else "not run"
    return (
        "full"
        if is_full(question.solution, question.points)
        else f"{question.solution:g} of {question.points:g}"
    )


def _stub_word(question: QuestionReport) -> str:
    if question.stub is None:
        return "–" if question.kind != "auto" or not question.points else "not run"
    return "zero" if question.stub == 0 else f"{question.stub:g} points"


def _is_sound(question: QuestionReport) -> bool:
    if question.leaks:
        return False
    if question.kind != "auto" or not question.points:
        return True
    return (
        question.solution is not None
        and is_full(question.solution, question.points)
        and question.stub == 0
        and all(variant.is_right for variant in question.variants)
    )


def report_as_json(report: LabReport) -> dict[str, Any]:
    """Return a report as plain data for ``--json``."""
    questions = []
    for question in report.questions:
        killed, mutants = question.tally("mutant")
        accepted, alternatives = question.tally("alternative")
        counts = {
            "mutants": mutants,
            "mutants_killed": killed,
            "alternatives": alternatives,
            "alternatives_accepted": accepted,
        }
        questions.append({**asdict(question), **counts})
    return {
        "lab": report.name,
        "path": str(report.path),
        "sound": not report.blockers,
        "leaks": report.leaks,
        "seconds": round(report.seconds, 2),
        "questions": questions,
        "findings": [finding.as_json() for finding in report.findings],
    }
