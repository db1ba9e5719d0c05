"""Grade on trial: everything is run, in a folder of its own, and nothing of the course is touched."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from labgrade.errors import MachineError
from labgrade.job import JobPlan

__all__ = ["trial_plan"]


@contextmanager
def trial_plan(plan: JobPlan) -> Iterator[JobPlan]:
    """Give the plan a folder and a gradebook that go away afterwards.

    The folder lies beside the results, so that it is on the same disk and as private as they are.

    Raises:
        MachineError: the folder cannot be made.

    """
    try:
        plan.folder.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".trial-", dir=plan.folder))
    except OSError as error:
        raise MachineError(
            "results", f"no folder for a trial can be made: {error.strerror}", where=str(plan.folder)
        ) from error
    course = replace(
        plan.course,
        root=folder,
        structure="{nbgrader_step}/{student_id}/{assignment_id}",
        autograded="autograded",
        db_url="",
        late_plugin=None,  # a plugin of the course may not be run for a gradebook that is none
        late_method="none",
    )
    try:
        yield replace(plan, course=course, folder=folder, keep_structure=False, regrade=True)
    finally:
        shutil.rmtree(folder)
