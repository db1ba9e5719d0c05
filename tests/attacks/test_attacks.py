"""Every submission of the corpus gets what its real work deserves, and leaves nothing behind."""

from __future__ import annotations

import collections
import hashlib
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from attack_corpus import ALL
from attack_corpus.attack import FULL, Attack
from rig import grade, litter, survivors

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
