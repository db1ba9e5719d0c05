"""Grade a batch: from folders to the gradebook, one submission after the other, whatever stops it."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from labgrade.course import CourseSettings
from labgrade.errors import MachineError
from labgrade.executor.frames import Done, Failed, Job, Setup
from labgrade.executor.local import LocalExecutor, Lost
from labgrade.executor.worker import limits_text
from labgrade.fingerprint import grader_version
from labgrade.intake import RawSubmission, SubmissionPlace, read_submission
from labgrade.journal import Entry, Journal, Mark, journal_key
from labgrade.lab import Lab
from labgrade.model import Finding, Limits, Severity
from labgrade.progress import Listener
from labgrade.record.autograded import write_autograded
from labgrade.record.gradebook import Gradebook
from labgrade.record.penalty import parse_timestamp
from labgrade.result import GradedSubmission, NotebookStatus
from labgrade.score import ungraded_notebooks
from labgrade.stopping import StopSign, heed_interrupts

__all__ = ["JobPlan", "JobSummary", "run_job"]

BATCH = 25
"""Results that go into one transaction."""
MANY = 3
"""From more submissions for each worker on, what they share is done before the first."""
BATCH_S = 2.0
"""How long a result waits for others before it is recorded."""


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What to grade, how, and where to.

    Args:
        lab: from :func:`labgrade.lab.read_lab`.
        course: where nbgrader's folders are.
        places: the submissions.
        folder: gets journal, results and logs.
        keep_structure: the gradebook's cells are nbgrader's own and stay as they are.
        findings: about the lab itself.

    """

    lab: Lab
    course: CourseSettings
    places: Sequence[SubmissionPlace]
    folder: Path
    limits: Limits = field(default_factory=Limits)
    sandbox: str = "auto"
    floor: str = ""
    start: str = "auto"
    tests: str = "apart"
    jobs: int = 1
    regrade: bool = False
    keep_structure: bool = False
    findings: tuple[Finding, ...] = ()

    @property
    def options(self) -> str:
        """What decides a result besides submission, lab and grader; limits count only where one was hit."""
        floor = f" floor={self.floor}" if self.floor else ""
        return f"sandbox={self.sandbox}{floor} tests={self.tests}"


@dataclass(slots=True)
class JobSummary:
    """How a job ended.

    Args:
        journal: holds the results; closed by the caller.
        students: in the order of the places.
        failed: results that are not in the journal, because the grader itself failed: tried again next time.
        graded, kept: how many were run, how many still held from an earlier run.
        stopped: Ctrl-C ended it.

    """

    journal: Journal
    students: list[str] = field(default_factory=list)
    failed: dict[str, GradedSubmission] = field(default_factory=dict)
    graded: int = 0
    kept: int = 0
    stopped: bool = False
    level: str = ""
    seconds: float = 0.0

    def results(self) -> Iterator[GradedSubmission]:
        """Yield the results one at a time; they are read from the disk."""
        for student in self.students:
            if student in self.failed:
                yield self.failed[student]
            elif student in self.journal.marks:
                yield self.journal.read(student).result


class _Recorder:
    """Takes results and writes them in the one order that survives a crash: notebooks, journal, gradebook."""

    def __init__(self, plan: JobPlan, journal: Journal, gradebook: Gradebook) -> None:
        self._plan = plan
        self._journal = journal
        self._gradebook = gradebook
        self._new: list[Entry] = []
        self._again: list[GradedSubmission] = []
        self._since = 0.0

    def add(self, done: Done) -> None:
        """Write a result's notebooks, and queue it."""
        folder = autograded_folder(self._plan, done.result.student)
        try:
            write_autograded(done.files, folder, groupshared=self._plan.course.groupshared)
        except OSError as error:
            code = "disk-full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "autograded"
            message = f"an autograded notebook cannot be written: {error.strerror}"
            raise MachineError(code, message, "make room or rights and run again", str(folder)) from error
        sizes = {path: len(data) for path, data in done.files.items() if path.endswith(".ipynb")}
        self._queue()
        self._new.append(Entry(done.result, sizes))

    def add_again(self, result: GradedSubmission) -> None:
        """Queue a result that the journal has and the gradebook lacks."""
        self._queue()
        self._again.append(result)

    def flush(self, *, always: bool = False) -> None:
        """Record what is queued, if it is enough or has waited long enough."""
        waiting = len(self._new) + len(self._again)
        if not waiting or not (always or waiting >= BATCH or time.monotonic() - self._since > BATCH_S):
            return
        new, again = self._new, self._again
        self._new, self._again = [], []
        self._journal.append(new)
        self._gradebook.record([*again, *(entry.result for entry in new)])

    def _queue(self) -> None:
        if not self._new and not self._again:
            self._since = time.monotonic()


def autograded_folder(plan: JobPlan, student: str) -> Path:
    """Return ``autograded/STUDENT/LAB`` in the course's own structure."""
    return plan.course.folder(plan.course.autograded, student, plan.lab.spec.name)


def run_job(plan: JobPlan, listener: Listener) -> JobSummary:
    """Grade what is not graded yet, and record it.

    Raises:
        MachineError: the machine or the disk does not allow it; what was finished is kept.

    """
    start = time.monotonic()
    journal = Journal(plan.folder / "journal.jsonl")
    summary = JobSummary(journal)
    jobs = max(1, min(plan.jobs, len(plan.places)))
    many = len(plan.places) > MANY * jobs
    setup = Setup(plan.lab, plan.limits, plan.sandbox, plan.tests, plan.floor, plan.start, many)
    with (
        _closed_on_error(journal),
        LocalExecutor(setup, jobs, plan.folder / "logs") as executor,
        Gradebook(plan.course.gradebook_url, plan.course) as gradebook,
    ):
        if plan.regrade or any(place.student not in journal.marks for place in plan.places):
            executor.start()  # what is all graded already may need no worker at all
        gradebook.open_lab(plan.lab, keep_structure=plan.keep_structure)
        recorder = _Recorder(plan, journal, gradebook)
        try:
            with heed_interrupts() as sign:
                _grade_all(plan, executor, gradebook, recorder, summary, listener, sign)
        except KeyboardInterrupt:
            summary.stopped = True
            executor.abandon()
        recorder.flush(always=True)
        summary.level = executor.level
    summary.seconds = time.monotonic() - start
    return summary


@contextmanager
def _closed_on_error(journal: Journal) -> Iterator[None]:
    try:
        yield
    except BaseException:
        journal.close()
        raise


def _grade_all(
    plan: JobPlan,
    executor: LocalExecutor,
    gradebook: Gradebook,
    recorder: _Recorder,
    summary: JobSummary,
    listener: Listener,
    sign: StopSign,
) -> None:
    listener.started(len(plan.places), plan.lab.spec.name)
    grader = grader_version()
    recorded: dict[str, dict[tuple[str, str], float | None]] = {}
    for cell in gradebook.recorded():
        recorded.setdefault(cell.student, {})[cell.notebook, cell.grade_id] = cell.auto_score
    for place in plan.places:
        sign.obey()
        summary.students.append(place.student)
        raw = read_submission(place, plan.lab.ignore)
        key = journal_key(raw.digest, plan.lab.spec.digest, grader, plan.options)
        mark = summary.journal.marks.get(place.student)
        if mark is not None and not plan.regrade and _still_holds(plan, raw, key, mark):
            result = summary.journal.read(place.student).result
            if not _is_recorded(result, recorded.get(place.student, {})):
                recorder.add_again(result)
            summary.kept += 1
            listener.kept(result)
            recorder.flush()
            continue
        executor.submit(Job(raw, key))
        while not executor.wants_more:
            sign.obey()
            _take(plan, executor, gradebook, recorder, summary, listener)
    while executor.busy:
        sign.obey()
        _take(plan, executor, gradebook, recorder, summary, listener)


def _take(
    plan: JobPlan,
    executor: LocalExecutor,
    gradebook: Gradebook,
    recorder: _Recorder,
    summary: JobSummary,
    listener: Listener,
) -> None:
    for answer in executor.poll(0.25):
        if isinstance(answer, Done):
            answer.result = _check_timestamp(answer.result)
            recorder.add(answer)
            result = answer.result
            _write_log(plan, result.student, answer.log)
        else:
            result = _failed_result(plan, answer)
            summary.failed[result.student] = result
            if not gradebook.knows(result.student):
                recorder.add_again(result)
            _write_log(plan, result.student, answer.log if isinstance(answer, Failed) else answer.reason)
        summary.graded += 1
        listener.graded(result)
    recorder.flush()
    listener.tick(executor.level)


def _check_timestamp(result: GradedSubmission) -> GradedSubmission:
    """Take away a timestamp that is no date, with a finding; nbgrader gives up on such a submission."""
    if not result.timestamp or parse_timestamp(result.timestamp) is not None:
        return result
    finding = Finding("timestamp-invalid", f"{result.timestamp[:60]!r} is no date", Severity.LOOK)
    return replace(result, timestamp="", findings=(*result.findings, finding))


def _still_holds(plan: JobPlan, raw: RawSubmission, key: str, mark: Mark) -> bool:
    """Return whether an entry of the journal is what grading again would give."""
    if mark.key != key or (mark.limits_hit and mark.limits != limits_text(plan.limits)):
        return False
    folder = autograded_folder(plan, raw.student)
    try:
        return all((folder / path).stat().st_size == size for path, size in mark.files.items())
    except OSError:
        return False


def _is_recorded(result: GradedSubmission, recorded: dict[tuple[str, str], float | None]) -> bool:
    wanted = {
        (notebook.name, cell.grade_id): cell.score for notebook in result.notebooks for cell in notebook.cells
    }
    return all(place in recorded and recorded[place] == score for place, score in wanted.items())


def _failed_result(plan: JobPlan, answer: Failed | Lost) -> GradedSubmission:
    """Return a result without points for a submission that the grader could not grade: a person must look."""
    code = "grader-error" if isinstance(answer, Failed) else "worker-lost"
    said = "the grader failed" if isinstance(answer, Failed) else "grading it ended the worker twice"
    finding = Finding(code, f"{said}: {answer.reason}; see its log", Severity.FAILURE)
    notebooks = ungraded_notebooks(plan.lab, NotebookStatus.UNREADABLE)
    return GradedSubmission(answer.student, "", answer.key, notebooks, (finding,))


def _write_log(plan: JobPlan, student: str, text: str) -> None:
    path = plan.folder / "logs" / f"{student}.log"
    try:
        path.write_text(text + "\n", encoding="utf-8", errors="replace")
    except OSError as error:
        raise MachineError("log", f"the log cannot be written: {error.strerror}", where=str(path)) from error
