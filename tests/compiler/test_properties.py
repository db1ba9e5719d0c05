"""Properties of any lab: nothing of a region leaks, nothing else is lost, every diagnosis has its line."""

from __future__ import annotations

import ast
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from labbuild.compile import compile_lab
from labbuild.compiled import CompiledLab
from labbuild.ipynb import notebook_bytes

HEADER = """\
---
jupyter:
  jupytext:
    text_representation:
      extension: .md
      format_name: markdown
  kernelspec:
    display_name: Python 3
    language: python
    name: python3
---

"""
STOP = 'raise NotImplementedError("Write your answer here.")'
RELAXED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass
class Expected:
    """A cell as the generator made it: its source, and what must come of it."""

    kind: str
    source: list[str] = field(default_factory=list)
    student: list[str] = field(default_factory=list)
    solution: list[str] = field(default_factory=list)

    def both(self, *rows: str) -> None:
        """Add lines that every version has."""
        for rows_of in (self.source, self.student, self.solution):
            rows_of.extend(rows)

    def region(self, indent: str, marker_indent: str, secrets: list[str], messages: list[str]) -> None:
        """Add a region."""
        self.source.append(f"{marker_indent}#!TAG HWBEGIN")
        self.source += [f"{marker_indent}#!MSG {text}" for text in messages]
        self.source += [indent + row for row in secrets]
        self.source.append(f"{marker_indent}#!TAG HWEND")
        self.solution += [indent + row for row in secrets]
        if self.kind == "code":
            self.student += [f"{indent}# {text}" for text in messages]
        else:
            self.student += [marker_indent + text for text in messages] or [
                f"{indent}*Write your answer here.*"
            ]


words = st.text("abcdefg äß→", min_size=1, max_size=12).map(str.strip).filter(bool)
names = st.integers(0, 10**6).map(lambda number: f"secret_{number:07d}")
messages = st.lists(words, max_size=2)


@st.composite
def code_cells(draw: st.DrawFn) -> Expected:
    """A code cell: plain statements, bodies, brackets and several regions, markers indented or not."""
    cell = Expected("code")
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(
            st.sampled_from(["plain", "blank", "region", "body", "partial", "list", "magic", "nested"])
        )
        secrets = [f"{name} = 1" for name in draw(st.lists(names, min_size=1, max_size=3))]
        at_margin = draw(st.booleans())
        said = draw(messages)
        if kind == "plain":
            cell.both(draw(st.sampled_from(["x = 1", "print('→')", "# a comment", "y = [1,\n     2]"])))
        elif kind == "blank":
            cell.both("", "")
        elif kind == "magic":
            cell.both(draw(st.sampled_from(["%matplotlib inline", "!ls", "if x:\n    !ls\n    %cd /tmp"])))
        elif kind == "region":
            cell.region("", "", secrets, said)
        elif kind == "body":
            cell.both(
                draw(st.sampled_from(["def f(x):", "for i in range(3):", "with open('a') as f:", "class A:"]))
            )
            cell.region("    ", "" if at_margin else "    ", secrets, said)
        elif kind == "partial":
            cell.both("def g(x):", "    before = 1")
            cell.region("    ", "" if at_margin else "    ", secrets, said)
            cell.both("    return before")
        elif kind == "nested":
            cell.both("class B:", "    def h(self):", "        if self:")
            cell.region(" " * 12, "" if at_margin else " " * 12, secrets, said)
            cell.both("        else:", "            pass")
        else:
            cell.both("z = [", "    0,")
            cell.region("    ", "" if at_margin else "    ", [f"{row.split()[0]}," for row in secrets], said)
            cell.region("    ", "    ", [f"{row.split()[0]}x," for row in secrets], [])
            cell.both("]")
    for rows in (cell.source, cell.student, cell.solution):
        rows[:] = "\n".join(rows).split("\n") if rows else []
    return cell


@st.composite
def markdown_cells(draw: st.DrawFn) -> Expected:
    """A Markdown cell in region comments: paragraphs, lists, and regions directly below them."""
    cell = Expected("markdown")
    cell.both("Paragraph " + draw(words))
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["text", "region", "list"]))
        secrets = draw(st.lists(names, min_size=1, max_size=3))
        if kind == "text":
            cell.both("", "", "More " + draw(words))
        elif kind == "region":
            cell.region("", "", secrets, draw(messages))
        else:
            cell.both("* point")
            cell.region("  ", "  ", [f"* {secret}" for secret in secrets], draw(messages))
    return cell


cells = st.lists(st.one_of(code_cells(), markdown_cells()), min_size=1, max_size=6)


def write_source(made: list[Expected]) -> str:
    """Return the Markdown source of some cells."""
    parts: list[str] = []
    for cell in made:
        opening, closing = (
            ("```python", "```") if cell.kind == "code" else ("<!-- #region -->", "<!-- #endregion -->")
        )
        parts.append("\n".join([opening, *cell.source, closing]))
    return HEADER + "\n\n".join(parts) + "\n"


def build(text: str) -> CompiledLab:
    """Compile a source text as a single file of a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lab.md"
        path.write_text(text, encoding="utf-8")
        return compile_lab(path)


def without_placeholders(text: str) -> list[str]:
    """Return the lines of a student's cell without the placeholders that keep it parsing."""
    return [row for row in text.split("\n") if row.strip() != STOP]


def cleared(text: str) -> str:
    """Take regions out of an nbgrader source cell by the rule of our nbgrader_config.py."""
    rows: list[str] = []
    inside = False
    for row in text.split("\n"):
        mark = re.search(r"BEGIN SOLUTION stub=(.*?)\s*(?:-->)?\s*$", row)
        if mark:
            inside = True
            rows += [row[: len(row) - len(row.lstrip())] + mark[1]] if mark[1] else []
        elif "END SOLUTION" in row:
            inside = False
        elif not inside:
            rows.append(row)
    return "\n".join(rows)


def python(text: str) -> str:
    """Return a cell's text with magics and shell lines as pass."""
    return re.sub(r"^(\s*)[%!].*$", r"\1pass", text, flags=re.MULTILINE)


@RELAXED
@given(cells)
def test_versions_of_any_lab_are_exact(made: list[Expected]) -> None:
    """Student = source without regions plus messages and placeholders; solution = source without markers."""
    lab = build(write_source(made))
    assert not lab.has_errors, lab.diagnostics
    (notebook,) = lab.notebooks
    assert len(notebook.student["cells"]) == len(made)
    for cell, student, solution, source in zip(
        made, notebook.student["cells"], notebook.solution["cells"], notebook.nbgrader["cells"], strict=True
    ):
        assert solution["source"] == "\n".join(cell.solution)
        assert without_placeholders(student["source"]) == ("\n".join(cell.student)).split("\n")
        assert cleared(source["source"]) == student["source"]
        if cell.kind == "code":
            ast.parse(python(student["source"]))


@RELAXED
@given(cells)
def test_student_bytes_of_any_lab_hold_no_line_of_a_region(made: list[Expected]) -> None:
    """No line of a region, and no marker, is anywhere in the student's bytes."""
    lab = build(write_source(made))
    data = notebook_bytes(lab.notebooks[0].student).decode()
    assert "secret_" not in data
    for text in ("#!TAG", "#!MSG", "HWBEGIN", "SOLUTION", "seqlabs-marker"):
        assert text not in data
        assert text not in notebook_bytes(lab.notebooks[0].solution).decode()


@settings(RELAXED, max_examples=20)
@given(cells)
def test_building_any_lab_twice_gives_the_same_bytes(made: list[Expected]) -> None:
    """The same source gives the same bytes in every version."""
    text = write_source(made)
    first, second = build(text), build(text)
    for version in ("student", "solution", "nbgrader"):
        assert [notebook_bytes(getattr(n, version)) for n in first.notebooks] == [
            notebook_bytes(getattr(n, version)) for n in second.notebooks
        ]


MISTAKES = {
    "#!TAG HWBEGN": "LB201",
    "#! TAG HWBEGIN": "LB202",
    "# !TAG HWBEGIN": "LB202",
    "!TAG HWBEGIN": "LB202",
    "# #!TAG HWBEGIN": "LB202",
    "#!TAG HWBEGIN'": "LB203",
    "x = 1 #!TAG HWBEGIN": "LB204",
    "#!TAGHWBEGIN": "LB202",
}


@RELAXED
@given(cells, st.data())
def test_mistake_anywhere_is_reported_on_its_line(made: list[Expected], data: st.DataObject) -> None:
    """A misspelt marker gives its diagnostic with the right line number and the line's text."""
    rows = write_source(made).split("\n")
    places = [index for index, row in enumerate(rows) if "#!TAG HWBEGIN" in row]
    if not places:
        return
    index = data.draw(st.sampled_from(places))
    wrong, code = data.draw(st.sampled_from(sorted(MISTAKES.items())))
    rows[index] = rows[index].replace("#!TAG HWBEGIN", wrong)
    found = [one for one in build("\n".join(rows)).diagnostics if one.code == code]
    assert [(one.line, one.text) for one in found] == [(index + 1, rows[index])]


PIECES = [
    "#!TAG HWBEGIN",
    "#!TAG HWEND",
    "#!TAG HWEND",
    "#!MSG message",
    "#!TAG HIDDENBEGIN",
    "#!TAG HIDDENEND",
    "#!TAG ANSWER q",
    "#!TAG TEST q points=1",
    "#!TAG SKIPQUESTEXEC",
    "# #!TAG HWBEGIN",
    "```python",
    "```",
    "```bash",
    "<!-- #region -->",
    "<!-- #endregion -->",
    "# %%",
    "# %% [markdown]",
    '"""',
    "",
    "",
    "text",
    "# comment",
    "x = 1",
    "def f():",
    "    return 1",
    "x = (",
    ")",
    "%%time",
    "!ls",
    "\x0c",
    "\u2028",
]


@settings(RELAXED, max_examples=150)
@given(st.lists(st.sampled_from(PIECES), max_size=14), st.sampled_from([".md", ".py", "module"]))
def test_any_sequence_of_lines_compiles_without_an_exception(rows: list[str], form: str) -> None:
    """Whatever a file holds gives diagnostics or versions, never a traceback, and never a wrong line."""
    header = {".md": HEADER, ".py": "# %%\n", "module": ""}[form]
    text = header + "\n".join(rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("lab.md" if form == ".md" else "lab.py")
        path.write_text(text, encoding="utf-8")
        lab = compile_lab(path)
    assert lab.has_errors or lab.notebooks or lab.modules
    quoted = text.split("\n")
    for one in lab.diagnostics:
        assert one.line == 0 or one.text == quoted[one.line - 1]
    if lab.has_errors:
        return
    for notebook in lab.notebooks:
        for version in ("student", "solution", "nbgrader"):
            assert "#!" not in notebook_bytes(getattr(notebook, version)).decode()
