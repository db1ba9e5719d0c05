"""What the page tells a person to do."""

from __future__ import annotations

import re
from pathlib import Path

from labgrade.model import Severity
from labgrade.report.advice import ADVICE, advise

ROW = re.compile(r"^\| (`[^|]+`) \| ([^|]+) \| [^|]+\|$", re.MULTILINE)


def test_every_documented_finding_that_asks_for_a_person_has_advice() -> None:
    """Each code that docs/grading.md calls look or failure has a sentence of its own here."""
    text = (Path(__file__).parents[2] / "docs" / "grading.md").read_text(encoding="utf-8")
    findings = text.partition("## Findings")[2].partition("## Errors")[0]
    rows = ROW.findall(findings)
    assert len(rows) > 30
    urgent = {
        code for codes, asks in rows if asks.strip() != "note" for code in re.findall(r"`([^`]+)`", codes)
    }
    assert urgent - set(ADVICE) == set()


def test_advice_for_a_code_nobody_knows_still_says_what_to_do() -> None:
    """A finding of a later version, or of another part of the program, is not left without a word."""
    assert "look at the submission" in advise("new-code", Severity.LOOK)
    assert "grade the submission again" in advise("new-code", Severity.FAILURE)
    assert advise("cell-matched", Severity.NOTE) == ""
