"""Turn what was asked for into a job: find the lab, the course and the submissions."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from labgrade.collect.download import collect_download, is_download, keep_record
from labgrade.collect.job import CollectOptions
from labgrade.collect.mapping import findings_of
from labgrade.config import Options
from labgrade.course import CourseSettings, read_course
from labgrade.errors import UsageError
from labgrade.intake import SubmissionPlace, find_course_submissions, find_submissions
from labgrade.job import JobPlan
from labgrade.lab import Lab, read_lab
from labgrade.model import Finding, Limits
from labgrade.overlay import overlay_gradebook
from labgrade.record.gradebook import Gradebook
from labgrade.selection import select_notebooks

__all__ = ["find_lab", "find_submitted", "plan_course", "plan_folder"]

BUILT = Path("build/nbgrader")
DEFAULT_TIMEOUT_S = 30.0
"""nbgrader's own limit for a cell."""


def plan_folder(
    folder: Path, lab: str, options: Options, collecting: CollectOptions | None = None
) -> JobPlan:
    """Plan the grading of a folder of submissions; gradebook and results go to ``options.out``.

    Args:
        folder: ``FOLDER/STUDENT/…`` or ``FOLDER/STUDENT.ipynb``; or a download of an LMS, packed or not,
            which is collected into ``submissions`` in the output first.
        lab: a folder in nbgrader's source form, or a lab's name in ``build/nbgrader/source``.
        options: of the job.
        collecting: how a download is collected.

    Raises:
        UsageError: there is no such lab, or nothing to grade.

    """
    source = _find_lab(lab)
    course = read_course(_course_of(source))
    out = Path(options.out or f"graded/{source.name}").resolve()
    settings = replace(
        course,
        root=out,
        structure="{nbgrader_step}/{student_id}/{assignment_id}",
        autograded="autograded",
        db_url="",
        course_id="default_course",
    )
    whole = read_lab(source, course)
    findings: tuple[Finding, ...] = ()
    if collecting is not None or is_download(folder, whole.spec.name):
        findings = collect_download(folder, whole, out, collecting or CollectOptions()).findings
        folder = out / "submissions"
    read = select_notebooks(whole, options.notebook)
    places = find_submissions(folder, read.spec.name, findings_of(folder))
    keep_record(folder, out)
    return replace(_plan(read, settings, places, out, options), findings=findings)


def plan_course(root: Path, assignment: str, options: Options) -> JobPlan:
    """Plan the grading of an assignment of an nbgrader course, in the course's own gradebook and folders.

    Raises:
        UsageError: there is no such course, assignment or submission, or only some notebooks were asked for.

    """
    if options.notebook:
        raise UsageError(
            "config", "a course's assignment is graded whole", "--notebook goes with --lab", str(root)
        )
    if not root.is_dir():
        raise UsageError("no-course", "there is no such folder", where=str(root))
    course = read_course(root)
    lab = read_lab(_find_assignment(course, assignment), course, assignment)
    findings: tuple[Finding, ...] = ()
    keep = False
    url = course.gradebook_url
    if not url.startswith("sqlite:///") or Path(url.removeprefix("sqlite:///")).is_file():
        with Gradebook(url, course) as gradebook:
            keep = gradebook.has_assignment(assignment)
            if keep:
                lab, findings = overlay_gradebook(lab, gradebook.source_cells(assignment))
    places = find_course_submissions(_submitted(course, assignment))
    if not places:
        raise UsageError(
            "no-submissions",
            f"nobody has handed in '{assignment}'",
            "submissions are in submitted/STUDENT/ASSIGNMENT; `labs collect` puts them there",
            str(course.folder(course.submitted, "*", assignment)),
        )
    folder = course.root / ".labs" / assignment
    known = findings_of(folder)
    places = [
        replace(place, findings=known.get(place.student, ()))
        for place in places
        if place.student not in course.excluded_students
    ]
    plan = _plan(lab, course, places, folder, options)
    return replace(plan, keep_structure=keep, findings=findings)


def _plan(
    lab: Lab, course: CourseSettings, places: list[SubmissionPlace], folder: Path, options: Options
) -> JobPlan:
    if options.student:
        unknown = sorted(set(options.student) - {place.student for place in places})
        if unknown:
            raise UsageError(
                "no-student",
                f"there is no submission of '{unknown[0]}'",
                f"there {_list([place.student for place in places])}",
            )
        places = [place for place in places if place.student in options.student]
    return JobPlan(
        lab=lab,
        course=course,
        places=places,
        folder=folder,
        limits=Limits(
            cell_s=options.timeout or course.timeout_s or DEFAULT_TIMEOUT_S,
            submission_s=options.submission_timeout,
            memory_mib=options.memory,
            cpu_s=int(options.submission_timeout) + 1,
        ),
        sandbox=options.sandbox,
        floor=options.floor,
        start=options.start,
        tests=options.tests,
        jobs=options.worker_count,
        regrade=options.regrade,
    )


def find_lab(lab: str) -> Lab:
    """Read a lab by its folder or by its name in ``build/nbgrader/source``.

    Raises:
        UsageError: there is no such lab, or it cannot be read.

    """
    source = _find_lab(lab)
    return read_lab(source, read_course(_course_of(source)))


def find_submitted(root: Path, assignment: str) -> tuple[Lab, Path, Callable[[str], Path]]:
    """Return an assignment of a course, the folder for what is known of it, and where submissions belong.

    Raises:
        UsageError: there is no such course or assignment, or it cannot be read.

    """
    if not root.is_dir():
        raise UsageError("no-course", "there is no such folder", where=str(root))
    course = read_course(root)
    lab = read_lab(_find_assignment(course, assignment), course, assignment)
    return (
        lab,
        course.root / ".labs" / assignment,
        lambda student: course.folder(course.submitted, student, assignment),
    )


def _find_assignment(course: CourseSettings, assignment: str) -> Path:
    source = course.folder(course.source, ".", assignment)
    if not source.is_dir():
        raise UsageError(
            "no-assignment",
            f"the course has no assignment '{assignment}'",
            f"there {_list(sorted(path.name for path in source.parent.glob('*/')))}",
            str(source),
        )
    return source


def _find_lab(lab: str) -> Path:
    for path in (Path(lab), BUILT / "source" / lab):
        if path.is_dir():
            return path.resolve()
    built = sorted(path.name for path in (BUILT / "source").glob("*/"))
    raise UsageError(
        "no-lab",
        f"there is no lab '{lab}'",
        f"in {BUILT / 'source'} there {_list(built)}; `labs build` makes them, or name a folder",
    )


def _course_of(source: Path) -> Path:
    """Return the folder whose ``nbgrader_config.py`` goes with a source folder."""
    for folder in (source.parent.parent, source.parent, source):
        if (folder / "nbgrader_config.py").is_file():
            return folder
    return source.parent.parent


def _submitted(course: CourseSettings, assignment: str) -> dict[str, Path]:
    pattern = str(course.folder(course.submitted, "\x00", assignment))
    student = re.compile(
        re.escape(pattern).replace(re.escape("\x00"), "([^/]+)", 1).replace(re.escape("\x00"), r"\1")
    )
    found: dict[str, Path] = {}
    for path in glob.glob(glob.escape(pattern).replace("\x00", "*")):
        match = student.fullmatch(path)
        if match and Path(path).is_dir() and not Path(path).is_symlink():
            found[match.group(1)] = Path(path)
    return found


def _list(names: list[str]) -> str:
    if not names:
        return "is nothing"
    shown = ", ".join(names[:12])
    return f"{'is' if len(names) == 1 else 'are'} {shown}{' …' if len(names) > 12 else ''}"
