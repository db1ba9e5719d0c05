"""Every finding that ``labs check`` can give: its code, whether it blocks a release, and what it means.

Codes are stable: a code is never given a second meaning. ``docs/writing-a-lab.md`` has a row for each of them
(a test compares the two lists).
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["CODES", "Weight"]


class Weight(StrEnum):
    """Whether a finding stands in the way of a release."""

    BLOCKER = "blocker"
    NOTE = "note"


_B, _N = Weight.BLOCKER, Weight.NOTE

CODES: dict[str, tuple[Weight, str]] = {
    # 0xx: building
    "LC001": (_B, "The lab does not build"),
    "LC002": (_N, "The lab builds with a warning"),
    # 1xx: variants.toml
    "LC101": (_B, "variants.toml is not TOML"),
    "LC102": (_B, "An entry of variants.toml cannot be understood"),
    "LC103": (_B, "A text to replace does not stand exactly once in the answer"),
    "LC104": (_B, "A variant is equal to the solution"),
    "LC105": (_B, "A variant does not parse"),
    "LC106": (_B, "The answer stands in several places, and the variant does not say which"),
    "LC107": (_N, "Two variants give the same text"),
    # 2xx: points
    "LC201": (_B, "The solution does not get full points"),
    "LC202": (_B, "The untouched notebook gets points"),
    "LC203": (_B, "A wrong answer keeps full points"),
    "LC204": (_B, "A wrong answer loses points, but no message names the mistake"),
    "LC205": (_B, "An accepted answer loses points"),
    "LC206": (_B, "Students see nothing of a test cell"),
    "LC207": (_N, "A question has no mutants"),
    # 3xx: leaks
    "LC301": (_B, "A line of an answer stands in the text that students get"),
    "LC302": (_B, "An output shows a line of an answer"),
    "LC303": (_B, "Metadata holds a line of an answer"),
    "LC304": (_B, "An attachment of an answer stays in the student version"),
    "LC305": (_B, "A file that students get holds a line of an answer"),
    "LC306": (_B, "A file that only a tool needs lies in the release"),
    # 4xx: running
    "LC401": (_B, "A cell of the student version fails without the answers"),
    "LC402": (_B, "A cell of the solution fails"),
    "LC403": (_B, "The notebook could not be run to its end"),
    "LC404": (_N, "The notebook is not in Python, and was not run"),
    # 5xx: form
    "LC501": (_B, "The notebook is not valid"),
    "LC502": (_B, "A link leads nowhere"),
    "LC503": (_B, "An image is missing"),
    "LC504": (_N, "An image has no text for those who cannot see it"),
}
"""Code -> (weight, what it means in one line)."""
