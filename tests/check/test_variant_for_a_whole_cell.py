"""A variant that gives the whole cell of an answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from labbuild.check.apply import apply_variant
from labbuild.check.variants import Variant
from labbuild.compile import compile_lab


def apply(make_lab: Callable[[], Any], question_id: str, cell: str) -> Any:
    lab = compile_lab(make_lab().path)
    question = next(question for question in lab.questions if question.id == question_id)
    variant = Variant("mutant", question_id, "whole", 3, cell=cell)
    return question, apply_variant(lab, question, variant, Path("variants.toml"))


def test_cell_of_an_answer_in_a_notebook_is_replaced_whole(make_lab: Callable[[], Any]) -> None:
    """The text of the variant stands in place of the whole cell, blank lines at its ends left out."""
    question, (changes, findings) = apply(make_lab, "half-life", "\ndef half_life(keep):\n    return 1\n")
    assert findings == []
    place = question.answers[0]
    assert changes.cells == {(place.file, place.cell): "def half_life(keep):\n    return 1"}


def test_cell_for_an_answer_in_a_module_is_refused_with_the_mend(make_lab: Callable[[], Any]) -> None:
    """A module has no cells: the finding says to use `code`."""
    _, (changes, findings) = apply(make_lab, "average", "x = 1")
    assert changes is None
    assert [(finding.code, "`code`" in finding.hint) for finding in findings] == [("LC106", True)]


def test_cell_that_does_not_parse_is_refused(make_lab: Callable[[], Any]) -> None:
    """A wrong answer must run to be wrong."""
    _, (changes, findings) = apply(make_lab, "half-life", "def half_life(:\n")
    assert changes is None
    assert [finding.code for finding in findings] == ["LC105"]
