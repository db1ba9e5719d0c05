"""The sample class of lab 02: who handed in what, and what it must be worth.

Points follow from the tests' shares in the lab: see the comments of ``Student.points``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import mangle
from answers import LOOPS, SCIPY, TORCH, WRONG

__all__ = ["MAX_POINTS", "STUDENTS", "Student"]

MAX_POINTS = {"rnn": 3.0, "gru": 5.0, "gru-as-rnn": 2.0, "gru-memory": 2.0, "mha": 5.0}
_FULL = dict(MAX_POINTS)
_NONE = dict.fromkeys(MAX_POINTS, 0.0)

Notebook = dict[str, Any]


@dataclass(frozen=True)
class Student:
    """One submission.

    Args:
        name: folder and id.
        what: one sentence: what is special about it.
        answers: question -> body of the function; questions that are missing stay as they were released.
        points: question -> points that it must get, with tests in a process apart.
        findings: codes of findings that a grader must report, at least.
        dangerous: its code must not be run without confinement.
        module: changes the text of ``implementation.py``, answers filled in.
        notebook: changes the notebook in place.
        notebook_name: name of the notebook's file.

    """

    name: str
    what: str
    answers: dict[str, str]
    points: dict[str, float]
    findings: tuple[str, ...] = ()
    dangerous: bool = False
    module: Callable[[str], str] = field(default=lambda text: text)
    notebook: Callable[[Notebook], None] = field(default=lambda notebook: None)
    notebook_name: str = "cells.ipynb"

    @property
    def total(self) -> float:
        """All points."""
        return sum(self.points.values())


STUDENTS = (
    Student("amara", "right, with NumPy loops", LOOPS, _FULL),
    Student("boris", "right, with torch arithmetic and tensors as results", TORCH, _FULL),
    Student("chloe", "right, with SciPy's sigmoid and softmax, float64, lists and odd shapes", SCIPY, _FULL),
    Student(
        "dmitri",
        "partly right: gates are soft, attention was not attempted",
        {
            "rnn": LOOPS["rnn"],
            "gru": LOOPS["gru"],
            "gru-as-rnn": WRONG["soft RNN"],
            "gru-memory": WRONG["soft memory"],
        },
        {**_FULL, "gru-as-rnn": 0.25, "gru-memory": 0.25, "mha": 0.0},
    ),
    Student(
        "elena",
        "partly right: reset gate before the product, no maximum in the softmax",
        {**LOOPS, "gru": WRONG["reset before"], "mha": WRONG["no maximum"]},
        {**_FULL, "gru": 0.5, "mha": 4.5},
    ),
    Student(
        "farid",
        "wrong: bias forgotten, z and 1 − z swapped, gates the wrong way, scale by √E",
        {
            "rnn": WRONG["bias forgotten"],
            "gru": WRONG["z swapped"],
            "gru-as-rnn": WRONG["z the wrong way"],
            "gru-memory": WRONG["memory shut"],
            "mha": WRONG["scale by E"],
        },
        {"rnn": 0.5, "gru": 0.5, "gru-as-rnn": 0.25, "gru-memory": 0.25, "mha": 0.75},
    ),
    Student(
        "grace",
        "wrong: loops over the batch, bias twice, softmax over the queries",
        {
            "rnn": WRONG["time first"],
            "gru-as-rnn": WRONG["bias twice"],
            "mha": WRONG["softmax over queries"],
        },
        {"rnn": 0.0, "gru": 0.0, "gru-as-rnn": 0.25, "gru-memory": 0.0, "mha": 0.25},
    ),
    Student("hugo", "empty: handed in as it was released", {}, _NONE),
    Student("ines", "a syntax error in implementation.py", LOOPS, _NONE, module=mangle.break_syntax),
    Student(
        "jonas",
        "an endless loop in rnn; the rest is right",
        {**LOOPS, "rnn": WRONG["endless loop"]},
        {**_FULL, "rnn": 0.0},
        dangerous=True,
    ),
    Student(
        "kira",
        "sys.exit when implementation.py is imported",
        LOOPS,
        _NONE,
        module=mangle.exit_at_import,
        dangerous=True,
    ),
    Student(
        "liam",
        "NaN from three functions",
        {**LOOPS, "rnn": WRONG["rnn NaN"], "gru": WRONG["gru NaN"], "mha": WRONG["mha NaN"]},
        {**_FULL, "rnn": 0.0, "gru": 0.0, "mha": 0.0},
    ),
    Student(
        "maya",
        "right, saved by Colab: other ids and metadata, outputs, no kernel language",
        TORCH,
        _FULL,
        notebook=mangle.save_with_colab,
    ),
    Student(
        "noor",
        "right, with a test cell and a scratch cell duplicated",
        LOOPS,
        _FULL,
        ("cell-duplicated",),
        notebook=mangle.duplicate_cells,
    ),
    Student(
        "oskar",
        "right, with the test cell of mha deleted",
        LOOPS,
        _FULL,
        ("cell-restored",),
        notebook=mangle.delete_test,
    ),
    Student(
        "priya",
        "right, with the notebook renamed by the browser",
        SCIPY,
        _FULL,
        ("notebook-renamed",),
        notebook_name="cells (1).ipynb",
    ),
    Student(
        "quinn",
        "right, with all metadata of the cells lost",
        LOOPS,
        _FULL,
        ("metadata-lost",),
        notebook=mangle.lose_metadata,
    ),
    Student(
        "rasmus",
        "hostile: looks for hidden tests, patches comparisons, ends the process",
        {},
        _NONE,
        module=mangle.make_hostile,
        dangerous=True,
    ),
    Student(
        "sofia",
        "objects that run a command when unpickled, and pickled bytes, for two answers; the rest is right",
        {**LOOPS, "rnn": WRONG["pickled states"], "mha": WRONG["pickled result"]},
        {**_FULL, "rnn": 0.0, "mha": 0.0},
        module=mangle.add_parcel,
    ),
    Student(
        "tomas",
        "nn.GRU called for gru, and its test made to pass always",
        {**LOOPS, "gru": WRONG["calls nn.GRU"]},
        {**_FULL, "gru": 0.0},
        ("cell-edited",),
        notebook=mangle.edit_test,
    ),
)
