"""The page of results says what the records say, and every threshold parts right from wrong."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "results"


def _load(name: str) -> ModuleType:
    sys.path.insert(0, str(TOOL))
    try:
        spec = importlib.util.spec_from_file_location(name, TOOL / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(TOOL))
    return module


records = _load("records")
make_results = _load("make_results")
RUNS, THRESHOLDS = records.read_records(ROOT / "exercises")
MACHINE = {"processor": "a CPU", "threads": 1, "torch": "2.13.0", "python": "3.11"}


def test_results_page_is_what_the_records_say() -> None:
    """docs/results.md is what `make results` writes today."""
    done = subprocess.run(
        [sys.executable, str(TOOL / "make_results.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("threshold", THRESHOLDS, ids=lambda each: f"{each.lab}-{each.question}")
def test_threshold_parts_the_solution_from_every_mistake(threshold: object) -> None:
    """All seeds of the solution pass, ten at least, and no seed of any mistake does."""
    assert len(threshold.solution) >= 10
    assert [seed for seed, value in threshold.solution.items() if not threshold.passes(value)] == []
    assert threshold.mutants
    for says, values in threshold.mutants.items():
        assert values, says
        assert [seed for seed, value in values.items() if threshold.passes(value)] == [], says


def test_damaged_record_is_named_with_the_missing_field(tmp_path: Path) -> None:
    """A record without a machine is an error that names file and field."""
    path = tmp_path / "09-new" / "records" / "run.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"run": "x", "result": {"a": 1}, "settings": {}, "epochs": []}))
    with pytest.raises(records.RecordError, match=r"run\.json: KeyError: 'machine'"):
        records.read_records(tmp_path)


def test_nearest_mistake_is_the_one_closest_to_the_limit() -> None:
    """Among two wrong answers the table shows the better one, with its whole range."""
    mutants = {"far": {"0": 0.2, "1": 0.3}, "near": {"0": 0.8, "1": 0.6}}
    one = records.Threshold("L", "q", "accuracy", "higher", 0.9, {"0": 0.95, "1": 0.99}, mutants, MACHINE)
    page = make_results.format_page([], [one])
    assert "| L | `q` | accuracy | ≥ 0.9 | 0.95 to 0.99 | 2 | near | 0.6 to 0.8 |" in page


def test_all_runs_name_their_seed_and_machine() -> None:
    """Every record tells what it takes to run it again."""
    assert RUNS
    for run in RUNS:
        assert run.seed is not None, run.name
        assert set(MACHINE) <= set(run.machine), run.name
        assert run.result, run.name
