"""Bombs end quickly, with a named cause, and do not take the machine's memory; work that fits passes."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from conftest import run_script, users
from labgrade.confine import Level, available
from scenarios import MEMORY_MIB, SCRATCH_MIB
from test_confine_trees import Scene, none_left

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="these layers are Linux's"),
    pytest.mark.skipif(not available().level.reaches(Level.NO_NAMESPACES), reason="no confinement here"),
]

# What the student sees; the process itself goes on and could still answer.
ERRORS = {
    "bomb_on_the_heap": {"MemoryError"},
    "bomb_of_one_request": {"MemoryError"},
    "bomb_of_shared_memory": {"OSError", "MemoryError"},
    "bomb_of_temporary_files": {"OSError"},
    "bomb_of_anonymous_files": {"PermissionError"},
}
LEVELS = ["full", "no-namespaces"]


@cache
def _results(user: str, level: str) -> dict[str, dict[str, object]]:
    """Run all bombs, and the work that fits, one after the other in one grader."""
    names = [*ERRORS, "bomb_of_threads", "work_that_fits"]
    if level == "no-namespaces":
        names.remove("bomb_of_temporary_files")  # files are not counted there; docs/threat-model.md says so
    done = run_script(user, "scenarios.py", ",".join(names), level, "unused")
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, object]] = {}
    facts: dict[str, object] = {}
    for line in done.stdout.splitlines():
        facts |= json.loads(line)
        if "cause" in facts:
            found[str(facts["name"])] = facts
            facts = {}
    return found


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("user", users())
def test_bomb_of_one_process_becomes_an_exception(user, level):
    """The system refuses the request that is too much, within the budget, and the process can go on."""
    results = _results(user, level)
    for name in ERRORS.keys() & results.keys():
        facts = results[name]
        assert facts["result"] in ERRORS[name], name
        assert facts["cause"] == "exited", name
        assert float(str(facts["peak_mib"])) < MEMORY_MIB + SCRATCH_MIB + 200, name
    assert len(ERRORS.keys() & results.keys()) >= len(ERRORS) - 1


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("user", users())
def test_bomb_of_threads_is_stopped_early(user, level):
    """Threads are counted, or their stacks fill the address space."""
    error, _, started = str(_results(user, level)["bomb_of_threads"]["result"]).partition(" after ")
    assert error in {"RuntimeError", "MemoryError"}
    assert int(started) < 200


@pytest.mark.parametrize("user", users())
def test_bomb_of_processes_is_ended_for_its_memory(user):
    """Each process keeps its own limit, and the watch over the whole tree ends them all."""
    with Scene(user, "bomb_of_processes", "full") as scene:
        facts = scene.read_until("cause")
        assert facts["cause"] == "memory"
        assert none_left(scene.mark)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("user", users())
def test_work_within_the_budget_passes(user, level):
    """What the budget promises can really be used."""
    facts = _results(user, level)["work_that_fits"]
    assert (facts["result"], facts["cause"]) == ("done", "exited")
