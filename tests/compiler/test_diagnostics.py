"""Codes are documented, sorted, shown in full, and survive JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from labbuild.codes import CODES
from labbuild.diagnostics import Diagnostic, Diagnostics, from_json, render, sort, to_json

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "diagnostics.md").read_text(encoding="utf-8")


def test_every_code_is_on_the_page_with_its_meaning_and_severity() -> None:
    """docs/diagnostics.md has exactly the codes there are, in order, each with what it does."""
    found = re.findall(r"^### (LB\d+) — (.+?)(?: \(mojibake\))? \((error|warning)\)$", PAGE, re.MULTILINE)
    ours = [
        (code, meaning.removesuffix(" (mojibake)"), str(severity))
        for code, (severity, meaning) in CODES.items()
    ]
    assert found == ours


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_is_given_by_the_builder_and_seen_in_a_test(code: str) -> None:
    """No code is only a promise: some module gives it, and some golden file or test has it."""
    modules = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tools" / "labbuild").rglob("*.py")
    )
    assert modules.count(f'"{code}"') >= 2
    tests = [*(ROOT / "tests" / "corpus").glob("*/diagnostics.txt"), *Path(__file__).parent.glob("test_*.py")]
    assert any(code in path.read_text(encoding="utf-8") for path in tests)


def test_diagnostics_are_sorted_by_place_and_given_once() -> None:
    """All are reported, in the order of file and line, without repetition."""
    report = Diagnostics(Path("b.md"), ("one", "two"))
    report.add("LB302", "later", line=2)
    report.add("LB301", "sooner", line=1)
    report.add("LB301", "sooner", line=1)
    other = Diagnostic("LB101", "elsewhere", Path("a.md"), 9)
    assert [one.message for one in sort([*report.found, other])] == ["elsewhere", "sooner", "later"]


def test_render_of_diagnostic_has_place_code_line_and_hint() -> None:
    """The terminal shows path:line:col, severity, code, sentence, the line and the hint."""
    one = Diagnostic("LB201", "unknown TAG 'X'", Path("lab.md"), 3, 7, "  #!TAG X", "write it")
    assert render(one) == "lab.md:3:7 error LB201 unknown TAG 'X'\n      #!TAG X\n    hint: write it"
    assert render(Diagnostic("LB106", "nothing", Path("lab.md"))) == "lab.md error LB106 nothing"


def test_diagnostic_through_json_is_the_same() -> None:
    """What the manifest keeps is shown again unchanged."""
    one = Diagnostic("LB302", "open", Path("lab.md"), 3, 7, "text", "hint", (5,))
    assert from_json(json.loads(json.dumps(to_json(one)))) == one
