"""The results of the run before: kept until the new ones are there, and compared with them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from labgrade.errors import GradeError, MachineError
from labgrade.report.reading import ClassResults, read_results
from labgrade.result import GradedSubmission

__all__ = ["PREVIOUS_NAME", "Earlier"]

PREVIOUS_NAME = "results.previous.json"
"""The last results that differ from the present ones in some score."""


class Earlier:
    """What ``results.json`` said before this run.

    Args:
        path: of ``results.json``, which need not be there.

    Attributes:
        results: None if there are none, or if they cannot be read.
        fault: why they cannot be read, "" if they can or are not there.

    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._copy = path.with_name(f".{PREVIOUS_NAME}.new")
        self.results: ClassResults | None = None
        self.fault = ""
        if not path.is_file():
            return
        try:
            self.results = read_results(path)
            shutil.copyfile(path, self._copy)
        except GradeError as error:  # of another version, or damaged: told by the caller, and written anew
            self.results, self.fault = None, str(error)
        except OSError as error:
            raise MachineError(
                "results", f"the earlier results cannot be kept: {error.strerror}", where=str(self._copy)
            ) from error

    def merge(
        self,
        students: Collection[str],
        read: Callable[[str], GradedSubmission],
        wanted: Callable[[str], bool],
    ) -> tuple[list[str], Callable[[], Iterator[GradedSubmission]]]:
        """Put the results of this run and those of students it did not come to into one list.

        Args:
            students: of this run, in order.
            read: a student's result of this run.
            wanted: whether a student that only the earlier results have is still part of the class.

        Returns:
            Ids that were carried over, and a function that yields all results.

        Raises:
            UsageError: the earlier results are damaged.

        """
        results = self.results
        places = results.positions() if results is not None else {}
        mine = set(students)
        carried = [name for name in places if name not in mine and wanted(name)]
        order = sorted([*students, *carried]) if carried else list(students)

        def walk() -> Iterator[GradedSubmission]:
            for student in order:
                if student in mine:
                    yield read(student)
                elif results is not None:
                    yield results.submission(places[student])

        return carried, walk

    def close(self, *, keep: bool) -> None:
        """Keep the earlier results as ``results.previous.json``, or drop the copy.

        Raises:
            MachineError: the disk does not take it.

        """
        try:
            if keep and self.results is not None:
                os.replace(self._copy, self._path.with_name(PREVIOUS_NAME))
            else:
                self._copy.unlink(missing_ok=True)
        except OSError as error:
            raise MachineError(
                "results", f"the earlier results cannot be kept: {error.strerror}", where=str(self._copy)
            ) from error
