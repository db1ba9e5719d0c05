"""What a student should know about a submission, in words; the rest of the findings is for assistants."""

from __future__ import annotations

from collections.abc import Iterable

from labgrade.model import Finding

__all__ = ["FOR_ASSISTANTS", "NOTICES", "notices_of"]

_LEFT_OUT = "A file was left out: its name or its kind is not one that can be graded."
_TOO_MUCH = "Some files were left out, because what was handed in is very large."
_ADMIN = "Please ask your teachers: this part could not be graded, and a person looks at it."

NOTICES: dict[str, str] = {
    "answer-below": "An answer stood in a new cell below the empty one; it was taken from there.",
    "answer-missing": "No cell was found for an answer; a person looks for it.",
    "cell-duplicated": "A cell was there more than once; the last copy with an answer counts.",
    "cell-edited": "A cell that belongs to the lab was changed; it was put back as it was handed out.",
    "cell-matched": "A cell had lost its label; it was recognised by its text.",
    "cell-moved": "A test stood before its answer; it was run after it.",
    "cell-restored": "A cell of the lab was missing; it was put back.",
    "cell-unreadable": "A part of the file is no notebook cell and could not be read.",
    "cells-parted": "Cells that had been merged were parted again.",
    "file-missing": "A file that you should hand in was not there; the one that was handed out was used.",
    "file-name": _LEFT_OUT,
    "file-refused": _LEFT_OUT,
    "file-renamed": "A file was recognised under another name.",
    "file-too-large": _TOO_MUCH,
    "file-unreadable": _LEFT_OUT,
    "folder-too-deep": _LEFT_OUT,
    "folder-unreadable": _LEFT_OUT,
    "grader-error": _ADMIN,
    "json-trailing-comma": "The notebook's file was damaged (a stray comma) and was mended.",
    "judge-ended": "A test could not be finished, because your code ended it or did not return.",
    "metadata-lost": "The notebook had lost the labels of its cells; its answers were found by their text.",
    "not-a-notebook": "A notebook could not be read: the file is not a notebook. A person looks at it.",
    "notebook-empty-file": "A notebook is an empty file. A person looks at it.",
    "notebook-encoding": "A notebook is not in UTF-8; letters such as é may be wrong.",
    "notebook-exported": "No notebook was handed in; a script or text file was taken for it.",
    "notebook-missing": "A notebook was not handed in.",
    "notebook-not-json": "A notebook could not be read: the file is damaged. A person looks at it.",
    "notebook-renamed": "A notebook was recognised under another name.",
    "notebook-too-large": "A notebook is too large to be read. A person looks at it.",
    "notebook-unknown": "A notebook is not part of this lab; it was not graded.",
    "notebook-version": "Several versions of a notebook were handed in; one of them was graded.",
    "submission-nested": "The notebooks stood in a folder of their own inside what you handed in.",
    "submission-timeout": "Your code used up all its time; what had run by then counts.",
    "submission-too-large": _TOO_MUCH,
    "test-not-run": "A test gave no verdict; it has no points.",
    "too-many-files": _TOO_MUCH,
    "worker-lost": _ADMIN,
}
"""Code of a finding -> the sentence. Fixed: a finding's own message may quote what is not for students."""

FOR_ASSISTANTS = frozenset(
    {
        "cell-id-unknown",
        "cell-retagged",
        "cell-type-changed",
        "engine-restarted",
        "file-in-the-way",
        "file-linked",
        "given-cell-missing",
        "given-failed",
        "metadata-ignored",
        "notebook-byte-order-mark",
        "notebook-format-3",
        "notebook-format-new",
        "score-out-of-range",
        "source-changed",
        "timestamp-invalid",
    }
)
"""Codes that change nothing a student could act on."""


def notices_of(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Return the sentences for the student, each once, with the cells or the notebook that it is about."""
    places: dict[str, list[str]] = {}
    for finding in findings:
        sentence = NOTICES.get(finding.code)
        if sentence is None:
            continue
        place = finding.cell if finding.cell and not finding.cell.startswith("#") else finding.notebook
        known = places.setdefault(sentence, [])
        if place and place not in known:
            known.append(place)
    return tuple(
        f"{sentence} ({', '.join(f'`{place}`' for place in names[:8])}{' …' if len(names) > 8 else ''})"
        if names
        else sentence
        for sentence, names in places.items()
    )
