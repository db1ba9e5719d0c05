"""Whatever stops a batch, the next run ends with the same gradebook, and every fault has a name."""

from __future__ import annotations

import errno
import io
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from labgrade.config import Options
from labgrade.errors import MachineError
from labgrade.job import JobPlan, JobSummary, run_job
from labgrade.lab import Lab
from labgrade.model import Limits
from labgrade.planning import plan_folder
from labgrade.progress import LineListener
from labgrade.result import GradedSubmission
from sqlalchemy import create_engine, text

SOURCE = Path(__file__).parents[1] / "courses" / "plain" / "source" / "ps1"
FAKE = Path(__file__).parent / "fake_engine"
BATCH = 60

Notebook = dict[str, Any]


@pytest.fixture(autouse=True)
def _fake_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the fake engine into every worker; the grader's version stays the same meanwhile."""
    monkeypatch.setenv("PYTHONPATH", str(FAKE))
    monkeypatch.setattr("labgrade.job.grader_version", lambda: "fixed")
    monkeypatch.setattr("labgrade.executor.local.LocalExecutor._share_hub", lambda _: None)


@pytest.fixture
def write_batch(
    lab: Lab, release: Callable[[Lab], dict[str, Notebook]], write_submission: Any, tmp_path: Path
) -> Callable[..., Path]:
    """Return a function that writes a batch, every third right; ``special`` adds a line to an answer."""

    def write(count: int = BATCH, special: dict[str, str] | None = None, sleep_s: float = 0.0) -> Path:
        for number in range(count):
            student = f"s{number:03d}"
            notebooks = release(lab)
            for cell in notebooks["numbers.ipynb"]["cells"]:
                grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
                if grade_id == "total":
                    body = "return sum(values)" if number % 3 == 0 else "return None"
                    line = (special or {}).get(student, f"# engine: sleep {sleep_s}")
                    cell["source"] = f"{line}\ndef total(values):\n    {body}"
            write_submission(tmp_path / "in" / student, notebooks)
        return tmp_path / "in"

    return write


def _plan(folder: Path, out: Path, **options: Any) -> JobPlan:
    return plan_folder(folder, str(SOURCE), Options(out=str(out), **({"jobs": 1} | options)))


def _run(plan: JobPlan, listener: Any = None) -> tuple[JobSummary, dict[str, GradedSubmission]]:
    summary = run_job(plan, listener or LineListener(io.StringIO()))
    results = {result.student: result for result in summary.results()}
    summary.journal.close()
    return summary, results


def _dump(out: Path) -> list[tuple[Any, ...]]:
    """Return all grades and comments of a gradebook in a fixed order."""
    engine = create_engine(f"sqlite:///{out / 'gradebook.db'}")
    base = (
        "SELECT s.student_id, n.name, b.name, x.* FROM {0} x "
        "JOIN submitted_notebook sn ON x.notebook_id = sn.id "
        "JOIN submitted_assignment s ON sn.assignment_id = s.id JOIN base_cell b ON x.cell_id = b.id "
        "JOIN notebook n ON sn.notebook_id = n.id ORDER BY 1, 2, 3, b.type"
    )
    with engine.connect() as connection:
        rows = [
            tuple(row)
            for table in ("grade", "comment")
            for row in connection.execute(text(base.format(table)))
        ]
    engine.dispose()
    return [row[:3] + row[6:] for row in rows]  # without the three ids that are random


def _autograded(out: Path) -> dict[str, bytes]:
    root = out / "autograded"
    return {
        str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
    }


def _start(folder: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "labs.cli",
        "grade",
        str(folder),
        "--lab",
        str(SOURCE),
        "--out",
        str(out),
    ]
    return subprocess.Popen([*command, "--jobs", "2"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def _wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes], timeout_s: float = 60) -> None:
    end = time.monotonic() + timeout_s
    while not condition() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.002)


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _workers_of(out: Path) -> list[int]:
    """Return the ids of living workers that write their log into the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if "labgrade.executor.worker" in (entry / "cmdline").read_text() and str(out) in os.readlink(
                entry / "fd/2"
            ):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks for processes in /proc")


@pytest.fixture
def reference(write_batch: Any, tmp_path: Path) -> tuple[Path, list[tuple[Any, ...]], dict[str, bytes]]:
    """Return a folder of submissions with what an uninterrupted run makes of it."""
    folder = write_batch()
    _run(_plan(folder, tmp_path / "whole"))
    return folder, _dump(tmp_path / "whole"), _autograded(tmp_path / "whole")


def _kill_and_rerun(folder: Path, out: Path, conditions: list[Callable[[], bool]]) -> None:
    for condition in conditions:
        process = _start(folder, out)
        _wait_for(condition, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
        end = time.monotonic() + 1
        while _workers_of(out) and time.monotonic() < end:
            time.sleep(0.01)
        assert _workers_of(out) == [], "a worker lives on one second after the grader"
        assert process.stdout is not None
        process.stdout.close()


@needs_proc
def test_killed_batch_run_again_gives_the_same_gradebook(reference: Any, tmp_path: Path) -> None:
    """SIGKILL while workers start, after the first notebook, after the first batch; no orphans."""
    folder, grades, notebooks = reference
    out = tmp_path / "killed"
    journal = out / "journal.jsonl"
    _kill_and_rerun(
        folder,
        out,
        [
            lambda: (out / "logs").exists(),
            lambda: any((out / "autograded").glob("*/ps1")),
            lambda: _lines(journal) >= 25,
        ],
    )
    assert 25 <= _lines(journal) < BATCH
    summary, _ = _run(_plan(folder, out))
    assert summary.kept >= 25
    assert summary.kept + summary.graded == BATCH
    assert _dump(out) == grades
    assert _autograded(out) == notebooks


@needs_proc
@pytest.mark.slow
def test_killed_at_50_moments_gives_the_same_gradebook(reference: Any, tmp_path: Path) -> None:
    """SIGKILL at random times after the start, again and again, with new folders in between."""
    folder, grades, notebooks = reference
    generator = random.Random(7)
    for number in range(50):
        out = tmp_path / f"killed-{number // 5}"
        moment = time.monotonic() + generator.uniform(0.2, 2.5)
        _kill_and_rerun(folder, out, [lambda moment=moment: time.monotonic() >= moment])  # type: ignore[misc]
        if number % 5 == 4:
            _run(_plan(folder, out))
            assert _dump(out) == grades
            assert _autograded(out) == notebooks


def test_ctrl_c_keeps_what_is_done_and_the_next_run_goes_on(write_batch: Any, tmp_path: Path) -> None:
    """The first run says that it stopped, with exit code 1; the second does only the rest."""
    folder, out = write_batch(40, sleep_s=0.05), tmp_path / "out"
    process = _start(folder, out)
    _wait_for(lambda: sum(1 for _ in (out / "autograded").glob("*/ps1")) >= 5, process)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"stopped" in output
    assert b"Traceback" not in output
    done = _lines(out / "journal.jsonl")
    assert 5 <= done < 40
    summary, results = _run(_plan(folder, out))
    assert (summary.kept, summary.graded) == (done, 40 - done)
    assert len(results) == 40


def test_second_run_does_nothing_and_changes_nothing(write_batch: Any, tmp_path: Path) -> None:
    """All is kept: same gradebook, same files, nothing run."""
    folder, out = write_batch(6), tmp_path / "out"
    _run(_plan(folder, out))
    before = _dump(out), _autograded(out)
    summary, results = _run(_plan(folder, out))
    assert (summary.kept, summary.graded) == (6, 0)
    assert len(results) == 6
    assert (_dump(out), _autograded(out)) == before


def test_changed_submission_and_changed_lab_are_graded_again(
    write_batch: Any, tmp_path: Path, release: Any, lab: Lab, write_submission: Any
) -> None:
    """Exactly what changed is run: one submission, then all of them for a changed test."""
    folder, out = write_batch(4), tmp_path / "out"
    source = tmp_path / "ps1"
    subprocess.run(["cp", "-r", str(SOURCE), str(source)], check=True)
    plan = plan_folder(folder, str(source), Options(jobs=1, out=str(out)))
    _run(plan)
    write_submission(folder / "s001", release(lab), {"mine.py": b"# changed"})
    summary, _ = _run(plan)
    assert (summary.kept, summary.graded) == (3, 1)
    notebook = json.loads((source / "numbers.ipynb").read_text())
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "test-total":
            cell["source"] = "assert total([1, 2]) is None"
    (source / "numbers.ipynb").write_text(json.dumps(notebook))
    summary, results = _run(plan_folder(folder, str(source), Options(jobs=1, out=str(out))))
    assert (summary.kept, summary.graded) == (0, 4)
    assert [_points(results[f"s{number:03d}"], "test-total") for number in (0, 2)] == [0.0, 2.0]


def _points(result: GradedSubmission, grade_id: str) -> float | None:
    return next(cell.score for page in result.notebooks for cell in page.cells if cell.grade_id == grade_id)


@pytest.mark.parametrize("lost", ["gradebook", "autograded", "journal", "one-notebook-torn"])
def test_lost_output_is_made_again(write_batch: Any, tmp_path: Path, lost: str) -> None:
    """A gradebook comes back from the journal without a run; notebooks need one."""
    folder, out = write_batch(4), tmp_path / "out"
    _run(_plan(folder, out))
    before = _dump(out), _autograded(out)
    if lost == "gradebook":
        (out / "gradebook.db").unlink()
    elif lost == "journal":
        (out / "journal.jsonl").unlink()
    elif lost == "autograded":
        subprocess.run(["rm", "-r", str(out / "autograded")], check=True)
    else:
        path = out / "autograded" / "s000" / "ps1" / "numbers.ipynb"
        path.chmod(0o600)
        path.write_bytes(b"")
    summary, _ = _run(_plan(folder, out))
    assert summary.graded == {"gradebook": 0, "journal": 4, "autograded": 4, "one-notebook-torn": 1}[lost]
    assert (_dump(out), _autograded(out)) == before


def test_timestamp_that_is_no_date_is_named(write_batch: Any, tmp_path: Path) -> None:
    """nbgrader does not grade such a submission; here it is graded, and a person is told."""
    folder = write_batch(1)
    (folder / "s000" / "timestamp.txt").write_text("tomorrow, perhaps")
    _, results = _run(_plan(folder, tmp_path / "out"))
    assert [finding.code for finding in results["s000"].findings] == ["timestamp-invalid"]
    assert _points(results["s000"], "test-total") == 2.0


def test_regrade_runs_all_and_gives_the_same(write_batch: Any, tmp_path: Path) -> None:
    """``--regrade`` does not look at the journal."""
    folder, out = write_batch(3), tmp_path / "out"
    _run(_plan(folder, out))
    before = _dump(out)
    summary, _ = _run(_plan(folder, out, regrade=True))
    assert (summary.kept, summary.graded) == (0, 3)
    assert _dump(out) == before


def test_worker_that_dies_once_is_replaced_and_the_submission_graded(
    write_batch: Any, tmp_path: Path
) -> None:
    """The retry succeeds; nobody notices."""
    folder = write_batch(6, special={"s003": f"# engine: die_once {tmp_path / 'marker'}"})
    summary, results = _run(_plan(folder, tmp_path / "out"))
    assert (tmp_path / "marker").exists()
    assert len(results) == 6
    assert _points(results["s003"], "test-total") == 2.0
    assert summary.failed == {}


def test_submission_that_always_kills_its_worker_is_set_aside(write_batch: Any, tmp_path: Path) -> None:
    """After two tries it is named and waits for a person; the others are graded; the next run tries again."""
    folder = write_batch(6, special={"s003": "# engine: die"})
    out = tmp_path / "out"
    summary, results = _run(_plan(folder, out))
    assert set(summary.failed) == {"s003"}
    assert [finding.code for finding in results["s003"].findings] == ["worker-lost"]
    assert _points(results["s003"], "test-total") is None
    assert _points(results["s000"], "test-total") == 2.0
    again, _ = _run(_plan(folder, out))
    assert (again.kept, again.graded) == (5, 1)


def test_engine_that_fails_is_the_graders_fault_and_costs_no_marks(write_batch: Any, tmp_path: Path) -> None:
    """An exception of ours leaves the points open and says so."""
    folder = write_batch(3, special={"s001": "# engine: fail"})
    out = tmp_path / "out"
    _, results = _run(_plan(folder, out))
    assert [finding.code for finding in results["s001"].findings] == ["grader-error"]
    assert _points(results["s001"], "test-total") is None
    assert "the engine failed" in (out / "logs" / "s001.log").read_text()


def test_worker_that_does_not_answer_is_replaced(
    write_batch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stuck worker is ended after the submission's time and some grace."""
    monkeypatch.setattr("labgrade.executor.local.GRACE_S", 0.2)
    folder = write_batch(2, special={"s000": "# engine: sleep 600"})
    plan = _plan(folder, tmp_path / "out", submission_timeout=0.5)
    summary, results = _run(plan)
    assert set(summary.failed) == {"s000"}
    assert "did not answer" in results["s000"].findings[0].message


def test_machine_without_sandbox_is_refused_when_strict(write_batch: Any, tmp_path: Path) -> None:
    """Nothing is graded, and the message is the engine's."""
    with pytest.raises(MachineError, match="no sandbox"):
        _run(_plan(write_batch(2), tmp_path / "out", sandbox="strict"))


def test_raised_limit_grades_again_only_what_hit_one(write_batch: Any, tmp_path: Path) -> None:
    """Other limits concern those results that a limit decided."""
    from dataclasses import replace

    from labgrade.journal import Entry, Journal

    folder, out = write_batch(3), tmp_path / "out"
    plan = _plan(folder, out)
    _run(plan)
    journal = Journal(out / "journal.jsonl")
    entry = journal.read("s001")
    journal.append([Entry(replace(entry.result, limits_hit=True), entry.files)])
    journal.close()
    summary, _ = _run(plan)
    assert (summary.kept, summary.graded) == (3, 0)
    summary, _ = _run(replace(plan, limits=Limits(cell_s=99)))
    assert (summary.kept, summary.graded) == (2, 1)


class _LockAtFirst(LineListener):
    """Locks the gradebook when the first submission is graded, as a formgrader might."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.StringIO())
        self._path = path
        self.connection: sqlite3.Connection | None = None

    def graded(self, result: GradedSubmission) -> None:
        if self.connection is None:
            self.connection = sqlite3.connect(self._path, isolation_level=None)
            self.connection.execute("BEGIN EXCLUSIVE")


@pytest.fixture
def locker(tmp_path: Path) -> Iterator[_LockAtFirst]:
    """Return a listener that locks the gradebook of ``out``."""
    listener = _LockAtFirst(tmp_path / "out" / "gradebook.db")
    yield listener
    if listener.connection is not None:
        listener.connection.close()


def test_gradebook_locked_in_mid_run_is_named_and_nothing_is_lost(
    write_batch: Any, tmp_path: Path, locker: _LockAtFirst, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was graded is in the journal and goes into the gradebook next time without a run."""
    monkeypatch.setattr("labgrade.record.gradebook.LOCK_WAIT_S", 0.05)
    folder, out = write_batch(5), tmp_path / "out"
    with pytest.raises(MachineError) as caught:
        _run(_plan(folder, out), locker)
    assert caught.value.code == "gradebook-locked"
    assert locker.connection is not None
    locker.connection.close()
    done = _lines(out / "journal.jsonl")
    assert done > 0
    summary, results = _run(_plan(folder, out))
    assert (summary.kept, summary.graded) == (done, 5 - done)
    assert len(results) == 5
    assert len({row[0] for row in _dump(out)}) == 5


def test_full_disk_is_named_and_the_next_run_completes(
    write_batch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The notebook that does not fit stops the job with a name; after making room it goes on."""
    folder, out = write_batch(5), tmp_path / "out"

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("labgrade.job.write_autograded", refuse)
        with pytest.raises(MachineError) as caught:
            _run(_plan(folder, out))
    assert caught.value.code == "disk-full"
    summary, results = _run(_plan(folder, out))
    assert summary.graded == 5
    assert len(results) == 5


def test_disk_that_is_really_full_is_named_and_the_next_run_completes(
    write_batch: Any, tmp_path: Path
) -> None:
    """On a small file system the job stops with a named error, and a rerun ends as if nothing had been."""
    folder = write_batch(12)
    own = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    script = str(Path(__file__).parent / "full_disk.py")
    try:
        tried = subprocess.run(
            [*own, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        pytest.skip(f"no full disk can be made here: {error}")
    if tried.returncode:
        pytest.skip(f"no full disk can be made here: {tried.stderr.strip()}")
    done = subprocess.run(
        [*own, sys.executable, script, str(folder), str(SOURCE), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout.splitlines()[-1])
    for entry in report:
        assert entry["same"], entry
        assert entry["again"], entry
        assert entry["code"] in (0, 1, 3), entry
        assert "Traceback" not in entry["said"], entry
        if entry["code"] == 3:
            assert re.search(r"No space left on device|disk is full", entry["said"]), entry
    assert sum(entry["code"] == 3 for entry in report) >= 2


def test_grade_five_times_gives_identical_scores(write_batch: Any, tmp_path: Path) -> None:
    """Two workers, any order: the same gradebook and the same notebooks each time."""
    folder = write_batch(12)
    runs = []
    for number in range(5):
        _run(_plan(folder, tmp_path / f"out-{number}", jobs=2))
        runs.append((_dump(tmp_path / f"out-{number}"), _autograded(tmp_path / f"out-{number}")))
    assert all(run == runs[0] for run in runs)
