"""The gradebook alone: written, and read back by our join and by nbgrader's own list."""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import nbgrader.api
from labgrade.course import read_course
from labgrade.lab import read_lab
from labgrade.record.gradebook import Gradebook
from labgrade.result import CellScore, GradedNotebook, GradedSubmission, NotebookStatus

from grading.course import ROOT

__all__ = ["bench_record"]


def bench_record(work: Path, count: int) -> dict[str, float]:
    """Write results into a gradebook; read them back by our join and by nbgrader's own list."""
    warnings.simplefilter("ignore")
    root = ROOT / "tests" / "courses" / "plain"
    settings = read_course(root)
    lab = read_lab(root / "source" / "ps1", settings)
    path = work / "gradebook.db"
    path.unlink(missing_ok=True)
    results = []
    for number in range(count):
        pages = tuple(
            GradedNotebook(
                spec.name,
                NotebookStatus.GRADED,
                tuple(
                    CellScore(
                        cell.grade_id, cell.grade_id, 1.0 if cell.is_test else None, cell.points, "test"
                    )
                    for cell in spec.cells
                    if cell.grade or cell.task
                ),
                {cell.grade_id: None for cell in spec.cells if cell.solution or cell.task},
            )
            for spec in lab.spec.notebooks
        )
        results.append(GradedSubmission(f"s{number:05d}", "d", "k", pages))
    found: dict[str, float] = {"submissions": count}
    with Gradebook(f"sqlite:///{path}", settings) as book:
        book.open_lab(lab, keep_structure=False)
        start = time.perf_counter()
        for at in range(0, count, 25):
            book.record(results[at : at + 25])
        found["write_s"] = time.perf_counter() - start
        start = time.perf_counter()
        assert len(book.recorded()) == 7 * count
        found["read_s"] = time.perf_counter() - start
    found["writes_a_second"] = count / found["write_s"]
    with nbgrader.api.Gradebook(f"sqlite:///{path}", settings.course_id) as api:
        start = time.perf_counter()
        assert len(api.submission_dicts("ps1")) == count
        found["submission_dicts_s"] = time.perf_counter() - start
    return found
