"""The guide and the code say the same."""

from __future__ import annotations

import re
from pathlib import Path

from labbuild.check.codes import CODES

GUIDE = Path(__file__).parents[2] / "docs" / "writing-a-lab.md"


def test_guide_has_a_row_for_every_finding() -> None:
    """Each code stands in the guide's table with its weight and its meaning, and no other code does."""
    rows = re.findall(
        r"^\| `(LC\d{3})` \| (\w+) \| (.+?) \|", GUIDE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {code: (weight, meaning) for code, weight, meaning in rows} == {
        code: (str(weight), meaning) for code, (weight, meaning) in CODES.items()
    }
