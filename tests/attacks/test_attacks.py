"""Every submission of the corpus gets what its real work deserves, and leaves nothing behind."""

from __future__ import annotations

import collections
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from attack_corpus import ALL
from attack_corpus.attack import FULL, POINTS, Attack, honest
from labgrade.engine import Engine
from rig import LIMITS, grade, litter, survivors

STARTED = time.time()
BY_NAME = {entry.name: entry for entry in ALL}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the corpus aims at Linux")


@pytest.mark.parametrize("entry", ALL, ids=lambda entry: f"{entry.group}-{entry.name}")
def test_submission_gets_what_it_deserves(course, engine, entry: Attack):
    """No points for a trick, all points for honest work, and nothing hidden in what is shown."""
    if entry.follows:
        assert grade(course, engine, BY_NAME[entry.follows]).faults(course.canary) == []
    assert grade(course, engine, entry).faults(course.canary) == []
    assert litter() == []


def _digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "submitted" not in path.parts
    } | {"honest": hashlib.sha256((folder / "submitted/honest/ps1/ps.ipynb").read_bytes()).hexdigest()}


def test_honest_work_after_the_worst_is_graded_as_before(course, engine):
    """The same engine, the same course: nothing of what came before is there."""
    before = _digest(course.root)
    for name in ("fork-tree", "poison-the-process", "runaway", "honest-wrong", "honest-right"):
        result = grade(course, engine, BY_NAME[name])
        assert result.faults(course.canary) == []
    assert result.score == FULL
    assert _digest(course.root) == before
    assert survivors(STARTED) == []


def test_corpus_covers_the_catalogue():
    """At least a hundred submissions, every group, and no name twice."""
    assert len(ALL) >= 100
    groups = collections.Counter(entry.group for entry in ALL)
    assert set(groups) == set("ABCDEFGH")
    assert min(groups.values()) >= 8
    assert len(BY_NAME) == len(ALL)


SAMPLE = (
    "honest-wrong patch-allclose answer-later scan-memory search-file-system exit-in-test write-database "
    "raw-bytes catch-everything fork-tree memory-of-many runaway poison-libraries local-services "
    "data-loader-workers"
)
"""One or two of each group, for the run as an ordinary user."""

needs_root = pytest.mark.skipif(
    os.name == "posix" and os.geteuid() != 0, reason="only root can become nobody"
)


def _as_nobody(*names: str, timeout_s: float) -> dict[str, object]:
    here = Path(__file__).parent
    argv = [sys.executable, str(here.parent / "confine" / "as_nobody.py"), sys.executable]
    done = subprocess.run(
        [*argv, str(here / "run_corpus.py"), "full", *names],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@needs_root
def test_job_of_an_ordinary_user_gives_the_grades_of_roots(course, engine):
    """``labs grade`` as nobody: full confinement, the same points for each question, nothing left behind."""
    names = ["honest-right", "honest-wrong", "patch-builtins"]
    here = Path(__file__).parent
    argv = [sys.executable, str(here.parent / "confine" / "as_nobody.py"), sys.executable]
    done = subprocess.run(
        [*argv, str(here / "grade_job.py"), *names], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert (report["uid"], report["level"], report["left"]) == (65534, "full", []), report["said"]
    given = {
        row["student"]: {question: float(row[question]) for question in POINTS} for row in report["grades"]
    }
    roots = {name: grade(course, engine, BY_NAME[name]).scores for name in names}
    assert given == {
        name: {cell.removeprefix("test-"): score for cell, score in scores.items()}
        for name, scores in roots.items()
    }
    assert sum(given["honest-right"].values()) == FULL


def _check(report: dict[str, object], count: int) -> None:
    results = dict(report["results"])
    assert {name: result["faults"] for name, result in results.items() if result["faults"]} == {}
    assert len(results) == count
    assert (report["level"], report["survivors"]) == ("full", [])


@needs_root
def test_sample_as_an_ordinary_user_gets_what_it_deserves():
    """The same verdicts without root: nothing here rests on the grader's own rights."""
    names = SAMPLE.split()
    _check(_as_nobody(*names, timeout_s=280), len(names))


@pytest.mark.slow
@pytest.mark.timeout(1500)
@needs_root
def test_whole_corpus_as_an_ordinary_user_gets_what_it_deserves():
    """All of it as nobody."""
    _check(_as_nobody(timeout_s=1400), len(ALL))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_honest_work_beside_bombs_is_graded_as_ever(course):
    """While one engine grades bombs without pause, another's submissions get all their points."""
    bombs = [
        "fork-tree",
        "fork-bomb",
        "thread-bomb",
        "heap-bomb",
        "memory-of-many",
        "shared-memory-bomb",
        "output-flood",
    ]
    failed: list[object] = []
    ready, done = threading.Event(), threading.Event()

    def bomb() -> None:
        with Engine(LIMITS) as engine:
            ready.set()
            while not done.is_set():
                failed.extend(grade(course, engine, BY_NAME[name]).faults(course.canary) for name in bombs)

    thread = threading.Thread(target=bomb)
    with Engine(LIMITS) as engine:
        thread.start()
        ready.wait()
        results = [grade(course, engine, entry) for entry in ALL if entry.group == "H" for _ in range(2)]
        done.set()
        thread.join()
    assert [result.faults(course.canary) for result in results] == [[]] * len(results)
    assert all(faults == [] for faults in failed)


@needs_root
def test_children_one_after_the_other_have_different_users(course, engine):
    """The kernel counts processes by user, so a shared id would let one student use up another's."""
    before = "import os\nprint('UID', os.getuid())"
    shown = [
        grade(course, engine, honest(f"user-{turn}", "65", "tells its user", before=before)).outputs
        for turn in range(2)
    ]
    users = [re.search(r"UID (\d+)", text) for text in shown]
    assert all(users)
    assert users[0][1] != users[1][1]
