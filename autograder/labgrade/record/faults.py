"""Give what a database complains of a name and a hint."""

from __future__ import annotations

from sqlalchemy.exc import DatabaseError

from labgrade.errors import MachineError

__all__ = ["name_fault"]


def name_fault(error: DatabaseError, url: str) -> MachineError:
    """Return the error that a person is shown for one of the database's."""
    reason = str(error.orig)
    known = (
        (
            "locked",
            "gradebook-locked",
            "another program holds the gradebook",
            "close it (formgrader?) and run again",
        ),
        (
            "readonly",
            "gradebook-read-only",
            "the gradebook may not be written",
            "check who owns the file and its folder",
        ),
        (
            "unable to open",
            "gradebook-not-opened",
            "the gradebook cannot be opened",
            "check that its folder exists",
        ),
        ("disk is full", "disk-full", "the disk is full", "make room and run again"),
        ("disk I/O", "disk-error", "the disk does not take the gradebook", "check the disk and run again"),
        ("not a database", "gradebook-damaged", "the file is not a gradebook", "put a backup in its place"),
        ("malformed", "gradebook-damaged", "the gradebook is damaged", "put a backup in its place"),
    )
    for sign, code, message, hint in known:
        if sign in reason:
            return MachineError(code, f"{message} ({reason}); what is graded stays in the journal", hint, url)
    return MachineError("gradebook-error", f"the gradebook failed: {reason}", where=url)
