"""Text for cells that a spreadsheet will open: nothing that a student wrote becomes a formula."""

from __future__ import annotations

import re

__all__ = ["safe_cell"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")


def safe_cell(text: str) -> str:
    """Return the text with an apostrophe before what a spreadsheet would take for a formula; numbers stay.

    Source: OWASP, "CSV Injection".
    """
    bare = text.lstrip(" \u00a0")
    if bare.startswith(_FORMULA) and not _NUMBER.fullmatch(bare):
        return "'" + text
    return text
