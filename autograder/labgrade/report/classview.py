"""All that the class page shows, as plain values: results and gradebook in, nothing written."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from labgrade.model import Finding, Severity
from labgrade.report.advice import advise
from labgrade.report.book import Gradebook
from labgrade.report.doubts import Doubt, find_doubt
from labgrade.report.failures import FailureGroup, FailureGroups
from labgrade.report.people import People
from labgrade.report.questions import Question
from labgrade.report.reading import ClassResults
from labgrade.report.slow import SlowCell, Slowness, SlowTest
from labgrade.report.standing import Standing, absent_students, stand
from labgrade.report.statistics import (
    Histogram,
    QuestionStatistics,
    histogram,
    question_statistics,
    totals,
)

__all__ = ["ClassView", "FindingGroup", "Spread", "view_class"]

MAX_DOUBTS = 60
"""Pairs of texts that one page shows; the findings list the others."""
_URGENCY = (Severity.FAILURE, Severity.LOOK, Severity.NOTE)
TOTAL_BINS = 20


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """All findings of one code and severity.

    Args:
        code: of the findings.
        severity: what they ask.
        advice: what to do, "" for a note.
        entries: (position of the student in the class, finding).

    """

    code: str
    severity: Severity
    advice: str
    entries: Sequence[tuple[int, Finding]]

    @property
    def students(self) -> list[int]:
        """Positions of the students, each once, in order."""
        return list(dict.fromkeys(position for position, _ in self.entries))


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean, median and so on of the totals of those who handed in something; zeros if nobody did."""

    count: int
    mean: float
    median: float
    deviation: float
    lowest: float
    highest: float
    histogram: Histogram


@dataclass(frozen=True, slots=True)
class ClassView:
    """What the page shows.

    Args:
        lab: the assignment id.
        about: facts about the job.
        lab_findings: about the lab itself.
        questions: the columns.
        standings: a row for each student, those who handed in nothing last.
        has_book: points by hand, names and due dates were looked up.
        findings: by code, the most urgent first.
        doubts: pairs of texts to compare.
        doubts_left_out: how many more there are.

    """

    lab: str
    about: Mapping[str, Any]
    lab_findings: Sequence[Finding]
    questions: Sequence[Question]
    standings: Sequence[Standing]
    has_book: bool
    spread: Spread
    statistics: Sequence[QuestionStatistics]
    failures: Sequence[FailureGroup]
    findings: Sequence[FindingGroup]
    doubts: Sequence[Doubt]
    doubts_left_out: int
    slow_cells: Sequence[SlowCell]
    slow_tests: Sequence[SlowTest]

    @property
    def max_score(self) -> float:
        """Points of the whole lab."""
        return sum(question.max_score for question in self.questions)

    def positions(self, wanted: Callable[[Standing], bool]) -> list[int]:
        """Return the positions of the students of whom something holds."""
        return [number for number, one in enumerate(self.standings) if wanted(one)]


@dataclass(slots=True)
class _Findings:
    """Collects findings by code, and the texts behind those that are in doubt."""

    groups: dict[tuple[str, Severity], list[tuple[int, Finding]]] = field(default_factory=dict)
    doubts: list[Doubt] = field(default_factory=list)
    left_out: int = 0

    def add(self, position: int, student: str, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self.groups.setdefault((finding.code, finding.severity), []).append((position, finding))
            doubt = find_doubt(student, finding)
            if doubt is not None and len(self.doubts) < MAX_DOUBTS:
                self.doubts.append(doubt)
            elif doubt is not None:
                self.left_out += 1

    def sorted(self) -> list[FindingGroup]:
        made = [
            FindingGroup(code, severity, advise(code, severity), entries)
            for (code, severity), entries in self.groups.items()
        ]
        return sorted(made, key=lambda one: (_URGENCY.index(one.severity), -len(one.entries), one.code))


def view_class(results: ClassResults, book: Gradebook | None, people: People | None = None) -> ClassView:
    """Walk through the results once and return all that the page shows.

    Args:
        results: of the class.
        book: what people wrote; None without a gradebook.
        people: names, groups and the roster.

    Raises:
        UsageError: a submission in the results is damaged.

    """
    known, folk = book or Gradebook(), people or People()
    questions = results.questions
    by_place = {place: question.id for question in questions for place in question.cells}
    standings: list[Standing] = []
    failures, slowness, findings = FailureGroups(), Slowness(), _Findings()
    for position, result in enumerate(results):
        standing = stand(result, questions, known)
        name = standing.name or folk.names.get(result.student, "")
        standings.append(replace(standing, name=name, marked_late=result.student in folk.late))
        failures.add(position, result, by_place)
        slowness.add(position, result)
        findings.add(position, result.student, result.findings)
    absent = absent_students(standings, questions, known)
    standings.extend([one for one in absent if one.student not in folk.members])
    standings.extend(list(folk.absent(standings, questions)))
    return ClassView(
        lab=results.lab,
        about=results.about,
        lab_findings=results.findings,
        questions=questions,
        standings=standings,
        has_book=book is not None,
        spread=_spread(totals(standings), results.max_score),
        statistics=question_statistics(standings, questions),
        failures=failures.groups(),
        findings=findings.sorted(),
        doubts=findings.doubts,
        doubts_left_out=findings.left_out,
        slow_cells=slowness.cells(),
        slow_tests=slowness.tests(),
    )


def _spread(points: Sequence[float], limit: float) -> Spread:
    bins = TOTAL_BINS if limit >= TOTAL_BINS or limit != int(limit) else max(1, int(limit))
    return Spread(
        len(points),
        statistics.fmean(points) if points else 0.0,
        statistics.median(points) if points else 0.0,
        statistics.pstdev(points) if points else 0.0,
        min(points, default=0.0),
        max(points, default=0.0),
        histogram(points, limit, bins),
    )
