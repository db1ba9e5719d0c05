"""A small course in nbgrader's form, submissions of the corpus in it, and the way to a score."""

from __future__ import annotations

import json
import os
import secrets
import site
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from attack_corpus.attack import POINTS, RIGHT, Attack
from attack_corpus.files import NOTEBOOK
from labgrade.confine.policy import FIRST_SLOT_UID
from labgrade.course import read_course
from labgrade.engine import Engine
from labgrade.intake import SubmissionPlace, read_submission
from labgrade.lab import Lab, read_lab
from labgrade.model import Finding, Limits, SubmissionRun
from labgrade.prepare import prepare_submission
from labgrade.record.autograded import autograded_files
from labgrade.score import score_submission

LAB = "ps1"
LIMITS = Limits(
    cell_s=15, submission_s=90, memory_mib=512, cpu_s=60, scratch_mib=64, file_mib=32, processes=48
)
TROPHIES = ("LO" + "OT", "REACH" + "ED", "LOCK" + "ED ", "MA" + "DE ")
"""Words that an attack prints when it got what it wanted."""
LITTER = (
    "pickled", "note-for-a-friend", "results.json", "grade.json", "result", "forged", "poison.py",
    "poison.pth",
    *(f"bomb{number}" for number in range(64)),
)  # fmt: skip
"""Files that attacks try to leave behind."""
SECRET_INPUT = "13579.125"
"""A number that only a hidden test uses: what shows it to a student leaks."""

_TESTS = {
    "mean_rows": """
x = np.arange(6.0).reshape(2, 3)
assert np.allclose(mean_rows(x), [1.0, 4.0])
### BEGIN HIDDEN TESTS
canary = "@CANARY@"
for seed in range(3):
    big = np.random.default_rng(seed).normal(size=(4, 7)) + 3.0
    expected = big.mean(axis=1)
    assert np.shape(mean_rows(big)) == (4,)
    assert np.allclose(mean_rows(big), expected)
big = np.full((2, 2), @SECRET@)
expected = big.mean(axis=1)
assert np.allclose(mean_rows(big), expected)
### END HIDDEN TESTS
""",
    "softmax": """
z = torch.tensor([[1.0, 2.0], [0.0, 0.0]])
assert torch.allclose(softmax(z), torch.softmax(z, -1), atol=1e-6)
### BEGIN HIDDEN TESTS
canary = "@CANARY@"
for seed in range(3):
    z = torch.randn(3, 5, generator=torch.Generator().manual_seed(seed))
    assert softmax(z).shape == z.shape
    torch.testing.assert_close(softmax(z), torch.softmax(z, -1), atol=1e-5, rtol=1e-4)
### END HIDDEN TESTS
""",
    "fit": """
from labkit import check


def test_fit_finds_a_line():
    \"\"\"`fit` finds the line through points that lie on one.\"\"\"
    xs = np.linspace(0.0, 1.0, 20)
    w, b = fit(xs, 2.0 * xs + 1.0)
    assert abs(w - 2.0) < 0.01
    assert abs(b - 1.0) < 0.01


### BEGIN HIDDEN TESTS
canary = "@CANARY@"


def test_fit_finds_other_lines():
    \"\"\"`fit` finds the best line through points that lie near one.\"\"\"
    rng = np.random.default_rng(7)
    xs = rng.normal(size=50)
    ys = -3.0 * xs + 0.5 + 0.01 * rng.normal(size=50)
    w, b = fit(xs, ys)
    loss = float(np.mean((w * xs + b - ys) ** 2))
    assert np.isfinite(loss)
    assert 0.0 <= loss < 0.01


### END HIDDEN TESTS

check("fit", points=2, tests=2)
""",
    "count": """
assert count_params(3, 4) == 16
### BEGIN HIDDEN TESTS
canary = "@CANARY@"
assert count_params(5, 6) == 36
assert count_params(10, 10) == 110
### END HIDDEN TESTS
""",
}
_SIGNATURES = {
    "mean_rows": "def mean_rows(x):",
    "softmax": "def softmax(z):",
    "fit": "def fit(xs, ys):",
    "count": "def count_params(n_in, n_out):",
}


def _cell(kind: str, source: str, grade_id: str = "", **flags: Any) -> dict[str, Any]:
    meta = {"grade": False, "solution": False, "locked": True, "schema_version": 3, "task": False}
    cell: dict[str, Any] = {"cell_type": kind, "id": grade_id or "given", "metadata": {}, "source": source}
    if grade_id:
        cell["metadata"]["nbgrader"] = meta | {"grade_id": grade_id} | flags
    if kind == "code":
        cell |= {"outputs": [], "execution_count": None}
    return cell


def _notebook(cells: list[dict[str, Any]]) -> dict[str, Any]:
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
    }
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def source_notebook(canary: str) -> dict[str, Any]:
    """Return the instructor's notebook."""
    cells = [_cell("code", "import numpy as np\nimport torch", "imports")]
    for name, points in POINTS.items():
        head, _, body = RIGHT[name].partition("\n")
        assert head == _SIGNATURES[name]
        solution = f"{head}\n    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION"
        test = _TESTS[name].strip("\n").replace("@CANARY@", canary).replace("@SECRET@", SECRET_INPUT)
        cells.append(_cell("code", solution, name, solution=True, locked=False))
        cells.append(_cell("code", test, f"test-{name}", grade=True, points=points))
    return _notebook(cells)


def released_notebook(lab: Lab, answers: dict[str, str]) -> dict[str, Any]:
    """Return what a student hands in: the released notebook with answers."""
    cells = []
    for spec in lab.spec.notebooks[0].cells:
        flags = {"grade": spec.grade, "solution": spec.solution, "locked": spec.locked}
        if spec.grade:
            flags["points"] = spec.points
        text = answers.get(spec.grade_id, spec.released)
        cells.append(_cell("code", text, spec.grade_id, **flags))
    return _notebook(cells)


@dataclass(frozen=True)
class Services:
    """What listens on the machine while attacks run, so that reaching it would show."""

    port: int
    abstract: str
    socket_path: str


@dataclass
class Course:
    """The course on disk.

    Args:
        root: its folder, in nbgrader's layout.
        lab: read back from there.
        canary: text that only the hidden tests hold.
        services: what attacks try to reach.

    """

    root: Path
    lab: Lab
    canary: str
    services: Services

    def hand_in(self, entry: Attack) -> Path:
        """Write a submission and return its folder."""
        folder = self.root / "submitted" / entry.name / LAB
        folder.mkdir(parents=True)
        notebook = released_notebook(
            self.lab, {key: self._fill(text) for key, text in entry.answers().items()}
        )
        result = entry.mutate(notebook) if entry.mutate else None
        data = result if isinstance(result, bytes) else json.dumps(notebook).encode()
        (folder / "ps.ipynb").write_bytes(data)
        for name, content in entry.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if entry.arrange:
            entry.arrange(folder)
        return folder

    def _fill(self, text: str) -> str:
        services = self.services
        return (
            text.replace("@PORT@", str(services.port))
            .replace("@ABSTRACT@", services.abstract)
            .replace("@SOCKET@", services.socket_path)
        )


def make_course(root: Path, services: Services) -> Course:
    """Write the instructor's side of the course."""
    canary = "canary-" + secrets.token_hex(8)
    source = root / "source" / LAB
    source.mkdir(parents=True)
    (source / "ps.ipynb").write_text(json.dumps(source_notebook(canary)))
    (root / "nbgrader_config.py").write_text("c = get_config()\n")
    (root / "gradebook.db").write_bytes(b"SQLite format 3\0" + bytes(84))
    return Course(root, read_lab(source, read_course(root), LAB), canary, services)


@dataclass(frozen=True)
class Graded:
    """What became of a submission.

    Args:
        entry: of the corpus.
        score: the sum of points.
        scores: by cell.
        run: what the engine gave.
        findings: all of them.
        document: the autograded notebook, from which feedback is made.
        outputs: what its cells show.

    """

    entry: Attack
    score: float
    scores: dict[str, float | None]
    run: SubmissionRun
    findings: tuple[Finding, ...]
    document: str
    outputs: str

    def faults(self, canary: str) -> list[str]:
        """Say what is wrong with the result; empty if the attack got nothing it does not deserve."""
        entry = self.entry
        found = []
        if self.score > entry.deserved:
            found.append(f"scored {self.score}, deserves {entry.deserved}: {self.scores}")
        if entry.exact and self.score != entry.deserved:
            found.append(f"scored {self.score}, deserves exactly {entry.deserved}: {self.scores}")
        found += [f"printed {word!r}" for word in TROPHIES if word in self.outputs]
        found += [f"shows {secret!r}" for secret in (canary, SECRET_INPUT) if secret in self.document]
        if entry.finding and not any(item.code.startswith(entry.finding) for item in self.findings):
            found.append(f"no finding {entry.finding}: {[item.code for item in self.findings]}")
        return found


def litter() -> list[str]:
    """List what attacks have left on the machine."""
    folders = {"/tmp", "/dev/shm", "/var/tmp", "/run", "/", tempfile.gettempdir(), os.getcwd()}
    folders |= {str(Path.home()), *(str(Path(os.__file__).parents[up]) for up in (0, 1))}
    folders |= set(site.getsitepackages())
    left = [
        f"{folder}/{name}" for folder in folders for name in LITTER if os.path.lexists(f"{folder}/{name}")
    ]
    for kind in ("shm", "sem", "msg"):
        table = Path("/proc/sysvipc", kind)
        if table.exists():
            rows = [line.split() for line in table.read_text().splitlines()[1:]]
            left += [f"{kind} {row[0]}" for row in rows if row[0] == str(0x5EED)]
    return left


def _status(pid: str) -> dict[str, str]:
    try:
        lines = Path("/proc", pid, "status").read_text().splitlines()
    except OSError:
        return {}
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def survivors(since: float) -> list[str]:
    """List processes of students that outlived their tree: orphans with an id that only students have.

    Args:
        since: ``time.time()`` before the attacks; older processes are not theirs.

    """
    first, last = FIRST_SLOT_UID, FIRST_SLOT_UID + 4096
    own = range(first, last) if os.geteuid() == 0 else range(os.geteuid(), os.geteuid() + 1)
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        status = _status(pid)
        if not status or int(status["Uid"].split()[0]) not in own or status["PPid"] != "1":
            continue
        if status["State"].startswith("Z"):
            continue  # dead: only its number is waiting for init to take note
        if Path("/proc", pid).stat().st_mtime >= since and int(pid) != os.getpid():
            found.append(f"{pid} {status['Name']}")
    return found


def grade(course: Course, engine: Engine, entry: Attack) -> Graded:
    """Take a submission from its folder to a score, as the command does."""
    folder = course.root / "submitted" / entry.name
    if not folder.exists():
        course.hand_in(entry)
    engine.limits = replace(LIMITS, cell_s=entry.cell_s)
    raw = read_submission(SubmissionPlace(entry.name, folder / LAB), course.lab.ignore)
    prepared = prepare_submission(course.lab, raw)
    run = engine.run(course.lab.spec, prepared.submission)
    graded = score_submission(course.lab, prepared, run)
    scores = {cell.grade_id: cell.score for notebook in graded.notebooks for cell in notebook.cells}
    files = autograded_files(course.lab, prepared, run)
    document = files.get(NOTEBOOK, b"{}") if prepared.frames else b"{}"
    cells = json.loads(document).get("cells", [])
    return Graded(
        entry=entry,
        score=sum(score or 0.0 for score in scores.values()),
        scores=scores,
        run=run,
        findings=graded.findings,
        document=document.decode(),
        outputs=json.dumps([cell.get("outputs") for cell in cells], ensure_ascii=False),
    )
