"""A made-up class, the same for the same seed: names, abilities, known mistakes, findings, late work.

Also a script: ``python tests/report/made_class.py FOLDER [STUDENTS]`` writes one to look at.
"""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from labgrade.model import CellSpec, Finding, LabSpec, NotebookSpec, Outcome, Severity, TestOutcome
from labgrade.report.book import BookGrade, BookStudent, BookSubmission, Gradebook
from labgrade.report.files import write_csv, write_json
from labgrade.result import CellScore, GradedNotebook, GradedSubmission, NotebookStatus

_FIRST_NAMES = """
Amara Boris Chloé Dmitri Elena Farid Grace Hugo Inès Jonas Kira Liam Maya Noor Oskar Priya Quinn Rasmus
Sofia Tomáš Uma Victor Wiebke Xin Yusuf Zoë Anneliese Bartłomiej Çağla Đorđe Éva Fionn Gülsüm Håkon İpek
José Kateřina Łukasz Mónica Nguyễn Øyvind Petra Ruairí Siân Thành Ünal Vojtěch Wojciech
"""
FIRST = _FIRST_NAMES.split()
_LAST_NAMES = """
Abdi Berger Chen Dvořák Eriksen Fischer García Haddad Ivanov Jansen Kowalski López Müller Nakamura
O’Brien Petrović Quist Rossi Schmidt Tanaka Ueda Varga Weiß Xu Yılmaz Zhou Andersson Bianchi Costa Dubois
Fernández Gruber Huber Ito Jovanović Kaya Lindqvist Moreau Nowak Okafor Patel Ribeiro Sato Takahashi
Vogel Wagner
"""
LAST = _LAST_NAMES.split()

MISTAKES = {
    "rnn": [
        ("the bias was forgotten", 10),
        ("the hidden matrix was transposed", 4),
        ("the loop runs over the batch, not over time: `input_data` is time-major here", 3),
        ("the initial state was ignored", 2),
    ],
    "gru": [
        ("reset before the product: r must multiply h W + b, not h", 9),
        ("z and 1 − z were swapped", 8),
        ("the bias was forgotten", 2),
    ],
    "gru-as-rnn": [
        ("soft gates: r or z is near its value, but not exactly there", 7),
        ("the update gate is open: z must be 0 here", 5),
    ],
    "gru-memory": [("soft gates: the update gate is near 1, but not at 1, so the memory fades", 8)],
    "mha": [
        ("scores are scaled by √E instead of √(E / heads)", 8),
        ("softmax over the queries instead of the keys", 5),
        ("heads were not put back in order before the last product", 4),
    ],
}
TESTS = {
    "rnn": ["On the running example, `rnn` equals `nn.RNN`.", "`rnn` equals `nn.RNN` over 64 steps."],
    "gru": ["On the running example, `gru` equals `nn.GRU`.", "`gru` equals `nn.GRU` on other sizes."],
    "gru-as-rnn": ["On the running example, the GRU with your parameters equals the RNN."],
    "gru-memory": ["The state survives 1,000 steps with inputs in the hundreds."],
    "mha": [
        "On the running example, `mha` equals `nn.MultiheadAttention`.",
        "Scores in the thousands give numbers.",
    ],
}
MAX = {"rnn": 3.0, "gru": 5.0, "gru-as-rnn": 2.0, "gru-memory": 2.0, "mha": 5.0, "why": 3.0}
EASE = {"rnn": 1.3, "gru": 0.2, "gru-as-rnn": -0.1, "gru-memory": 0.4, "mha": -0.6, "why": 0.5}
DUE = datetime(2026, 11, 15, 22, 0)

SPEC = LabSpec(
    "02-recurrent-attention",
    (
        NotebookSpec(
            "cells",
            (
                *(
                    CellSpec(number, "code", "", "", f"test-{name}", grade=True, points=MAX[name])
                    for number, name in enumerate(TESTS)
                ),
                CellSpec(9, "markdown", "", "", "why", grade=True, solution=True, points=3.0),
            ),
        ),
    ),
    digest="made",
)

MESSAGE = (
    "called: outputs of {name}(…) with B={b}, T={t}, I=3, H=2\n"
    "expected: array of shape ({b}, {t}, 2), float32\n"
    "came back: array of shape ({b}, {t}, 2), float32; {wrong} of {all} values differ, first at [0, 0, 0]: "
    "{first:.5f} instead of {right:.5f}; largest error {error:.5f} absolute\n"
    "read: equations (2) to (5)"
)
CRASHES = [
    "ValueError: shapes (4,3) and (2,2) not aligned: 3 (dim 1) != 2 (dim 0)",
    "NameError: name 'sigmoid' is not defined",
    "TypeError: unsupported operand type(s) for @: 'list' and 'float'",
]
FINDINGS = [
    (
        Finding(
            "cell-edited",
            "the cell may not be changed; it is the lab's again",
            Severity.NOTE,
            "cells",
            "test-rnn",
        ),
        6,
    ),
    (Finding("notebook-renamed", "'cells (1).ipynb' was taken for 'cells.ipynb'", Severity.NOTE, "cells"), 8),
    (
        Finding(
            "metadata-lost",
            "nbgrader's metadata is gone; cells were matched by content",
            Severity.NOTE,
            "cells",
        ),
        4,
    ),
    (
        Finding(
            "cell-matched",
            "a cell without its id was taken for this answer (61 % alike)",
            Severity.LOOK,
            "cells",
            "why",
            "The update gate decides how much of the old state stays.\n\nWith z = 1 nothing is forgotten.",
            "*Write your answer here.*",
        ),
        2,
    ),
    (
        Finding(
            "answer-missing",
            "no cell was found that could be this answer; the likeliest is cell 19 (confidence 34%)",
            Severity.LOOK,
            "cells",
            "mha",
            "def attention(Wq, Wk, Wv, Wo, X):\n    heads = []\n    for q, k, v in zip(Wq, Wk, Wv):\n"
            "        heads.append(softmax((X @ q) @ (X @ k).T) @ (X @ v))\n    return concat(heads) @ Wo",
            "def mha(Wq, Wk, Wv, Wo, X):\n    # your code\n    raise NotImplementedError",
        ),
        2,
    ),
    (
        Finding(
            "notebook-version",
            "'cells-final.ipynb' lies beside the one that was graded",
            Severity.LOOK,
            "cells",
        ),
        2,
    ),
    (Finding("submission-timeout", "the submission used up its 600 s", Severity.FAILURE), 1),
]


def student_ids(count: int, seed: int = 2026) -> list[tuple[str, str, str]]:
    """Return (id, first, last) of a class; ids are unique."""
    draw = random.Random(seed)
    pairs = [(first, last) for first in FIRST for last in LAST]
    draw.shuffle(pairs)
    return [(f"s{26000 + number:05d}", *pairs[number % len(pairs)]) for number in range(count)]


@lru_cache(maxsize=4)
def make_submissions(count: int, seed: int = 2026) -> tuple[GradedSubmission, ...]:
    """Return the results of a class."""
    draw = random.Random(seed + 1)
    return tuple(_submission(student, draw) for student, _, _ in student_ids(count, seed))


def _submission(student: str, draw: random.Random) -> GradedSubmission:
    ability = draw.gauss(0.5, 1.1)
    handed = (
        DUE - timedelta(minutes=draw.expovariate(1 / 900)) + timedelta(minutes=90 * (draw.random() < 0.06))
    )
    findings = tuple(replace(finding) for finding, percent in FINDINGS if draw.random() * 100 < percent)
    stamp = handed.strftime("%Y-%m-%d %H:%M:%S UTC")
    if draw.random() < 0.01:
        lost = Finding("notebook-missing", "'cells.ipynb' was not handed in", Severity.LOOK, "cells")
        cells = tuple(
            CellScore(c.grade_id, _question(c.grade_id), 0.0, c.points, "test")
            for c in SPEC.notebooks[0].cells
        )
        return GradedSubmission(
            student,
            "d",
            "k",
            (GradedNotebook("cells", NotebookStatus.MISSING, cells),),
            (lost,),
            stamp,
            "full",
            1.0,
        )
    cells = [_cell(name, ability, draw) for name in TESTS]
    cells.append(CellScore("why", "why", None, 3.0, "manual"))
    slowest_s = round(draw.lognormvariate(0.6, 0.5), 3)
    notebook = GradedNotebook(
        "cells",
        NotebookStatus.GRADED,
        tuple(cells),
        {"why": None},
        slowest_s,
        draw.choice(["test-rnn", "test-gru", "#14", "mha"]),
    )
    return GradedSubmission(student, "d" + student, "k", (notebook,), findings, stamp, "full", slowest_s * 3)


def _question(grade_id: str) -> str:
    return grade_id.removeprefix("test-")


def _cell(name: str, ability: float, draw: random.Random) -> CellScore:
    worth = MAX[name] / len(TESTS[name])
    level = ability + EASE[name] + draw.gauss(0, 0.7)
    if level < -1.3:
        tests = tuple(
            TestOutcome(
                f"test_{name}_{n}", title, Outcome.NOT_ATTEMPTED, 0.0, worth, "Write your answer here."
            )
            for n, title in enumerate(TESTS[name])
        )
        return CellScore(f"test-{name}", name, 0.0, MAX[name], "test", tests, "apart")
    mistakes, weights = zip(*MISTAKES[name], strict=True)
    cause = draw.choices(mistakes, weights)[0]
    crash = draw.random() < 0.1
    tests_made = []
    for number, title in enumerate(TESTS[name]):
        is_right = level + draw.gauss(0, 0.35) > 0.1 * number
        seconds = round(draw.lognormvariate(-3, 0.8), 4)
        if is_right:
            one = TestOutcome(f"test_{name}_{number}", title, Outcome.PASSED, worth, worth, seconds=seconds)
        elif crash:
            text = f"called: {name}(…)\ncame back: {CRASHES[len(name) % 3]}\nit was at: line 7"
            one = TestOutcome(
                f"test_{name}_{number}", title, Outcome.CRASHED, 0.0, worth, text, seconds=seconds
            )
        else:
            text = _message(name, draw)
            one = TestOutcome(
                f"test_{name}_{number}", title, Outcome.FAILED, 0.0, worth, text, number > 0, cause, seconds
            )
        tests_made.append(one)
    return CellScore(
        f"test-{name}",
        name,
        sum(one.points for one in tests_made),
        MAX[name],
        "test",
        tuple(tests_made),
        "apart",
    )


def _message(name: str, draw: random.Random) -> str:
    b, t = draw.choice([(4, 12), (2, 7), (3, 64)])
    everything = b * t * 2
    return MESSAGE.format(
        name=name, b=b, t=t, wrong=draw.randint(1, everything), all=everything,
        first=draw.gauss(0, 1), right=draw.gauss(0, 1), error=abs(draw.gauss(0, 1)),
    )  # fmt: skip


def make_book(count: int, seed: int = 2026, absent: int = 0) -> Gradebook:
    """Return what a gradebook would know: names, due date, late work, and two thirds of ``why`` by hand."""
    draw = random.Random(seed + 2)
    submissions: dict[str, BookSubmission] = {}
    for number, result in enumerate(make_submissions(count, seed)):
        handed = datetime.strptime(result.timestamp, "%Y-%m-%d %H:%M:%S UTC")
        late_s = max(0.0, (handed - DUE).total_seconds())
        entry = BookSubmission(late_s, 1.0 if late_s else 0.0)
        if result.notebooks[0].status is NotebookStatus.GRADED and number % 3:
            level = min(3.0, max(0.0, round(draw.gauss(2.0, 0.9) * 2) / 2))
            entry.grades["cells", "why"] = BookGrade(
                None, level, 0.5 if number % 40 == 1 else 0.0, is_open=False
            )
        submissions[result.student] = entry
    students = {
        student: BookStudent(student, first, last)
        for student, first, last in student_ids(count + absent, seed)
    }
    released = {
        ("cells", "why"): "*Write your answer here.*",
        ("cells", "mha"): "def mha(Wq, Wk, Wv, Wo, X):\n    # your code\n",
    }
    return Gradebook(students, submissions, DUE, released)


def write_class(folder: Path, count: int, seed: int = 2026) -> Path:
    """Write ``results.json`` and ``grades.csv`` of a class, as ``labs grade`` does, and return the first."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results.json"
    about = {"sandbox": "full", "tests": "apart", "stopped": False}
    write_json(path, SPEC, make_submissions(count, seed), about=about)
    write_csv(folder / "grades.csv", SPEC, make_submissions(count, seed))
    return path


if __name__ == "__main__":
    write_class(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 300)
