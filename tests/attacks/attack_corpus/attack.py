"""What a submission of the corpus is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

POINTS = {"mean_rows": 3.0, "softmax": 2.0, "fit": 2.0, "count": 1.0}
FULL = sum(POINTS.values())

RIGHT = {
    "mean_rows": "def mean_rows(x):\n    return x.sum(axis=1) / x.shape[1]",
    "softmax": (
        "def softmax(z):\n"
        "    e = (z - z.max(dim=-1, keepdim=True).values).exp()\n"
        "    return e / e.sum(dim=-1, keepdim=True)"
    ),
    "fit": (
        "def fit(xs, ys):\n"
        "    dx, dy = xs - xs.mean(), ys - ys.mean()\n"
        "    w = float((dx * dy).sum() / (dx * dx).sum())\n"
        "    return w, float(ys.mean() - w * xs.mean())"
    ),
    "count": "def count_params(n_in, n_out):\n    return n_in * n_out + n_out",
}
WRONG = {
    "mean_rows": "def mean_rows(x):\n    return np.full(x.shape[0], -1.0)",
    "softmax": "def softmax(z):\n    return z",
    "fit": "def fit(xs, ys):\n    return 0.0, 100.0",
    "count": "def count_params(n_in, n_out):\n    return -1",
}

Mutation = Callable[[dict[str, Any]], object]
"""Changes the notebook in place, or returns the bytes that are handed in instead."""


@dataclass(frozen=True)
class Attack:
    """A submission.

    Args:
        name: unique.
        group: letter of the catalogue.
        number: of the catalogue's entry, as text, since some entries have variants.
        title: what it tries, or what is odd about it.
        deserved: points for the real work in it.
        cells: answers that are not the base's.
        before: code that runs first, in the first answer cell, above the function.
        after: code below the first function.
        base: the answers that are not named: wrong ones for an attack, right ones for an honest oddity.
        mutate: changes the notebook itself.
        files: other files of the submission, by relative path.
        arrange: changes the folder that is handed in, after everything is written there.
        exact: the score must be what is deserved, not less.
        finding: a finding whose code begins so must be there.
        follows: name of a submission that must be graded right before.
        cell_s: time limit of its cells and tests.

    """

    name: str
    group: str
    number: str
    title: str
    deserved: float = 0.0
    cells: Mapping[str, str] = field(default_factory=dict)
    before: str = ""
    after: str = ""
    base: Mapping[str, str] = field(default_factory=lambda: WRONG)
    mutate: Mutation | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    arrange: Callable[[Path], object] | None = None
    exact: bool = False
    finding: str = ""
    follows: str = ""
    cell_s: float = 15.0

    def answers(self) -> dict[str, str]:
        """Return the text of each answer cell."""
        texts = {name: dedent(self.cells.get(name, text)).strip("\n") for name, text in self.base.items()}
        parts = (dedent(self.before).strip("\n"), texts["mean_rows"], dedent(self.after).strip("\n"))
        return texts | {"mean_rows": "\n\n".join(part for part in parts if part)}


def attack(name: str, group: str, number: str, title: str, **more: Any) -> Attack:
    """Make an attack: wrong answers and a trick, worth nothing unless it says otherwise."""
    return Attack(name, group, number, title, **more)


def honest(name: str, number: str, title: str, **more: Any) -> Attack:
    """Make an honest oddity: right answers, worth all points exactly, unless it says otherwise."""
    return Attack(name, "H", number, title, **{"deserved": FULL, "base": RIGHT, "exact": True} | more)
