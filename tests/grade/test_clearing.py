"""The rules of clearing are nbgrader's."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from labgrade.clearing import COVER, ClearingRules, MarksError, cover_hidden, hidden_lines

RULES = ClearingRules()

SOURCES = [
    "x = 1",
    "### BEGIN SOLUTION\nx = 1\n### END SOLUTION",
    "def f():\n    a = 1\n    ### BEGIN SOLUTION\n    return a\n    ### END SOLUTION\n\nb = 2",
    "### BEGIN SOLUTION\n1\n### END SOLUTION\nkept\n\t# BEGIN SOLUTION here\n2\n# END SOLUTION",
    "orphan\n### END SOLUTION\nkept",
    "assert f() == 1\n### BEGIN HIDDEN TESTS\nassert f() == 2\n### END HIDDEN TESTS\nassert True",
    "text\n=== BEGIN MARK SCHEME ===\nsecret\n=== END MARK SCHEME ===\nmore",
    "",
]


@pytest.fixture(scope="module")
def preprocessors() -> Any:
    """Return nbgrader's three clearing preprocessors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from nbgrader import preprocessors as found

        return found


@pytest.mark.parametrize("kind", ["code", "markdown"])
@pytest.mark.parametrize("source", SOURCES)
def test_clear_solution_and_hidden_equal_nbgrader(preprocessors: Any, source: str, kind: str) -> None:
    """Each text is cleared as nbgrader's own preprocessors clear it, for an answer and for a test."""
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    for solution in (True, False):
        flags = {
            "grade": True,
            "solution": solution,
            "locked": False,
            "grade_id": "a",
            "points": 1,
            "task": True,
        }
        cell = (new_code_cell if kind == "code" else new_markdown_cell)(source, metadata={"nbgrader": flags})
        notebook = new_notebook(
            cells=[cell], metadata={"kernelspec": {"name": "p", "display_name": "P", "language": "python"}}
        )
        resources: dict[str, Any] = {}
        try:
            for name in ("ClearSolutions", "ClearHiddenTests", "ClearMarkScheme"):
                notebook, resources = getattr(preprocessors, name)().preprocess(notebook, resources)
        except RuntimeError:
            with pytest.raises(MarksError):
                RULES.clear_solution(source, cell_type=kind, language="python", solution=solution)
            continue
        saved = RULES.clear_solution(source, cell_type=kind, language="python", solution=solution)
        assert RULES.clear_hidden(saved) == notebook.cells[0].source


@pytest.mark.parametrize(
    "source",
    ["### BEGIN SOLUTION\nx", "### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION"],
)
def test_clear_solution_unbalanced_marks_raise(source: str) -> None:
    """A region that is open at the end or opened twice is an error, as in nbgrader."""
    with pytest.raises(MarksError):
        RULES.clear_solution(source, cell_type="code", language="python", solution=True)


def test_clear_solution_unknown_language_raises() -> None:
    """A kernel without a stub is named."""
    with pytest.raises(MarksError, match="cobol"):
        RULES.clear_solution("", cell_type="code", language="cobol", solution=True)


def test_hidden_lines_returns_only_lines_between_marks() -> None:
    """Visible lines are no secret; hidden ones are, without their indentation."""
    source = "a\n### BEGIN HIDDEN TESTS\n    assert secret\n\n### END HIDDEN TESTS\nb"
    assert hidden_lines(source, RULES) == {"assert secret"}


def test_cover_hidden_keeps_visible_lines_and_indentation() -> None:
    """A comment stands where the hidden tests were."""
    source = "if x:\n    a\n    ### BEGIN HIDDEN TESTS\n    assert secret\n    ### END HIDDEN TESTS"
    assert cover_hidden(source, RULES) == f"if x:\n    a\n    {COVER}"
