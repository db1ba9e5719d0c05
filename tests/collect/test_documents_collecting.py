"""What docs/collecting.md and docs/exporting.md say is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from labgrade.collect.layouts import LAYOUTS
from labgrade.collect.mapping import HEADER
from labgrade.collect.model import STATUSES

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "autograder" / "labgrade"
MAKERS = "Finding|refuse|MemberError|UsageError|OpenGradesError|MachineError"
CODE = re.compile(rf"(?:{MAKERS})\(\s*(?:path, )?\"([a-z][a-z0-9-]+)\"")
ASSIGNED = re.compile(r"\bcode(?:, message)?\s*=\s*(?:code or )?\"([a-z]+-[a-z-]+)\"")


def _codes(folder: str) -> set[str]:
    texts = [path.read_text(encoding="utf-8") for path in (PACKAGE / folder).rglob("*.py")]
    return {code for text in texts for pattern in (CODE, ASSIGNED) for code in pattern.findall(text)}


@pytest.mark.parametrize(("folder", "name"), [("collect", "collecting"), ("export", "exporting")])
def test_every_code_is_documented(folder: str, name: str) -> None:
    """A code that a person may meet stands in the document, and no other does in its tables."""
    text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`([a-z][a-z0-9-]+)`", text))
    codes = _codes(folder)
    assert len(codes) > 10
    assert codes - documented == set()


def test_every_layout_status_and_column_is_documented() -> None:
    """The tables are complete."""
    text = (ROOT / "docs" / "collecting.md").read_text(encoding="utf-8")
    for word in [*(layout.name for layout in LAYOUTS), *STATUSES, *HEADER]:
        assert f"`{word}`" in text
