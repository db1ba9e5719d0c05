"""How much an archive may hold. The figures of a submission are those of :mod:`labgrade.intake`."""

from __future__ import annotations

from labgrade.intake import MAX_DEPTH, MAX_FILE_BYTES, MAX_FILES, MAX_TOTAL_BYTES

__all__ = [
    "BOMB_BYTES",
    "BOMB_RATIO",
    "MAX_DEPTH",
    "MAX_FILES",
    "MAX_FILE_BYTES",
    "MAX_MEMBERS",
    "MAX_NESTED_MEMBERS",
    "MAX_NESTING",
    "MAX_TAR_BYTES",
    "MAX_TOTAL_BYTES",
]

MAX_MEMBERS = 300_000
"""Files of a whole download: 5,000 submissions of 60 files each."""
MAX_NESTED_MEMBERS = 10_000
"""Files of an archive that a student handed in."""
MAX_NESTING = 3
"""Archives in archives in archives, counted from the submission."""
BOMB_RATIO = 200
"""Bytes out for a byte in; zeros give 1,000, a notebook full of equal plots less than 50."""
BOMB_BYTES = 20_000_000
"""Smaller files are harmless whatever their ratio."""
MAX_TAR_BYTES = 4_000_000_000
"""Unpacked size of a compressed tar file that is a whole download."""
