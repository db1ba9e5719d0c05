"""Writes the sources of the course ``plain``, built with nothing but what nbgrader knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "plain"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def cell(kind: str, source: str, grade_id: str = "", **flags: Any) -> dict[str, Any]:
    """Return a cell; with a grade id it gets nbgrader's metadata."""
    metadata: dict[str, Any] = {}
    if grade_id:
        known = {"schema_version": 3, "grade": False, "solution": False, "locked": False, "task": False}
        metadata["nbgrader"] = {**known, "grade_id": grade_id, **flags}
    new: dict[str, Any] = {
        "cell_type": kind,
        "metadata": metadata,
        "source": source.strip("\n").splitlines(True),
    }
    if kind == "code":
        new |= {"execution_count": None, "outputs": []}
    return new


def answer(source: str, grade_id: str) -> dict[str, Any]:
    """Return an autograded answer."""
    return cell("code", source, grade_id, solution=True)


def test(source: str, grade_id: str, points: float) -> dict[str, Any]:
    """Return autograded tests."""
    return cell("code", source, grade_id, grade=True, locked=True, points=points)


def write(lab: str, name: str, cells: list[dict[str, Any]]) -> None:
    """Write a notebook with stable cell ids."""
    for number, one in enumerate(cells):
        one["id"] = f"{name}-{number}"
    notebook = {"cells": cells, "metadata": {"kernelspec": KERNEL}, "nbformat": 4, "nbformat_minor": 5}
    path = HERE / "source" / lab / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def numbers() -> list[dict[str, Any]]:
    """Return the first notebook: all or nothing, partial credit, a manual code answer, a task."""
    return [
        cell("markdown", "# Numbers\n\nFill in what is missing."),
        cell("code", "import math\n\nLIMIT = 10", "numbers-given", locked=True),
        answer(
            """
def total(values):
    \"\"\"Return the sum of the values, without `sum`.\"\"\"
    ### BEGIN SOLUTION
    result = 0
    for value in values:
        result += value
    return result
    ### END SOLUTION
""",
            "total",
        ),
        test(
            """
assert total([1, 2, 3]) == 6
### BEGIN HIDDEN TESTS
assert total([]) == 0
assert total([-1, 1, LIMIT]) == LIMIT
### END HIDDEN TESTS
""",
            "test-total",
            2,
        ),
        cell("markdown", "Now a harder one. Each right value gives a point."),
        answer(
            """
### BEGIN SOLUTION
def root(value):
    return math.isqrt(value)
### END SOLUTION
""",
            "root",
        ),
        test(
            """
right = 0
for value, wanted in ((0, 0), (1, 1), (24, 4), (25, 5)):
    try:
        right += root(value) == wanted
    except Exception:
        pass
float(right)
""",
            "test-root",
            4,
        ),
        cell(
            "code",
            "### BEGIN SOLUTION\nprint(sorted([3, 1, 2]))\n### END SOLUTION",
            "by-hand",
            grade=True,
            solution=True,
            points=1.5,
        ),
        cell(
            "markdown",
            "Draw a tree and explain it.\n\n"
            "=== BEGIN MARK SCHEME ===\nOne point for each branch.\n=== END MARK SCHEME ===",
            "draw",
            locked=True,
            task=True,
            points=3,
        ),
    ]


def words() -> list[dict[str, Any]]:
    """Return the second notebook: an essay, files beside the notebook, a module that students write."""
    return [
        cell("markdown", "# Words"),
        cell(
            "markdown",
            "### BEGIN SOLUTION\nA word is what stands between blanks.\n### END SOLUTION",
            "essay",
            grade=True,
            solution=True,
            points=5,
        ),
        cell("code", "from helper import read_words\nfrom mine import longest"),
        answer("### BEGIN SOLUTION\nwords = read_words('data/words.txt')\n### END SOLUTION", "read"),
        test("assert len(words) == 4\nassert words[0] == 'alpha'", "test-read", 1),
        test(
            "assert longest(['a', 'bb']) == 'bb'\n"
            "### BEGIN HIDDEN TESTS\nassert longest(words) == 'gamma-ray'\n### END HIDDEN TESTS",
            "test-longest",
            2,
        ),
    ]


def main() -> None:
    """Write everything."""
    write("ps1", "numbers", numbers())
    write("ps1", "words", words())
    folder = HERE / "source" / "ps1"
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / "words.txt").write_text("alpha\nbeta\ngamma-ray\ndelta\n", encoding="utf-8")
    (folder / "helper.py").write_text(
        '"""Given."""\n\n\ndef read_words(path):\n    """Return the lines of a file."""\n'
        "    with open(path) as file:\n        return file.read().split()\n",
        encoding="utf-8",
    )
    (folder / "mine.py").write_text(
        '"""Yours."""\n\n\ndef longest(words):\n    """Return the longest word."""\n'
        "    raise NotImplementedError\n",
        encoding="utf-8",
    )
    (HERE / "nbgrader_config.py").write_text(
        "c = get_config()\n"
        'c.CourseDirectory.course_id = "plain"\n'
        'c.Autograde.exclude_overwriting = {"ps1": ["mine.py"]}\n'
        "c.Execute.timeout = 20\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
