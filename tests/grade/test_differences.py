"""Where we differ from nbgrader on purpose: one test for each line of ``docs/nbgrader-differences.md``.

All submissions are graded in one job with the real engine.
"""

from __future__ import annotations

import copy
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from labgrade.clearing import COVER
from labgrade.ipynb import format_notebook
from labgrade.lab import Lab
from labgrade.model import Severity
from labgrade.pages.formgrader import write_settings
from labgrade.result import GradedSubmission, NotebookStatus

Notebook = dict[str, Any]
Change = Callable[[dict[str, Any]], dict[str, Any] | None]

DOCS = Path(__file__).parents[2] / "docs" / "nbgrader-differences.md"
CHANGES: dict[str, Change] = {}


def student(change: Change) -> Change:
    """Register a submission: a change of the right notebooks, by file name; it may return others."""
    CHANGES[change.__name__] = change
    return change


def _find(notebooks: dict[str, Any], grade_id: str) -> Notebook:
    cells = (cell for notebook in notebooks.values() for cell in notebook["cells"])
    found: Notebook = next(
        cell for cell in cells if cell["metadata"].get("nbgrader", {}).get("grade_id") == grade_id
    )
    return found


@student
def right(notebooks: dict[str, Any]) -> None:
    """Change nothing."""


@student
def skip_tag(notebooks: dict[str, Any]) -> None:
    """Leave everything undone, and ask for the tests not to be run."""
    for name in ("test-total", "test-root"):
        _find(notebooks, name)["metadata"]["tags"] = ["skip-execution"]
    for name in ("total", "root"):
        _find(notebooks, name)["source"] = "# YOUR CODE HERE\nraise NotImplementedError()"


@student
def stderr(notebooks: dict[str, Any]) -> None:
    """Answer rightly, with a warning."""
    _find(notebooks, "total")["source"] += "\n\nimport warnings\nwarnings.warn('careful')"
    source = _find(notebooks, "total")["source"]
    _find(notebooks, "total")["source"] = source.replace(
        "result = 0", "import sys; print('!', file=sys.stderr); result = 0"
    )


@student
def not_a_number(notebooks: dict[str, Any]) -> None:
    """Make the sum of the partial credit no number."""
    _find(notebooks, "root")["source"] = (
        "class Odd:\n    def __eq__(self, other): return self\n    def __radd__(self, other): return self\n"
        "    def __add__(self, other): return self\n    def __float__(self): return float('nan')\n\n"
        "def root(value):\n    return Odd()"
    )


@student
def duplicated(notebooks: dict[str, Any]) -> None:
    """Copy an answer cell; nbgrader stops the batch."""
    cells = notebooks["numbers.ipynb"]["cells"]
    at = cells.index(_find(notebooks, "total"))
    cells.insert(at + 1, copy.deepcopy(cells[at]))


@student
def locked_cell_gone(notebooks: dict[str, Any]) -> None:
    """Delete a test cell; nbgrader leaves it to a person for ever."""
    notebooks["numbers.ipynb"]["cells"].remove(_find(notebooks, "test-total"))


@student
def metadata_gone(notebooks: dict[str, Any]) -> None:
    """Lose all metadata; nbgrader gives 0 without a word."""
    for notebook in notebooks.values():
        for cell in notebook["cells"]:
            cell["metadata"] = {}


@student
def renamed_file(notebooks: dict[str, Any]) -> dict[str, Any]:
    """Hand in a file that the browser renamed; nbgrader passes it over."""
    return {"numbers (1).ipynb": notebooks["numbers.ipynb"], "words.ipynb": notebooks["words.ipynb"]}


@student
def retagged(notebooks: dict[str, Any]) -> None:
    """Change what a test cell says about itself; nbgrader does not grade it."""
    _find(notebooks, "test-total")["metadata"]["nbgrader"].update(grade=False, solution=True)


@student
def exits(notebooks: dict[str, Any]) -> None:
    """End the process in the last answer; nbgrader throws all away."""
    _find(notebooks, "by-hand")["source"] = "import os\nos._exit(1)"


@student
def broken_json(notebooks: dict[str, Any]) -> dict[str, Any]:
    """Hand in half a file."""
    return {
        "numbers.ipynb": format_notebook(notebooks["numbers.ipynb"])[:500],
        "words.ipynb": notebooks["words.ipynb"],
    }


@student
def nothing(notebooks: dict[str, Any]) -> dict[str, Any]:
    """Hand in no notebook; nbgrader does not mention it."""
    return {}


@student
def writes_files(notebooks: dict[str, Any]) -> None:
    """Write a file beside the notebook, as experiments do."""
    _find(notebooks, "by-hand")["source"] = "open('own-output.txt', 'w').write('x')"


@student
def fails_hidden(notebooks: dict[str, Any]) -> None:
    """Pass what is visible only; nbgrader's traceback quotes the hidden test."""
    _find(notebooks, "total")["source"] = "def total(values):\n    return values[0] * 6 if values else 1"


@pytest.fixture(scope="module")
def graded(
    lab: Lab, answer_all: Any, tmp_path_factory: pytest.TempPathFactory, grade_folder: Any
) -> tuple[dict[str, GradedSubmission], Path]:
    """Grade all registered submissions once."""
    folder = tmp_path_factory.mktemp("differences")
    for name, change in CHANGES.items():
        notebooks = answer_all(lab)
        changed = change(notebooks)
        target = folder / "in" / name
        target.mkdir(parents=True)
        for file_name, content in (notebooks if changed is None else changed).items():
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            (target / file_name).write_bytes(data)
        (target / "mine.py").write_text("def longest(words):\n    return max(words, key=len)\n")
    results = grade_folder(folder / "in", folder / "out")
    return {result.student: result for result in results}, folder / "out"


def _points(result: GradedSubmission) -> dict[str, float | None]:
    return {
        cell.grade_id: cell.score for page in result.notebooks for cell in page.cells if cell.kind == "test"
    }


FULL = {"test-total": 2.0, "test-root": 4.0, "test-read": 1.0, "test-longest": 2.0}


def test_right_submission_has_all_points_and_no_finding(graded: Any) -> None:
    """The base of the comparison."""
    result = graded[0]["right"]
    assert _points(result) == FULL
    assert result.findings == ()


def test_skip_execution_tag_does_not_skip_a_test(graded: Any) -> None:
    """nbgrader gives full marks for tests that a student has tagged away."""
    result = graded[0]["skip_tag"]
    assert (_points(result)["test-total"], _points(result)["test-root"]) == (0.0, 0.0)
    assert "metadata-ignored" in {finding.code for finding in result.findings}


def test_text_on_stderr_costs_nothing(graded: Any) -> None:
    """nbgrader gives 0 for a warning."""
    assert _points(graded[0]["stderr"]) == FULL


def test_result_that_is_no_number_gives_nothing_and_is_reported(graded: Any) -> None:
    """nbgrader gives full marks for NaN."""
    result = graded[0]["not_a_number"]
    assert _points(result)["test-root"] == 0.0


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("duplicated", "cell-duplicated"),
        ("locked_cell_gone", "cell-restored"),
        ("metadata_gone", "metadata-lost"),
        ("renamed_file", "notebook-renamed"),
        ("retagged", "cell-retagged"),
    ],
)
def test_damaged_notebook_is_mended_and_gets_its_points(graded: Any, name: str, code: str) -> None:
    """What editors and accidents do costs no points, and a finding tells of it."""
    result = graded[0][name]
    assert _points(result) == FULL
    assert code in {finding.code for finding in result.findings}


def test_dead_process_costs_only_that_cell(graded: Any) -> None:
    """nbgrader throws the submission away; the tests that ran keep their points, the other notebook too."""
    assert _points(graded[0]["exits"]) == FULL


def test_files_written_while_running_do_not_stay(graded: Any) -> None:
    """nbgrader leaves them in the autograded folder; here only what was handed in or given is there."""
    folder = graded[1] / "autograded" / "writes_files" / "ps1"
    assert _points(graded[0]["writes_files"]) == FULL
    names = {path.name for path in folder.rglob("*") if path.is_file()}
    assert names == {"numbers.ipynb", "words.ipynb", "mine.py", "helper.py", "words.txt"}


def test_unreadable_notebook_waits_for_a_person_and_the_other_is_graded(graded: Any) -> None:
    """A named cause, no silent zero; the readable notebook has its points."""
    result = graded[0]["broken_json"]
    assert result.notebooks[0].status is NotebookStatus.UNREADABLE
    assert _points(result) == {"test-total": None, "test-root": None, "test-read": 1.0, "test-longest": 2.0}
    assert [one.code for one in result.findings if one.severity is Severity.FAILURE] == ["notebook-not-json"]


def test_submission_without_notebook_is_named(graded: Any) -> None:
    """It stands in the gradebook and waits for a person."""
    result = graded[0]["nothing"]
    assert result.needs_person
    assert set(_points(result).values()) == {None}


def test_hidden_tests_stand_in_no_autograded_notebook(graded: Any, lab: Lab) -> None:
    """Neither as source nor quoted in a traceback; nbgrader's notebooks and feedback show both."""
    secrets = {line for page in lab.pages for line in page.hidden}
    assert secrets
    for path in (graded[1] / "autograded").rglob("*.ipynb"):
        text = _plain(path.read_text(encoding="utf-8"))
        assert not [secret for secret in secrets if json.dumps(secret)[1:-1] in text], path
    failed = (graded[1] / "autograded" / "fails_hidden" / "ps1" / "numbers.ipynb").read_text()
    assert COVER in failed
    assert _points(graded[0]["fails_hidden"])["test-total"] == 0.0


def _plain(text: str) -> str:
    return re.sub(r"\\u001b\[[0-9;]*m", "", text)


def test_generate_feedback_works_on_our_notebooks_and_shows_no_hidden_test(
    graded: Any, lab: Lab, tmp_path: Path, run_nbgrader: Callable[..., str]
) -> None:
    """nbgrader's own feedback generator reads what we wrote, with points and without hidden lines."""
    out = tmp_path / "out"
    shutil.copytree(graded[1], out)
    for path in (out / "autograded").iterdir():
        if path.name not in ("right", "fails_hidden"):
            shutil.rmtree(path)
    write_settings(out)  # as `labs grade --out` does
    run_nbgrader(out, "generate_feedback", "ps1")
    pages = {path.parent.parent.name: path.read_text() for path in out.glob("feedback/*/ps1/numbers.html")}
    assert set(pages) == {"right", "fails_hidden"}
    assert "(Score: 6.0 / 10.5)" in re.sub(r"\s+", " ", pages["right"])
    for page in pages.values():
        text = re.sub(r"<[^>]+>", "", page)
        assert "assert total([1, 2, 3]) == 6" in text
        assert not [line for lab_page in lab.pages for line in lab_page.hidden if line in text]


def test_every_difference_in_the_documents_names_a_test_that_exists() -> None:
    """The table points at tests by name; none of them may be gone."""
    names = set(re.findall(r"`(test_\w+)`", DOCS.read_text(encoding="utf-8")))
    assert len(names) >= 10
    sources = "\n".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert [name for name in names if f"def {name}(" not in sources] == []
