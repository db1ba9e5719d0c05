"""Expectations for tests: each compares by value and, when it is not met, says what to look at.

A failure tells in this order: what was called, what was expected, what came back, one likely cause, where to
read. What came back is converted to plain arrays first; no method of the student's objects is called.
"""

from labkit.checks.failure import Failure, NotAttempted
from labkit.expect.arrays import finite, probabilities, shape
from labkit.expect.conduct import no_warning, raises, unchanged
from labkit.expect.values import answered, close, equal, loss_below, tiers, true

__all__ = [
    "Failure",
    "NotAttempted",
    "answered",
    "close",
    "equal",
    "finite",
    "loss_below",
    "no_warning",
    "probabilities",
    "raises",
    "shape",
    "tiers",
    "true",
    "unchanged",
]
