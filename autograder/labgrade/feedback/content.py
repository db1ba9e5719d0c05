"""What stands on a student's page, as plain values; the template only lays it out."""

from __future__ import annotations

from dataclasses import dataclass, field

from markupsafe import Markup

__all__ = ["Check", "Fact", "Page", "QuestionPart", "SourceFile", "Work"]

_NOTHING = Markup("")


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled line of what a check found.

    Args:
        label: ``called``, ``expected``, ``came back``, ``likely cause`` …; "" for a plain sentence.
        text: the line, perhaps several.
        is_code: whether it is set as code.

    """

    label: str
    text: str
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """How one check ended.

    Args:
        status: an outcome, or ``partly passed``.
        title: the sentence for students.
        points: earned, None where the check has no points of its own.
        max_points: its share, None as above.
        facts: what was called, expected, came back; none for a hidden test.
        hidden: whether the test is told by its sentence only.

    """

    status: str
    title: str
    points: float | None = None
    max_points: float | None = None
    facts: tuple[Fact, ...] = ()
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of the student's work.

    Args:
        caption: what it is.
        body: source or text, safe; "" for none.
        outputs: safe.
        is_answer: whether it is shown at once; else its source unfolds.

    """

    caption: str
    body: Markup = _NOTHING
    outputs: tuple[Markup, ...] = ()
    is_answer: bool = False


@dataclass(frozen=True, slots=True)
class QuestionPart:
    """A question on the page.

    Args:
        id: as in every table.
        anchor: for links inside the page.
        status: over all its cells.
        points: None where a person still has to give some.
        max_points: of all its cells.
        sentence: what the points mean, "" where the checks say it.
        extra: extra credit.
        checks: in order.
        comments: of the assistants, safe.
        works: answers, outputs, plots.

    """

    id: str
    anchor: str
    status: str
    points: float | None
    max_points: float
    sentence: str = ""
    extra: float = 0.0
    checks: tuple[Check, ...] = ()
    comments: tuple[Markup, ...] = ()
    works: tuple[Work, ...] = ()

    @property
    def tally(self) -> str:
        """How many checks passed, in words."""
        passed = sum(check.status == "passed" for check in self.checks)
        return f"{passed} of {len(self.checks)} checks passed" if self.checks else self.sentence


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that the student wrote, whole."""

    name: str
    body: Markup
    note: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A student's page.

    Args:
        lab: the assignment.
        student: id.
        name: "" if nobody knows it.
        total: points so far, with extra credit, less the penalty.
        max_score: points of the lab.
        waiting: points that a person still has to give, at most.
        extra: extra credit in the total.
        penalty: taken off for being late.
        handed_in: moment, "" if unknown.
        late: by how long, "" if not late.
        notices: what the student should know about the submission.
        questions: in the lab's order.
        comments: that belong to no question, safe.
        rest: work that belongs to no question.
        files: that the student wrote.

    """

    lab: str
    student: str
    name: str
    total: float
    max_score: float
    waiting: float = 0.0
    extra: float = 0.0
    penalty: float = 0.0
    handed_in: str = ""
    late: str = ""
    notices: tuple[str, ...] = ()
    questions: tuple[QuestionPart, ...] = ()
    comments: tuple[Markup, ...] = ()
    rest: tuple[Work, ...] = ()
    files: tuple[SourceFile, ...] = field(default=())
