"""Text that a student's program wrote: characters that mislead are gone, terminal colours become classes."""

from __future__ import annotations

import re

from markupsafe import Markup

__all__ = ["clean_text", "render_ansi", "shorten_text"]

_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff"  # control characters
    "\u202a-\u202e\u2066-\u2069"  # they reorder the text around them, code too
    "\ud800-\udfff]"  # half surrogate pairs: no file can hold them
)
_COLOUR = re.compile(r"\x1b\[([0-9;]{0,64})m")
_OTHER_ESCAPES = re.compile(
    r"\x1b(?:\][^\x07\x1b]*(?:\x07|\x1b\\)?|\[[0-?]*[ -/]*(?:[@-ln-~]|(?<![0-9;\[])m)|[^\[\]])"
)
_NAMES = {1: "bold", 3: "italic", 4: "underline"}


def clean_text(text: object) -> str:
    """Return text that can be written and does not mislead.

    Half surrogate pairs and characters that reorder or hide others become ``�``; a line that a carriage
    return has overwritten (a progress bar) shows its last state only.

    Args:
        text: as found in a notebook: a string, or a list of strings.

    """
    joined = "".join(map(str, text)) if isinstance(text, list) else str(text)
    if "\r" in joined:
        joined = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in joined.split("\n"))
    return _UNSHOWABLE.sub("\ufffd", joined)


def shorten_text(
    text: str, *, max_lines: int = 200, max_chars: int = 20_000, line_chars: int = 1_000
) -> tuple[str, str]:
    """Return the text cut to a size for reading, and what was left out ("" if nothing).

    The first three quarters and the last quarter of the lines are kept: an error stands at the end.
    """
    lines = text.split("\n")
    notes = []
    if len(lines) > max_lines:
        head, tail = max_lines * 3 // 4, max_lines // 4
        notes.append(f"{len(lines) - head - tail:,} lines in the middle are not shown")
        lines = [*lines[:head], "…", *lines[-tail:]]
    if any(len(line) > line_chars for line in lines):
        notes.append("long lines are cut")
        lines = [line if len(line) <= line_chars else f"{line[:line_chars]}…" for line in lines]
    kept = "\n".join(lines)
    if len(kept) > max_chars:
        notes.append(f"{len(kept) - max_chars:,} characters in the middle are not shown")
        head, tail = max_chars * 3 // 4, max_chars // 4
        kept = f"{kept[:head]}\n…\n{kept[-tail:]}"
    return kept, "; ".join(notes)


def render_ansi(text: str) -> Markup:
    """Return terminal text as HTML: colours and weight become classes, all other escapes are gone."""
    raw = _OTHER_ESCAPES.sub("", text)
    pieces = _COLOUR.split(raw)
    html = []
    shown: dict[str, str] = {}
    for index, piece in enumerate(pieces):
        if index % 2:
            shown = _change(shown, piece)
        elif piece:
            plain = Markup.escape(clean_text(piece))
            names = " ".join(shown.values())
            html.append(Markup('<span class="{}">{}</span>').format(names, plain) if names else plain)
    return Markup("").join(html)


def _change(shown: dict[str, str], codes: str) -> dict[str, str]:
    """Apply one colour escape: weights and 16 colours; a colour of many is passed over."""
    numbers = [int(code) if code.isdigit() else 0 for code in codes.split(";")]
    changed = dict(shown)
    while numbers:
        number = numbers.pop(0)
        if number in (38, 48):  # 5;N or 2;R;G;B follow
            del numbers[: 2 if numbers[:1] == [5] else 4]
        elif number == 0:
            changed = {}
        elif number in _NAMES:
            changed[_NAMES[number]] = f"ansi-{_NAMES[number]}"
        elif 30 <= number <= 37 or 90 <= number <= 97:
            changed["colour"] = f"ansi-{number % 10}"
        elif number == 39:
            changed.pop("colour", None)
        elif number in (22, 23, 24):
            changed.pop({22: "bold", 23: "italic", 24: "underline"}[number], None)
    return changed
