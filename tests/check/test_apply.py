"""Applying a variant to the solution."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from labbuild.check.apply import apply_variant
from labbuild.check.variants import Variant
from labbuild.compile import compile_lab
from labbuild.compiled import CompiledLab, Question

MakeLab = Callable[[], Any]
FILE = Path("variants.toml")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, lab_type: type) -> CompiledLab:
    """The sample lab, compiled once for all tests of this file."""
    return compile_lab(lab_type(tmp_path_factory.mktemp("course") / "lab").path)


def _question(lab: CompiledLab, name: str) -> Question:
    return next(question for question in lab.questions if question.id == name)


def _variant(question: str, **what: Any) -> Variant:
    return Variant("mutant", question, "v", 7, **what)


def test_edit_changes_the_answer_in_the_module_and_nothing_else(lab: CompiledLab) -> None:
    """The new text stands in the place of the old one; the rest of the module is as it was."""
    changes, problems = apply_variant(
        lab, _question(lab, "average"), _variant("average", edits=(("0.0, []", "1.0, []"),)), FILE
    )
    assert problems == []
    assert changes is not None
    (text,) = changes.modules.values()
    assert text == lab.modules[0].solution.replace("0.0, []", "1.0, []")
    assert changes.cells == {}


def test_edits_are_applied_one_after_the_other(lab: CompiledLab) -> None:
    """A later edit sees what an earlier one wrote."""
    edits = (("0.0, []", "start, []"), ("start, []", "0.5, []"))
    changes, _ = apply_variant(lab, _question(lab, "average"), _variant("average", edits=edits), FILE)
    assert changes is not None
    assert "average, averages = 0.5, []" in changes.modules["averages.py"]


def test_code_takes_the_place_of_the_region_with_its_indentation(lab: CompiledLab) -> None:
    """A whole answer may be written at column 0; it is indented like the one that it replaces."""
    changes, problems = apply_variant(
        lab,
        _question(lab, "half-life"),
        _variant("half-life", code="if keep:\n    return 1.0\nreturn 2.0\n"),
        FILE,
    )
    assert problems == []
    assert changes is not None
    (text,) = changes.cells.values()
    assert text.endswith("    if keep:\n        return 1.0\n    return 2.0")
    assert text.startswith("def half_life(keep):")


@pytest.mark.parametrize(
    ("what", "code", "part"),
    [
        ({"edits": (("nowhere", "x"),)}, "LC103", "does not stand"),
        ({"edits": (("average", "x"),)}, "LC103", "stands 7 times"),
        ({"edits": (("0.0, []", "0.0,   []  # start"),)}, "LC104", "equal"),
        ({"edits": (("0.0, []", "0.0, ["),)}, "LC105", "does not parse"),
        ({"code": "return 1", "file": "other.py"}, "LC106", "no answer in 'other.py'"),
    ],
)
def test_variant_that_cannot_be_applied_says_why(
    lab: CompiledLab, what: dict[str, Any], code: str, part: str
) -> None:
    """The finding has the line of the entry, the question, and a mend."""
    changes, (finding,) = apply_variant(lab, _question(lab, "average"), _variant("average", **what), FILE)
    assert changes is None
    assert (finding.code, finding.line, finding.question) == (code, 7, "average")
    assert part in finding.message
    assert finding.hint


def test_cell_takes_the_place_of_the_whole_cell(lab: CompiledLab) -> None:
    """`cell` replaces what stands outside of the region as well."""
    text = "half_life = lambda keep: 1.0"
    changes, problems = apply_variant(
        lab, _question(lab, "half-life"), _variant("half-life", cell=f"\n{text}\n"), FILE
    )
    assert problems == []
    assert changes is not None
    assert list(changes.cells.values()) == [text]
    _, (finding,) = apply_variant(lab, _question(lab, "average"), _variant("average", cell="x = 1"), FILE)
    assert finding.code == "LC106"
