"""What a person should do about a finding, by its code."""

from __future__ import annotations

from labgrade.model import Severity

__all__ = ["ADVICE", "advise"]

_READ = "Open the file as it was handed in; if it holds an answer, mend it and grade this student again."
_AGAIN = "Run the same command again; if it happens again, the log of the student says why."
_LEFT_OUT = "Look at the file that was left out; if the lab needs it, put it in place and grade again."
_POINTS = "Look at the cell in formgrader and give the points by hand if the automatic ones are not right."

ADVICE: dict[str, str] = {
    "answer-below": "Check that the text below the empty answer is the one that was meant.",
    "answer-missing": "Look for an answer in the rest of the notebook; give its points in formgrader.",
    "cell-duplicated": "Check that the copy that counted is the one that was meant.",
    "cell-matched": "Compare the two texts: if the cell is not this answer, give the points in formgrader.",
    "cell-unreadable": _READ,
    "file-linked": "Check that the file is the student's own: its second name may be someone else's.",
    "file-missing": "If it was handed in under another name, put it in place and grade again.",
    "file-name": _LEFT_OUT,
    "file-refused": _LEFT_OUT,
    "file-too-large": _LEFT_OUT,
    "file-unreadable": _LEFT_OUT,
    "folder-too-deep": "Look into the folder; move what belongs to the lab further up, and grade again.",
    "folder-unreadable": "Give yourself the right to read the folder, and grade again.",
    "given-failed": "Mend the lab: a cell that needs no answer fails in it. Then grade everyone again.",
    "grader-error": "This costs the student nothing. Read the log, mend what failed, and grade again.",
    "judge-ended": _AGAIN,
    "metadata-lost": "Check that the answers were found: compare the points with the notebook.",
    "not-a-notebook": _READ,
    "notebook-empty-file": "The file is empty: ask the student for it.",
    "notebook-encoding": "Check that letters such as é are right in the answers.",
    "notebook-exported": "Compare the answers with the file; if texts are missing, ask for the notebook.",
    "notebook-format-new": "Check that the notebook was read whole.",
    "notebook-missing": "If it was handed in under another name, put it in place and grade again.",
    "notebook-not-json": _READ,
    "notebook-too-large": "Clear the notebook's outputs, save it in place, and grade this student again.",
    "notebook-version": "Check that the version that was graded is the one that was meant.",
    "score-out-of-range": "Mend the test, which gave an impossible number, and grade again.",
    "source-changed": "Run `nbgrader generate_assignment`, then grade again.",
    "submission-timeout": "Look for a loop that does not end; --submission-timeout gives more time.",
    "submission-too-large": "Check that nothing that was left out is needed.",
    "test-not-run": _POINTS,
    "timestamp-invalid": "Find out when it was handed in: without a date nothing is late.",
    "too-many-files": "Check that nothing that was left out is needed.",
    "worker-lost": _AGAIN,
}

_OTHERS = {
    Severity.LOOK: "Read the message and look at the submission before its grade is published.",
    Severity.FAILURE: "Read the message; grade the submission again when the cause is gone, or by hand.",
    Severity.NOTE: "",
}


def advise(code: str, severity: Severity) -> str:
    """Return what to do about a finding, in a sentence or two; "" where there is nothing to do."""
    if severity is Severity.NOTE:
        return ""
    return ADVICE.get(code) or _OTHERS[severity]
