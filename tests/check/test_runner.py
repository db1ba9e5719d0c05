"""The warm process and its children."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from labbuild.check.jobs import Job, JobCell, JobResult
from labbuild.check.runner import Runner, open_runner, warm_modules


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    """One warm process for this file."""
    with open_runner(()) as started:
        yield started


def _run(runner: Runner, *sources: str, folder: str = "", **options: object) -> JobResult:
    cells = tuple(JobCell(i, source) for i, source in enumerate(sources))
    (result,) = runner.run([Job("job", cells, folder, **options)])  # type: ignore[arg-type]
    return result


def test_cells_of_a_job_share_names_and_show_their_last_value(runner: Runner) -> None:
    """Cells run in order in one namespace; a last expression is the result unless a semicolon hides it."""
    result = _run(runner, "x = 2", "print('hi')\nx + 1", "x;", "%matplotlib inline\nif x:\n    y = 1")
    assert [result.cells[i].state for i in range(4)] == ["ok"] * 4
    assert [result.cells[i].result for i in range(4)] == [None, "3", None, None]
    assert result.cells[1].shown == "hi\n"
    assert result.problem == ""


def test_cell_with_an_error_names_it_and_its_line(runner: Runner) -> None:
    """An error costs its cell only; its line is the line of the cell."""
    result = _run(runner, "a = 1\n1 / 0", "a", "def f(:")
    assert result.cells[0].state == "error"
    assert result.cells[0].error == "ZeroDivisionError: division by zero"
    assert result.cells[0].error_line == 2
    assert result.cells[1].result == "1"
    assert result.cells[2].error.startswith("SyntaxError")


def test_job_that_stops_on_error_leaves_the_rest_out(runner: Runner) -> None:
    """With stop_on_error nothing runs after the first failing cell."""
    assert list(_run(runner, "1 / 0", "2", stop_on_error=True).cells) == [0]


def test_cell_in_an_endless_loop_is_stopped_and_the_next_runs(runner: Runner) -> None:
    """Even a loop that swallows exceptions ends, and the notebook goes on."""
    loop = "import time\ntry:\n    time.sleep(60)\nexcept BaseException:\n    time.sleep(60)"
    result = _run(runner, loop, "5", cell_timeout_s=0.2)
    assert result.cells[0].state == "timed out"
    assert result.cells[1].result == "5"


def test_process_that_ends_itself_leaves_what_it_found(runner: Runner) -> None:
    """A cell that ends its process is named; the cells before it keep their results."""
    result = _run(runner, "1", "import os; os._exit(3)", "2")
    assert list(result.cells) == [0]
    assert result.problem == "ended the process"


def test_job_over_its_time_is_killed(runner: Runner) -> None:
    """A process that cannot be interrupted is killed when the job's time is over."""
    stuck = "import signal, time\nsignal.setitimer(signal.ITIMER_REAL, 0)\ntime.sleep(60)"
    result = _run(runner, "1", stuck, job_timeout_s=0.5)
    assert "used up the time" in result.problem
    assert list(result.cells) == [0]


def test_program_that_a_cell_starts_is_seen_and_ends_with_the_job(runner: Runner, tmp_path: Path) -> None:
    """What a shell line prints is part of what the cell shows; no program outlives its job."""
    alive = tmp_path / "alive"
    late = f"!(sleep 1; touch {alive}) &"
    result = _run(runner, "!echo from the shell", late, "3")
    assert result.cells[0].shown == "from the shell\n"
    assert result.cells[2].result == "3"
    time.sleep(1.3)
    assert not alive.exists()


def test_files_of_a_job_are_its_own(runner: Runner, tmp_path: Path) -> None:
    """A job sees a copy of the folder with its own texts in it; what it writes stays in the copy."""
    (tmp_path / "helper.py").write_text("value = 1\n", encoding="utf-8")
    (tmp_path / "data.txt").write_text("d", encoding="utf-8")
    jobs = [
        Job(
            str(i),
            (JobCell(0, "import helper; helper.value, open('data.txt', 'a').write('x')"),),
            str(tmp_path),
            files,
        )
        for i, files in enumerate([{}, {"helper.py": "value = 7\n"}])
    ]
    results = {result.key: result.cells[0].result for result in runner.run(jobs)}
    assert results == {"0": "(1, 1)", "1": "(7, 1)"}
    assert (tmp_path / "data.txt").read_text(encoding="utf-8") == "d"


def test_environment_of_a_job_is_set_and_unset(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables are given to one job and do not stay for the next."""
    probe = "import os; os.environ.get('NBGRADER_EXECUTION')"
    assert (
        _run(runner, probe, environment={"NBGRADER_EXECUTION": "autograde"}).cells[0].result == "'autograde'"
    )
    assert _run(runner, probe, environment={"NBGRADER_EXECUTION": None}).cells[0].result is None


def test_result_object_with_tests_is_read(runner: Runner) -> None:
    """A last value that carries tests gives their names, outcomes and messages."""
    source = (
        "from types import SimpleNamespace as N\n"
        "class Result:\n"
        "    tests = [N(name='test_a', title='A', outcome='failed', points=0, message='bias', cause='b')]\n"
        "    def __repr__(self): return '0.0'\n"
        "Result()"
    )
    cell = _run(runner, source).cells[0]
    assert cell.result == "0.0"
    assert [(test.name, test.outcome, test.message) for test in cell.tests] == [("test_a", "failed", "bias")]


def test_warm_modules_are_those_that_the_sources_import() -> None:
    """Only what a lab imports is loaded before the first fork."""
    assert warm_modules(["import numpy as np\nfrom torch.nn import GRU"]) == ("numpy", "torch")
    assert warm_modules(["x = 1"]) == ()
