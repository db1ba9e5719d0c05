"""The settings of an nbgrader course that change a grade or where a file lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labgrade.clearing import ClearingRules
from labgrade.course_config import load_config
from labgrade.errors import UsageError

__all__ = ["CourseSettings", "read_course"]

_IGNORE = (".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback")


@dataclass(frozen=True, slots=True)
class CourseSettings:
    """What ``labs grade`` takes from a course; the defaults are nbgrader's.

    Args:
        root: the course folder.
        structure: nbgrader's ``directory_structure``.
        source, submitted, autograded: names of the steps.
        db_url: of the gradebook.
        course_id: nbgrader's course.
        ignore: globs of file names that are never copied.
        groupshared: other instructors may write the files.
        exclude_overwriting: assignment -> files that the student's version stays of.
        rules: how solutions and hidden tests are cut out.
        timeout_s: seconds for a cell; None where the course says nothing.
        excluded_students: ids that are not graded.
        late_plugin: class of the late penalty plugin, or its import path; None for nbgrader's own.
        late_method: ``none`` or ``zero``, of nbgrader's own plugin.
        config: the whole configuration, for a late plugin of the course.

    """

    root: Path
    structure: str = "{nbgrader_step}/{student_id}/{assignment_id}"
    source: str = "source"
    submitted: str = "submitted"
    autograded: str = "autograded"
    db_url: str = ""
    course_id: str = "default_course"
    ignore: tuple[str, ...] = _IGNORE
    groupshared: bool = False
    exclude_overwriting: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rules: ClearingRules = field(default_factory=ClearingRules)
    timeout_s: float | None = None
    excluded_students: frozenset[str] = frozenset()
    late_plugin: Any = None
    late_method: str = "none"
    config: Any = None

    def folder(self, step: str, student: str, assignment: str) -> Path:
        """Return where nbgrader keeps a step of an assignment, e.g. ``submitted/ada/ps1``."""
        return self.root / self.structure.format(
            nbgrader_step=step, student_id=student, assignment_id=assignment
        )

    @property
    def gradebook_url(self) -> str:
        """The gradebook's URL, nbgrader's default if the course names none."""
        return self.db_url or f"sqlite:///{(self.root / 'gradebook.db').resolve()}"


def read_course(root: Path) -> CourseSettings:
    """Read the settings of the course in a folder; a course without ``nbgrader_config.py`` has the defaults.

    Raises:
        UsageError: the configuration cannot be run, or a setting has the wrong type.

    """
    path = root / "nbgrader_config.py"
    if not path.is_file():
        return CourseSettings(root=root.resolve())
    config = load_config(path)
    directory = config.get("CourseDirectory", {})
    solutions = config.get("ClearSolutions", {})
    hidden = config.get("ClearHiddenTests", {})
    scheme = config.get("ClearMarkScheme", {})
    defaults = ClearingRules()
    stubs = solutions.get("code_stub", {})
    stubs = {"python": stubs} if isinstance(stubs, str) else dict(stubs)
    late = config.get("AssignLatePenalties", {})
    known = CourseSettings(root=root)
    try:
        return CourseSettings(
            root=Path(directory.get("root", root)).resolve(),
            structure=str(directory.get("directory_structure", known.structure)),
            source=str(directory.get("source_directory", known.source)),
            submitted=str(directory.get("submitted_directory", known.submitted)),
            autograded=str(directory.get("autograded_directory", known.autograded)),
            db_url=str(directory.get("db_url", "")),
            course_id=str(directory.get("course_id", "")).strip() or known.course_id,
            ignore=tuple(directory.get("ignore", _IGNORE)),
            groupshared=bool(directory.get("groupshared", False)),
            exclude_overwriting={
                str(name): tuple(files)
                for name, files in config.get("Autograde", {}).get("exclude_overwriting", {}).items()
            },
            rules=ClearingRules(
                begin_solution=solutions.get("begin_solution_delimeter", defaults.begin_solution),
                end_solution=solutions.get("end_solution_delimeter", defaults.end_solution),
                begin_hidden=hidden.get("begin_test_delimeter", defaults.begin_hidden),
                end_hidden=hidden.get("end_test_delimeter", defaults.end_hidden),
                begin_scheme=scheme.get("begin_mark_scheme_delimeter", defaults.begin_scheme),
                end_scheme=scheme.get("end_mark_scheme_delimeter", defaults.end_scheme),
                code_stubs=stubs or defaults.code_stubs,
                text_stub=solutions.get("text_stub", defaults.text_stub),
            ),
            timeout_s=_timeout(config),
            excluded_students=frozenset(
                name.strip()
                for name in str(directory.get("student_id_exclude", "")).split(",")
                if name.strip()
            ),
            late_plugin=late.get("plugin_class"),
            late_method=str(config.get("LateSubmissionPlugin", {}).get("penalty_method", "none")),
            config=config,
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            "course-config", f"a setting has the wrong type: {error}", where=str(path)
        ) from error


def _timeout(config: Any) -> float | None:
    for section in ("Execute", "ExecutePreprocessor"):
        found = config.get(section, {}).get("timeout")
        if isinstance(found, int | float) and not isinstance(found, bool) and found > 0:
            return float(found)
    return None
