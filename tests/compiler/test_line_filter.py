"""Ungraded labs equal the plain line filter of the convention, but for the documented differences."""

from __future__ import annotations

from pathlib import Path

import pytest
from labbuild.compile import compile_lab
from labbuild.compiled import CompiledLab

CORPUS = Path(__file__).parent.parent / "corpus"

# In these the line filter itself goes wrong (it swallows what follows a mistyped HWEND), or the tags are new.
NOT_COMPARED = {
    "hwbegin-for-hwend",
    "graded",
    "hidden-only-test",
    "module",
    "nbgrader-metadata",
    "lone-message",
}
PLACEHOLDERS = ('raise NotImplementedError("Write your answer here.")', "...", "*Write your answer here.*")
COMPOUND = tuple(
    f"{head}: {PLACEHOLDERS[0]}" for head in ("def answer_here(*args, **kwargs)", "if True", "try")
)


def line_filter(lines: list[str], version: str) -> tuple[list[str], set[str]]:
    """Apply the convention's own rule; return the lines kept and the messages among them."""
    kept: list[str] = []
    messages: set[str] = set()
    inside = False
    for line in lines:
        if "#!TAG HWBEGIN" in line:
            inside = True
        elif "#!TAG HWEND" in line:
            inside = False
        elif "#!TAG SKIPQUESTEXEC" in line:
            continue
        elif not inside:
            kept.append(line)
        elif "#!MSG" in line:
            if version == "student":
                message = line.split("#!MSG", 1)[1].replace("-->", "").strip()
                messages.add(message)
                kept.append(f"# {message}")
        elif version == "solution":
            kept.append(line)
    return kept, messages


def source_lines(path: Path) -> list[str]:
    """Return the text lines of a Markdown source: no header, no fences, no region comments."""
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252")
    body = text.replace("\r\n", "\n").split("\n---\n", 1)[1]
    lines = [
        line for line in body.split("\n") if not line.startswith(("```", "<!-- #region", "<!-- #endregion"))
    ]
    return [line for line in lines if line.strip() != "%%bash"]


def built_lines(lab: CompiledLab, version: str) -> list[str]:
    """Return the text lines of all built cells."""
    cells = [cell for notebook in lab.notebooks for cell in getattr(notebook, version)["cells"]]
    rows = [row for cell in cells for row in cell["source"].split("\n")]
    return [row for row in rows if row.strip() != "%%bash"]


def without_documented_differences(rows: list[str], messages: set[str]) -> list[str]:
    """Drop blank lines and placeholders; reduce a message to its words."""
    left: list[str] = []
    for row in rows:
        words = row.strip().removeprefix("#").strip()
        if not row.strip() or row.strip() in PLACEHOLDERS or row.strip() in COMPOUND:
            continue
        if words in messages or (not words and row.strip() == "#"):
            left += [f"message: {words}"] if words else []
        else:
            left.append(row.rstrip())
    return left


def comparable() -> list[str]:
    """Name the ungraded Markdown labs of the corpus that build."""
    names = sorted(path.parent.parent.name for path in CORPUS.glob("*/lab/lab.md"))
    return [name for name in names if name not in NOT_COMPARED and (CORPUS / name / "student.txt").is_file()]


@pytest.mark.parametrize("version", ["student", "solution"])
@pytest.mark.parametrize("name", comparable())
def test_ungraded_lab_built_equals_line_filter(name: str, version: str) -> None:
    """The built text is the line filter's, but for indented comments, placeholders, Markdown messages."""
    folder = CORPUS / name / "lab"
    expected, messages = line_filter(source_lines(folder / "lab.md"), version)
    built = built_lines(compile_lab(folder), version)
    if name == "front-matter":
        built = built[4:]  # the raw cell that Jupytext makes of the author's own header
    if version == "solution":
        assert [row.rstrip() for row in built if row.strip()] == [
            row.rstrip() for row in expected if row.strip()
        ]
    else:
        assert without_documented_differences(built, messages) == without_documented_differences(
            expected, messages
        )
