"""Nobody finds a line of a hidden test in anything that a student can see."""

from __future__ import annotations

import ast
import html
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from handmade_class import (
    CANARY,
    DOUBLE_TEST,
    HIDDEN,
    PLAIN_TEST,
    PUBLIC,
    GradedClass,
    Student,
    display,
    grade_by_hand,
    outcome,
    stream,
)
from labgrade.clearing import COVER, ClearingRules, hidden_lines
from labgrade.cli.feedback import feedback
from labgrade.course import read_course
from labgrade.feedback.secrets import Secrets
from labgrade.lab import Lab, read_lab
from labgrade.model import Outcome, TestOutcome

Make = Callable[[Mapping[str, Student]], GradedClass]
ROOT = Path(__file__).resolve().parents[2]


def _seen(page: str) -> str:
    """Return all text of a page, markup and what unfolds included, as a search by hand would meet it."""
    return html.unescape(re.sub(r"<[^>]*>", "", page)) + html.unescape(page)


def _traceback(lines: Sequence[str], message: str, at: int) -> dict[str, Any]:
    """Return an error as IPython formats it, with two lines of context around the failing one."""
    rows = ["\x1b[36mCell\x1b[39m \x1b[32mIn[5]\x1b[39m\x1b[32m, line 4\x1b[39m"]
    for number in range(max(0, at - 2), min(len(lines), at + 3)):
        arrow = f"\x1b[32m----> {number}\x1b[39m " if number == at else f"{number:>7} "
        rows.append(arrow + lines[number])
    trace = [
        "\x1b[31mAssertionError\x1b[39m  Traceback (most recent call last)",
        "\n".join(rows),
        f"AssertionError: {message}",
    ]
    return {"output_type": "error", "ename": "AssertionError", "evalue": message, "traceback": trace}


def test_hidden_test_of_a_made_up_lab_is_in_no_page_and_no_notebook(graded: Make) -> None:
    """A canary in every hidden line: messages, tracebacks and outputs that quote them are covered."""
    rules = ClearingRules()
    hidden = [line for source in (DOUBLE_TEST, PLAIN_TEST) for line in hidden_lines(source, rules)]
    assert len([line for line in hidden if CANARY in line]) >= 5
    quoted = "\n".join(hidden)
    plain = PLAIN_TEST.split("\n")
    student = Student(
        tests=(
            outcome(
                "test_double_of_two",
                "`double` of 2 is 4.",
                Outcome.FAILED,
                message=f"where: {quoted}",
                cause=quoted,
            ),
            outcome(HIDDEN.name, HIDDEN.title, Outcome.CRASHED, hidden=True, message=quoted, cause=quoted),
        ),
        half=[_traceback(plain, f"{CANARY} of 7", 3)],
        outputs={
            "double": [stream(quoted), _traceback(hidden, quoted, 2)],
            "#1": [
                display({"text/html": f"<pre>{html.escape(quoted)}</pre>", "text/plain": "left"}),
                display({"text/markdown": quoted}),
                display(
                    {
                        "image/svg+xml": f'<svg xmlns="http://www.w3.org/2000/svg"><text>{html.escape(quoted)}</text></svg>'
                    }
                ),
            ],
            "#8": [
                display({"text/plain": quoted}),
                stream("\n".join(f"  {line}  # mine" for line in hidden)),
            ],
        },
    )
    made = graded({"eve": student})
    assert CliRunner().invoke(feedback, [str(made.folder)]).exit_code == 0
    page = made.page("eve")
    assert CANARY not in _seen(page)
    assert "It failed in a part of the test that is not shown." in page
    assert "`double` works for large numbers.".replace("`", "") in _seen(page).replace("`", "")
    visible = made.notebook("eve").read_text(encoding="utf-8")
    own = [line for line in json.loads(visible)["cells"][5]["source"] if CANARY in line]
    assert own == []


def test_public_failure_beside_hidden_lines_keeps_its_message(graded: Make) -> None:
    """The arrow stands on a public line: its message is the student's, though context was covered."""
    student = Student(half=[_traceback(PLAIN_TEST.split("\n"), "half of 4 is 2", 0)])
    made = graded({"eve": student})
    assert CliRunner().invoke(feedback, [str(made.folder)]).exit_code == 0
    assert "half of 4 is 2" in _seen(made.page("eve"))
    assert COVER in _seen(made.page("eve"))
    assert CANARY not in _seen(made.page("eve"))


def test_secrets_covers_lines_that_quote_and_no_others() -> None:
    """A hidden line inside another line, in colours, is covered; public and short lines are not."""
    secrets = Secrets({"assert f(12) == 9", "x = 1", "import numpy as np"}, {"import numpy as np"})
    text = "before\n  3 \x1b[31massert f(12)\x1b[39m == 9\nimport numpy as np\nx = 1"
    assert secrets.cover(text) == f"before\n{COVER}\nimport numpy as np\nx = 1"
    assert secrets.cover("nothing") == "nothing"
    output = {
        "output_type": "display_data",
        "data": {"text/html": "<b>assert</b> f(12) == 9", "text/plain": "p"},
    }
    assert secrets.cover_output(output)["data"] == {"text/plain": "p"}
    escaped = {"output_type": "display_data", "data": {"text/html": "assert f(12) &#61;= 9"}}
    assert "assert" not in str(secrets.cover_output(escaped))
    assert (
        secrets.cover_output({"output_type": "stream", "text": ["a\n", "assert f(12) == 9"]})["text"]
        == f"a\n{COVER}"
    )


def test_secrets_public_sentences_of_hidden_tests_may_be_read() -> None:
    """The first line of a test's docstring is what students are told; it is no secret."""
    line = '"""`rnn` equals `nn.RNN` over 64 steps."""'
    assert Secrets({line}, {"`rnn` equals `nn.RNN` over 64 steps."}).lines == ()
    assert Secrets({line}).lines == (line,)


def _lab02(folder: Path) -> Lab:
    """Build lab 02 with the real command and read its source form."""
    from labs.cli import main

    command = ["build", str(ROOT / "exercises" / "02-recurrent-attention"), "--out", str(folder)]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    root = folder / "nbgrader"
    return read_lab(root / "source" / "02-recurrent-attention", read_course(root))


def _tests_of(source: str, hidden: frozenset[str]) -> list[TestOutcome]:
    """Return an outcome for each test function of a cell, failed, with its whole text as the message."""
    found = []
    lines = source.split("\n")
    tree = ast.parse(source)
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef) and statement.name.startswith("test_"):
            text = "\n".join(lines[statement.lineno - 1 : statement.end_lineno])
            title = (ast.get_docstring(statement) or "").split("\n")[0]
            is_hidden = lines[statement.lineno - 1].strip() in hidden
            message = "\n".join(f"where: {line}" for line in [*text.split("\n"), *sorted(hidden)])
            found.append(
                TestOutcome(
                    statement.name, title, Outcome.FAILED, 0.0, 0.1, message, is_hidden, message, 0.01
                )
            )
    return found


def _quoting(lines: list[str]) -> list[dict[str, Any]]:
    """Return outputs of every kind that quote lines."""
    quoted = "\n".join(lines)
    return [
        stream(quoted),
        {"output_type": "error", "ename": "E", "evalue": quoted, "traceback": lines},
        display({"text/plain": quoted}),
        display({"text/html": f"<p>{html.escape(quoted)}</p>"}),
    ]


def test_hidden_lines_of_lab_02_are_in_no_page_and_no_notebook(tmp_path: Path) -> None:
    """The real lab: each test fails, each message and output quotes all hidden lines, none is to be found."""
    lab = _lab02(tmp_path / "build")
    hidden = frozenset().union(*(page.hidden for page in lab.pages))
    assert len(hidden) > 150
    outputs = {
        spec.name: _quoting(sorted(page.hidden))
        for spec, page in zip(lab.spec.notebooks, lab.pages, strict=True)
    }
    out = grade_by_hand(lab, tmp_path / "graded", "eve", outputs, lambda cell: _tests_of(cell.source, hidden))
    assert CliRunner().invoke(feedback, [str(out)]).exit_code == 0

    public = "\n".join(cell.released for spec in lab.spec.notebooks for cell in spec.cells)
    public += "\n".join(data.decode(errors="replace") for data in lab.spec.given_files.values())
    public += "\n".join(data.decode() for data in lab.spec.student_files.values())
    titles = {line.strip("\"' ") for line in hidden if line.startswith('"""')}
    secret = [
        line for line in hidden if len(line) >= 8 and line not in public and line.strip("\"' ") not in titles
    ]
    assert len(secret) > 100
    seen = _seen((out / "feedback" / "eve.html").read_text(encoding="utf-8"))
    assert "gives the numbers" in seen or "equals" in seen
    assert [line for line in secret if line in seen] == []
    for spec, page in zip(lab.spec.notebooks, lab.pages, strict=True):
        path = out / "autograded" / "eve" / lab.spec.name / f"{spec.name}.ipynb"
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            texts = ["".join(cell["source"])]
            # With the tests in a process apart, only their own outputs can quote them.
            is_test = cell["metadata"].get("nbgrader", {}).get("grade", False)
            for output in cell.get("outputs", []) if is_test else []:
                texts += [
                    "".join(output.get("text", "")),
                    str(output.get("evalue", "")),
                    *output.get("traceback", []),
                ]
                texts += ["".join(value) for value in output.get("data", {}).values()]
            together = "\n".join(texts)
            assert [line for line in secret if line in page.hidden and line in together] == []


@pytest.mark.parametrize(
    ("old", "mark"),
    [
        ("BEGIN HIDDEN TESTS", "BEGIN HIDDEN TESTS"),
        ("BEGIN HIDDEN TESTS", "SECRET FROM HERE"),
        ("END HIDDEN TESTS", "SECRET UP TO HERE"),
    ],
)
def test_hidden_lines_are_known_whatever_marks_the_course_uses(graded: Make, old: str, mark: str) -> None:
    """A graded folder does not hold the course's marks: what notebooks do not show is hidden too."""
    import sqlite3
    from contextlib import closing

    made = graded(
        {"eve": Student(tests=(PUBLIC,), outputs={"double": [stream(f"quoted: {CANARY}_value = half(7)")]})}
    )
    with closing(sqlite3.connect(made.folder / "gradebook.db")) as book, book:
        changed = book.execute("UPDATE source_cell SET source = replace(source, ?, ?)", (old, mark))
        assert changed.rowcount
    # The autograded notebook has covered the line already; an older one, or nbgrader's own, has not.
    path = made.notebook("eve")
    notebook = json.loads(path.read_text())
    notebook["cells"][2]["outputs"] = [stream(f"quoted: {CANARY}_value = half(7)\nkept")]
    path.chmod(0o644)
    path.write_text(json.dumps(notebook))
    assert CliRunner().invoke(feedback, [str(made.folder)]).exit_code == 0
    assert CANARY not in _seen(made.page("eve"))
    assert "kept" in made.page("eve")
