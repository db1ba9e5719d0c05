"""What a person did wrong, or what the machine lacks: shown as one diagnostic, never as a traceback."""

from __future__ import annotations

__all__ = ["GradeError", "MachineError", "UsageError"]


class GradeError(Exception):
    """Base of all errors that end a job with a message.

    Args:
        code: stable name, documented in ``docs/grading.md``.
        message: what is wrong.
        hint: what to do instead, "" if there is nothing to say.
        where: ``path`` or ``path:line:col``, "" if the fault has no place.

    """

    exit_code = 2

    def __init__(self, code: str, message: str, hint: str = "", where: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.where = where

    def __str__(self) -> str:
        """Return ``where CODE message`` and the hint on a line of its own."""
        head = f"{self.where}: " if self.where else ""
        tail = f"\nhint: {self.hint}" if self.hint else ""
        return f"{head}{self.code} {self.message}{tail}"


class UsageError(GradeError):
    """What was asked for cannot be done as it was asked."""

    exit_code = 2


class MachineError(GradeError):
    """The machine or the disk does not allow it now; nothing that was finished is lost."""

    exit_code = 3
