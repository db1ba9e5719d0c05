"""Run the solution, the untouched notebook and the variants, and see what points they get."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from labbuild.check.apply import Changes, apply_variant
from labbuild.check.findings import Finding
from labbuild.check.jobs import Job, JobResult
from labbuild.check.judge import first_line, judge_question, judge_trial
from labbuild.check.plan import (
    cells_of_solution,
    cells_of_stub,
    cells_of_student,
    needed_cells,
    plan_tests,
)
from labbuild.check.report import QuestionReport, VariantReport
from labbuild.check.runner import Runner
from labbuild.check.score import is_full
from labbuild.check.trials import CheckedLab, QuestionScore, Trial, Work, score_question
from labbuild.compiled import Question

__all__ = ["PointsReport", "check_points"]

Progress = Callable[[int, int], None]
# A check changes nothing on the machine: `!pip install` may find a package there, and never installs one.
_RUNNING: Mapping[str, str | None] = {"LABS_PROFILE": "quick", "PIP_NO_INDEX": "1", "PIP_NO_INPUT": "1"}
_GRADING: Mapping[str, str | None] = {**_RUNNING, "NBGRADER_EXECUTION": "autograde"}
_READING: Mapping[str, str | None] = {**_RUNNING, "NBGRADER_EXECUTION": None}


@dataclass(frozen=True, slots=True)
class PointsReport:
    """What running a lab showed.

    Args:
        questions: a row for each question.
        findings: what is wrong with points and variants.
        solution: notebook -> run of the solution version.
        student: notebook -> run of the untouched student version, as a student sees it.

    """

    questions: tuple[QuestionReport, ...]
    findings: tuple[Finding, ...]
    solution: Mapping[str, JobResult]
    student: Mapping[str, JobResult]


def check_points(checked: CheckedLab, runner: Runner, progress: Progress) -> PointsReport:
    """Run everything that a lab's points depend on.

    Args:
        checked: the lab.
        runner: warm.
        progress: called with (jobs done, jobs known so far).

    """
    lab = checked.lab
    findings: list[Finding] = []
    graded = [question for question in lab.questions if question.kind == "auto" and question.tests]
    works = [Work(plan_tests(lab, question)) for question in graded]
    count = _Counter(progress)
    first = {result.key: result for result in count.run(runner, _first_jobs(checked))}
    for work in works:
        work.solution = score_question(
            work.plan, {name: first[f"solution/{name}"] for name in work.plan.tests}
        )
        work.stub = score_question(work.plan, {name: first[f"stub/{name}"] for name in work.plan.tests})
        findings += judge_question(checked, work)
        if is_full(work.solution.points, work.plan.question.points):
            work.trials, problems = _make_trials(checked, work.plan.question)
            findings += problems
    _run_trials(checked, works, runner, count)
    rows = {work.plan.question.id: _row(work, checked, findings) for work in works}
    questions = tuple(
        rows.get(question.id) or QuestionReport(question.id, question.title, question.kind, question.points)
        for question in lab.questions
    )
    runs = {
        version: {notebook.name: first[f"{version}/{notebook.name}"] for notebook in lab.notebooks}
        for version in ("solution", "student")
    }
    return PointsReport(questions, tuple(findings), runs["solution"], runs["student"])


class _Counter:
    """Counts jobs for the progress bar."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._done = 0
        self._known = 0

    def run(self, runner: Runner, jobs: Iterable[Job]) -> Iterator[JobResult]:
        jobs = list(jobs)
        self._known += len(jobs)
        self._progress(self._done, self._known)
        for result in runner.run(jobs):
            self._done += 1
            self._progress(self._done, self._known)
            yield result


def _first_jobs(checked: CheckedLab) -> Iterator[Job]:
    for notebook in checked.lab.notebooks:
        name = notebook.name
        yield checked.job(f"solution/{name}", cells_of_solution(notebook), _GRADING)
        yield checked.job(f"stub/{name}", cells_of_stub(notebook), _GRADING, "student")
        yield checked.job(f"student/{name}", cells_of_student(notebook), _READING, "student")


def _make_trials(checked: CheckedLab, question: Question) -> tuple[list[Trial], list[Finding]]:
    trials: list[Trial] = []
    findings: list[Finding] = []
    path = checked.variants.path
    for variant in checked.variants.variants:
        if variant.question != question.id:
            continue
        changes, problems = apply_variant(checked.lab, question, variant, path)
        findings += problems
        if changes is None:
            continue
        twin = next((trial.variant for trial in trials if trial.changes == changes), None)
        if twin:
            message = f"{variant.label} gives the same text as {twin.name!r} (line {twin.line})"
            findings.append(Finding("LC107", path, variant.line, message, "drop one of them", question.id))
        trials.append(Trial(variant, changes))
    if not any(trial.variant.kind == "mutant" for trial in trials) and not findings:
        message = (
            f"question {question.id!r} has no mutants: nothing shows that its tests catch a wrong answer"
        )
        findings.append(
            Finding("LC207", path, 0, message, "write [[mutant]] with question, name, replace, with")
        )
    return trials, findings


def _run_trials(checked: CheckedLab, works: list[Work], runner: Runner, count: _Counter) -> None:
    """Run the variants with the cells that they need, and repeat bad news with all cells."""
    jobs = []
    for work in works:
        if work.trials:
            jobs += list(_trial_jobs(checked, work, None, is_full=False))
            for number in range(len(work.trials)):
                jobs += list(_trial_jobs(checked, work, number, is_full=False))
    scores = _scores(works, count.run(runner, jobs))
    again = []
    for work in works:
        question = work.plan.question
        base = scores.get((question.id, None))
        is_safe = base is not None and is_full(base.points, question.points)
        for number, trial in enumerate(work.trials):
            trial.score = scores[question.id, number]
            is_bad_news = judge_trial(trial, trial.score, question, checked) is not None
            # A name that is not there may be one that only a left-out cell binds.
            lacks_name = any("NameError" in text for text in trial.score.messages)
            if not is_safe or is_bad_news or lacks_name:
                trial.ran_in_full = True
                again += list(_trial_jobs(checked, work, number, is_full=True))
    scores = _scores(works, count.run(runner, again))
    for work in works:
        for number, trial in enumerate(work.trials):
            if trial.ran_in_full:
                trial.score = scores[work.plan.question.id, number]


def _trial_jobs(checked: CheckedLab, work: Work, number: int | None, *, is_full: bool) -> Iterator[Job]:
    changes = work.trials[number].changes if number is not None else Changes()
    answers = {(place.file, place.cell) for place in work.plan.question.answers}
    for name, tests in work.plan.tests.items():
        notebook = checked.notebook(name)
        cells = cells_of_solution(notebook, changes)
        if not is_full:
            changed = [cell.index for cell in cells if (name, cell.index) in answers]
            cells = needed_cells(notebook, cells, [index for index, _ in tests], changed)
        key = f"{work.plan.question.id}/{'' if number is None else number}/{name}"
        yield checked.job(key, cells, _GRADING, files=changes.modules)


def _scores(works: list[Work], results: Iterable[JobResult]) -> dict[tuple[str, int | None], QuestionScore]:
    plans = {work.plan.question.id: work.plan for work in works}
    by_trial: dict[tuple[str, int | None], dict[str, JobResult]] = {}
    for result in results:
        question, number, name = result.key.split("/", 2)
        by_trial.setdefault((question, int(number) if number else None), {})[name] = result
    return {key: score_question(plans[key[0]], runs) for key, runs in by_trial.items()}


def _row(work: Work, checked: CheckedLab, findings: list[Finding]) -> QuestionReport:
    question = work.plan.question
    variants = []
    for trial in work.trials:
        assert trial.score is not None
        finding = judge_trial(trial, trial.score, question, checked)
        if finding:
            findings.append(finding)
        message = first_line(trial.score.messages)
        variants.append(
            VariantReport(
                trial.variant.kind, trial.variant.name, trial.score.points, finding is None, message
            )
        )
    assert work.solution is not None
    assert work.stub is not None
    return QuestionReport(
        question.id,
        question.title,
        question.kind,
        question.points,
        work.solution.points,
        work.stub.points,
        tuple(variants),
    )
