"""A lab under check: its jobs, the variants on their way, and their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from labbuild.check.apply import Changes
from labbuild.check.jobs import Job, JobCell, JobResult, TestResult
from labbuild.check.plan import TestPlan
from labbuild.check.score import score_cell
from labbuild.check.variants import Variant, VariantsFile
from labbuild.compiled import CompiledLab, CompiledNotebook

__all__ = ["CheckedLab", "QuestionScore", "Trial", "Work", "score_question"]


@dataclass(frozen=True, slots=True)
class CheckedLab:
    """One compiled lab with its variants and the folders that its jobs start from.

    Args:
        lab: compiled.
        variants: of the lab.
        folders: ``solution`` and ``student`` -> absolute path of what lies beside the notebooks.

    """

    lab: CompiledLab
    variants: VariantsFile
    folders: Mapping[str, str]

    def notebook(self, name: str) -> CompiledNotebook:
        """Return the notebook with this name."""
        return next(notebook for notebook in self.lab.notebooks if notebook.name == name)

    def job(
        self,
        key: str,
        cells: Sequence[JobCell],
        environment: Mapping[str, str | None],
        version: str = "solution",
        files: Mapping[str, str] | None = None,
    ) -> Job:
        """Make a job under this lab's time limits, beside the files of a version."""
        settings = self.variants.settings
        return Job(
            key,
            tuple(cells),
            self.folders[version],
            dict(files or {}),
            dict(environment),
            settings.cell_timeout_s,
            settings.notebook_timeout_s,
        )


@dataclass(frozen=True, slots=True)
class QuestionScore:
    """Points of a question, and what the tests that did not pass say."""

    points: float
    failed: tuple[TestResult, ...] = ()
    passed: tuple[TestResult, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def messages(self) -> tuple[str, ...]:
        """What students would read, in the order of the tests."""
        return (
            *(": ".join(text for text in (test.cause, test.message) if text) for test in self.failed),
            *self.errors,
        )


@dataclass(slots=True)
class Trial:
    """A variant on its way: its changes, and its score once it ran."""

    variant: Variant
    changes: Changes
    score: QuestionScore | None = None
    ran_in_full: bool = False


@dataclass(slots=True)
class Work:
    """A question on its way: where its tests stand, and what was found so far."""

    plan: TestPlan
    trials: list[Trial] = field(default_factory=list)
    solution: QuestionScore | None = None
    stub: QuestionScore | None = None


def score_question(plan: TestPlan, runs: Mapping[str, JobResult]) -> QuestionScore:
    """Add up the points of a question's test cells; ``runs`` holds a result for each of its notebooks."""
    points = 0.0
    failed: list[TestResult] = []
    passed: list[TestResult] = []
    errors: list[str] = []
    for name, tests in plan.tests.items():
        for index, maximum in tests:
            cell = runs[name].cells.get(index)
            if cell is None:
                errors.append(runs[name].problem or "the test cell was not reached")
                continue
            score = score_cell(crashed=cell.crashed, result=cell.result, maximum=maximum)
            points += score.points
            failed += [test for test in cell.tests if test.outcome != "passed"]
            passed += [test for test in cell.tests if test.outcome == "passed"]
            errors += [text for text in (cell.error, score.reason) if text]
    return QuestionScore(points, tuple(failed), tuple(passed), tuple(errors))
