"""The small parts: facts of a message, sentences for findings, modules, cells of a question, lateness."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from labgrade.feedback.building import describe_lateness
from labgrade.feedback.content import Fact
from labgrade.feedback.facts import read_facts
from labgrade.feedback.modules import StudentModule, imported_names, read_module
from labgrade.feedback.notebook import NotebookCell
from labgrade.feedback.notices import FOR_ASSISTANTS, NOTICES
from labgrade.feedback.secrets import Secrets
from labgrade.feedback.works import WorkShop, assign_cells

ROOT = Path(__file__).resolve().parents[2]


def test_read_facts_takes_a_message_of_labkit_apart_again() -> None:
    """What `TestResult.message` puts together comes back as labels and texts, line ends included."""
    from labkit.checks.model import Fact as Written
    from labkit.checks.model import Outcome, TestResult

    facts = (
        Written("called", "f(1)"),
        Written("expected", "[1,\n 2]"),
        Written("", "a sentence: with a colon"),
        Written("read", "section 2"),
    )
    message = TestResult("t", "t", Outcome.FAILED, 0, 1, facts).message
    assert read_facts(message, "a cause") == (
        Fact("called", "f(1)", is_code=True),
        Fact("expected", "[1,\n 2]"),
        Fact("a sentence", "with a colon"),
        Fact("likely cause", "a cause"),
        Fact("read", "section 2"),
    )


def test_read_facts_of_nothing_is_nothing() -> None:
    """No message, no facts; a cause alone is one."""
    assert read_facts("") == ()
    assert read_facts("", "a cause") == (Fact("likely cause", "a cause"),)
    assert len(read_facts("\n".join("x: y" for _ in range(10_000)))) <= 31


def test_every_documented_finding_is_for_the_student_or_for_assistants() -> None:
    """A new code must be put on one of the two lists; none stands on both."""
    text = (ROOT / "docs" / "grading.md").read_text(encoding="utf-8")
    table = text[text.index("## Findings") : text.index("## Errors that end a job")]
    rows = [line for line in table.split("\n") if line.startswith("| `")]
    codes = {code for row in rows for code in re.findall(r"`([a-z0-9-]+)`", row.split("|")[1])}
    assert len(codes) > 40
    assert codes - set(NOTICES) - FOR_ASSISTANTS == set()
    assert set(NOTICES) & FOR_ASSISTANTS == set()


def test_notices_are_whole_sentences_without_words_of_the_trade() -> None:
    """A student who has never heard of nbgrader understands them."""
    for sentence in NOTICES.values():
        assert sentence.endswith(".")
        assert not re.search(r"nbgrader|metadata|grade.id|sandbox|journal|worker|engine", sentence), sentence


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, ""),
        (0, ""),
        (20, "1 minute"),
        (3_600, "1 hour"),
        (5_400, "1 hour 30 minutes"),
        (90_000, "1 day 1 hour"),
        (200_000, "2 days 7 hours"),
    ],
)
def test_describe_lateness_says_it_in_words(seconds: float, words: str) -> None:
    """Two units at most, in the singular where there is one."""
    assert describe_lateness(seconds) == words


def test_read_module_finds_functions_classes_and_their_decorators(tmp_path: Path) -> None:
    """A part is the lines of the definition, decorators included."""
    source = "import x\n\n@x.y\ndef f(a):\n    return a\n\n\nclass C:\n    def g(self): pass\n"
    (tmp_path / "mine.py").write_text(source, newline="\r\n")
    module = read_module(tmp_path, "mine.py")
    assert module is not None
    assert module.source == source
    assert module.parts == {"f": (3, 5), "C": (8, 9)}


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (b"def f(:\n", ""),
        (b"(" * 5_000, ""),
        (b"\xff\xfe no utf-8", ""),
        (b"a\0b", "not text"),
        (b"# x\n" * 100_000, "first 200,000 bytes"),
    ],
)
def test_read_module_that_does_not_parse_is_shown_whole(tmp_path: Path, data: bytes, note: str) -> None:
    """A file that is no Python, no text or far too long has no parts, and no exception."""
    (tmp_path / "mine.py").write_bytes(data)
    module = read_module(tmp_path, "mine.py")
    assert module is not None
    assert module.parts == {}
    assert note in module.note
    assert len(module.source) <= 200_000


def test_read_module_follows_no_link_and_waits_for_no_pipe(tmp_path: Path) -> None:
    """Only a regular file is read."""
    import os

    (tmp_path / "secret.py").write_text("x")
    (tmp_path / "mine.py").symlink_to(tmp_path / "secret.py")
    os.mkfifo(tmp_path / "pipe.py")
    for name in ("mine.py", "pipe.py", "gone.py", "."):
        assert read_module(tmp_path, name) is None, name


def test_imported_names_reads_cells_with_magics_and_skips_broken_ones() -> None:
    """`from implementation import rnn, gru` names the answers; a cell that does not parse names none."""
    sources = [
        "%load_ext autoreload\nfrom a import f, g as h",
        "from a import (",
        "from . import x\nimport a",
    ]
    assert imported_names(sources) == {"a": ["f", "g"]}


def _cell(grade_id: str = "", source: str = "", *, task: bool = False) -> NotebookCell:
    return NotebookCell("code", source, grade_id, task=task)


def test_part_of_a_file_is_whole_elements_even_inside_a_long_string() -> None:
    """A part is cut out of the coloured file by lines: what opens in a line closes in it."""
    source = '"""a\nb\n\n  c"""\n\n\ndef f():\n    """one\n\n    two"""\n    return (\n        1\n    )\n'
    module = StudentModule("mine.py", source, parts={"f": (7, 13)})
    shop = WorkShop(Secrets(()), [module])
    (work,) = shop.show_cells([_cell("", "from mine import f")])
    assert work.body.count("<span") == work.body.count("</span>")
    assert work.body.striptags() == 'def f(): """one two""" return ( 1 )'
    (file,) = shop.show_files()
    assert re.sub("<[^>]*>", "", str(file.body)).replace("&quot;", '"') == source


def test_assign_cells_gives_each_question_what_stands_before_its_test() -> None:
    """Cells between two tests belong to the second; a question's second test brings its cells too."""
    cells = [_cell("", "1"), _cell("a"), _cell("test-a"), _cell("", "2"), _cell("test-b"), _cell("", "3")]
    cells += [_cell("test-a-2"), _cell("", "4")]
    found, rest = assign_cells(cells, {"test-a": "a", "test-b": "b", "test-a-2": "a"})
    assert [cell.source or cell.grade_id for cell in found["a"]] == ["1", "a", "test-a", "3", "test-a-2"]
    assert [cell.source or cell.grade_id for cell in found["b"]] == ["2", "test-b"]
    assert [cell.source for cell in rest] == ["4"]


def test_assign_cells_after_a_task_are_its_answer() -> None:
    """A task's answer stands below it, up to the next cell that nbgrader knows."""
    cells = [_cell("task", task=True), _cell("", "mine"), _cell("", "too"), _cell("test-b"), _cell("", "end")]
    found, rest = assign_cells(cells, {"task": "task", "test-b": "b"})
    assert [cell.source for cell in found["task"]] == ["", "mine", "too"]
    assert [cell.grade_id for cell in found["b"]] == ["test-b"]
    assert [cell.source for cell in rest] == ["end"]
