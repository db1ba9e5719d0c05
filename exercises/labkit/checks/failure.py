"""The failure that ``labkit.expect`` raises: facts in reading order instead of one long sentence."""

from __future__ import annotations

from contextvars import ContextVar

from labkit.checks.model import Fact

__all__ = ["Failure", "NotAttempted", "add_note", "collecting_notes"]

collecting_notes: ContextVar[list[str] | None] = ContextVar("labkit_notes", default=None)
"""The notes of the test that is running; None outside a test."""


class Failure(AssertionError):  # noqa: N818 - the name that authors read: expect.Failure
    """An expectation that was not met.

    Args:
        facts: what was called, expected, came back, where to read: in reading order, without the cause.
        cause: the known mistake it resembles, "" if none was recognised.
        notes: for the author of the test.

    """

    def __init__(self, facts: tuple[Fact, ...], cause: str = "", notes: tuple[str, ...] = ()) -> None:
        self.facts = facts
        self.cause = cause
        self.notes = notes
        lines = [f"{fact.label}: {fact.text}" for fact in facts]
        if cause:
            lines.append(f"likely cause: {cause}")
        super().__init__("\n".join(lines))


class NotAttempted(Failure):
    """The answer is still the placeholder that was given."""


def add_note(text: str) -> None:
    """Record an observation that costs nothing; it is shown beside the running test."""
    notes = collecting_notes.get()
    if notes is not None and text not in notes:
        notes.append(text)
