"""Reading ``results.json`` back: what was written comes back, and a bad file is told in a line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from labgrade.errors import UsageError
from labgrade.model import CellSpec, Finding, LabSpec, NotebookSpec, Outcome, Severity, TestOutcome
from labgrade.report import read_results, write_json
from labgrade.result import CellScore, GradedNotebook, GradedSubmission, NotebookStatus

SPEC = LabSpec(
    "ps1",
    (
        NotebookSpec(
            "one",
            (
                CellSpec(0, "code", "", "", "test-sum", grade=True, points=2),
                CellSpec(1, "markdown", "", "", "why", grade=True, solution=True, points=1),
            ),
        ),
    ),
    digest="ab",
)
TEST = TestOutcome("test_sum", "adds", Outcome.FAILED, 1.0, 2.0, "expected 3", True, "the bias", 0.25)
ADA = GradedSubmission(
    "ada",
    "d1",
    "k1",
    (
        GradedNotebook(
            "one",
            NotebookStatus.GRADED,
            (
                CellScore("test-sum", "sum", 1.0, 2.0, "test", (TEST,), "apart"),
                CellScore("why", "why", None, 1.0, "manual"),
            ),
            {"why": None},
            0.5,
        ),
    ),
    (Finding("cell-matched", "taken by likeness", Severity.LOOK, "one", "why"),),
    "2026-11-20 10:00:00 UTC",
    "full",
    1.5,
)
ZOE = GradedSubmission("zoë 'x\" <b>", "d2", "k2", (), ())
LAB_FINDING = Finding("source-changed", "differs", Severity.LOOK)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the written results of two students."""
    path = tmp_path / "results.json"
    write_json(path, SPEC, [ADA, ZOE], about={"sandbox": "full", "tests": "apart"}, findings=[LAB_FINDING])
    return path


def test_read_results_of_what_was_written_gives_it_back(path: Path) -> None:
    """Submissions, questions with their cells, facts and findings survive the file."""
    results = read_results(path)
    assert list(results) == [ADA, ZOE]
    assert list(results) == [ADA, ZOE], "a second walk starts anew"
    assert len(results) == 2
    assert (results.lab, results.lab_digest, results.max_score) == ("ps1", "ab", 3.0)
    assert [(q.id, q.max_score, q.cells) for q in results.questions] == [
        ("sum", 2.0, (("one", "test-sum"),)),
        ("why", 1.0, (("one", "why"),)),
    ]
    assert results.about["sandbox"] == "full"
    assert results.findings == (LAB_FINDING,)


def test_read_results_of_a_folder_finds_the_file(path: Path) -> None:
    """The folder that ``labs grade`` wrote is enough."""
    assert read_results(path.parent).path == path


def test_read_results_of_a_reformatted_file_is_the_same(path: Path) -> None:
    """Nothing depends on the file's line breaks."""
    path.write_text(json.dumps(json.loads(path.read_text()), indent=2))
    assert list(read_results(path)) == [ADA, ZOE]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "results-damaged"),
        ("[]", "results-damaged"),
        ('{"format": 1, "lab": "ps1"', "results-damaged"),
        ('{"format": 1, "lab": "ps1", "questions": []}', "results-damaged"),
        ('{"format": 1, "lab": "\udcff", "questions": [], "submissions": []}', "results-damaged"),
        ('{"lab": "ps1", "questions": [], "submissions": []}', "results-version"),
        ('{"format": 2}', "results-version"),
        ('{"format": "1"}', "results-version"),
    ],
)
def test_read_results_of_a_bad_file_names_the_fault(tmp_path: Path, text: str, code: str) -> None:
    """A file that is cut, not ours, or of another version is told with its path and what to do."""
    path = tmp_path / "results.json"
    path.write_text(text, errors="surrogateescape")
    with pytest.raises(UsageError) as caught:
        read_results(path)
    assert caught.value.code == code
    assert caught.value.where == str(path)
    assert "labs grade" in caught.value.hint


def test_read_results_with_a_damaged_submission_names_it(path: Path) -> None:
    """The others are readable until the damaged one, which is named by its place."""
    whole = json.loads(path.read_text())
    whole["submissions"][1]["notebooks"] = 5
    path.write_text(json.dumps(whole))
    rows = iter(read_results(path))
    assert next(rows) == ADA
    with pytest.raises(UsageError, match="submission 2") as caught:
        next(rows)
    assert caught.value.code == "results-damaged"


def test_read_results_of_an_empty_folder_says_what_to_name(tmp_path: Path) -> None:
    """A folder without results is told as such."""
    with pytest.raises(UsageError) as caught:
        read_results(tmp_path)
    assert caught.value.code == "no-results"
