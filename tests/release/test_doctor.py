"""`labs doctor`: each fault has its mend."""

from __future__ import annotations

import importlib.metadata
import json
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import labs.doctor
import pytest
from click.testing import CliRunner
from labs.doctor import doctor, examine
from labs.doctor_machine import check_confinement, check_disk, check_pdf, check_python
from labs.doctor_packages import check_kernel, check_nbgrader, check_requirements, explain_torch
from labs.doctor_report import Checkup, State

TORCH = {"torch": "2.13.0+cpu", "cuda": None, "gpu": False, "threads": 2}


def test_old_python_is_a_fault() -> None:
    """Python 3.10 cannot run the project; the mend names a newer one."""
    first = next(check_python((3, 10, 4)))
    assert first.state is State.FAULT
    assert "3.12" in first.mend
    assert next(check_python((3, 11, 0))).state is State.GOOD


def test_torchvision_of_another_build_is_explained() -> None:
    """The error that students meet is explained in words, with what works all the same."""
    error = "RuntimeError: operator torchvision::nms does not exist"
    pair = list(explain_torch({**TORCH, "torchvision_error": error}))
    assert [item.state for item in pair] == [State.GOOD, State.NOTE]
    assert "operator torchvision::nms does not exist" in pair[1].found
    assert "CPU-only" in pair[1].found
    assert "labkit" in pair[1].found
    assert "pip install torch torchvision" in pair[1].mend


@pytest.mark.parametrize(
    ("facts", "state", "part"),
    [
        ({"torch_error": "ImportError: libtorch.so"}, State.FAULT, "libtorch"),
        ({**TORCH, "torchvision": "0.28.0"}, State.GOOD, "goes with torch 2.13.0"),
        ({**TORCH, "torchvision": "0.21.0"}, State.NOTE, "not made for each other"),
        ({**TORCH, "torchvision_error": "OSError: x"}, State.NOTE, "OSError"),
        (TORCH, State.NOTE, "not installed"),
    ],
)
def test_torch_and_torchvision_are_judged_as_a_pair(
    facts: dict[str, object], state: State, part: str
) -> None:
    """A broken torch is a fault; a torchvision that does not fit is a note with the version to take."""
    last = list(explain_torch(facts))[-1]
    assert last.state is state
    assert part in last.found
    assert (last.mend == "") == (state is State.GOOD)


def test_requirements_are_compared_group_by_group() -> None:
    """What is missing or too old is named, with the extra that brings it."""
    installed = {"numpy": "1.20", "click": "8.2", "nbgrader": "0.9.6"}

    def version(name: str) -> str:
        if name not in installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return installed[name]

    wanted = [
        "click>=8.1",
        "numpy>=1.26",
        "nbgrader>=0.9.5; extra == 'grade'",
        "scipy>=1.12; extra == 'grade'",
        'jupytext<1.20,>=1.17; extra == "build"',
    ]
    groups = {item.name: item for item in check_requirements(wanted, version)}
    students = groups["packages for students"]
    assert students.state is State.FAULT
    assert "numpy 1.20 (wanted >=1.26)" in students.found
    assert "missing: jupytext" in groups["packages for building labs"].found
    assert "seqlabs[build]" in groups["packages for building labs"].mend
    assert "missing: scipy" in groups["packages for grading"].found
    assert groups["packages for data sets"].state is State.GOOD


def test_alembic_that_is_not_on_path_is_found_beside_python() -> None:
    """An environment that is not activated is the usual reason; the mend activates it."""
    (item,) = check_nbgrader(path="/nowhere")
    assert item.state is State.NOTE
    assert "activate" in item.mend


def test_full_disk_is_a_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Under half a GiB nothing can be built or graded safely."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage(2**40, 2**40, 2**20))
    (item,) = check_disk((tmp_path,))
    assert item.state is State.FAULT
    assert str(tmp_path) in item.found


def test_missing_chromium_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """PDF is optional; the note says what brings it."""
    monkeypatch.setenv("CHROMIUM", "/no/such/chromium")
    (item,) = check_pdf()
    assert item.state is State.NOTE
    assert "CHROMIUM" in item.mend


def test_kernel_and_confinement_of_this_machine_are_described() -> None:
    """Both are asked for real; what is weaker than full has words for it."""
    assert next(check_kernel()).name == "kernel"
    features = list(check_confinement())
    assert features[0].name == "confinement"
    assert all(item.found for item in features)


def test_confinement_below_the_floor_is_a_note_that_names_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that can only limit says so, and that grading on it is refused unless asked for."""
    from labgrade.confine import Feature, Features, Level, probe

    weak = Features(Level.LIMITS_ONLY, 0, False, False, False, "", (Feature("landlock", False, "not there"),))
    monkeypatch.setattr(probe, "available", lambda: weak)
    level, landlock = check_confinement()
    assert (level.state, landlock.state) == (State.NOTE, State.NOTE)
    assert level.found.startswith("limits-only: ")
    assert "--floor limits-only" in level.mend


def _good() -> Iterator[Checkup]:
    yield Checkup("a", State.GOOD, "fine")


def _broken() -> Iterator[Checkup]:
    raise OSError("no such device")


def _fault() -> Iterator[Checkup]:
    yield Checkup("b", State.FAULT, "broken", "mend it")


def test_check_that_breaks_is_a_fault_and_the_others_go_on() -> None:
    """The doctor never ends in a traceback."""
    found = examine((_broken, _good))
    assert [(item.state, item.found) for item in found] == [
        (State.FAULT, "could not be looked at: OSError: no such device"),
        (State.GOOD, "fine"),
    ]


@pytest.mark.parametrize(("checks", "code"), [((_good,), 0), ((_good, _fault), 3)])
def test_exit_code_says_whether_something_is_broken(
    checks: tuple[object, ...], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0 without a fault, 3 with one; the mend is shown and the JSON holds the same."""
    monkeypatch.setattr(labs.doctor, "examine", lambda: examine(checks))  # type: ignore[arg-type]
    done = CliRunner().invoke(doctor, [])
    assert done.exit_code == code
    assert ("mend: mend it" in done.output) == (code == 3)
    report = json.loads(CliRunner().invoke(doctor, ["--json"]).stdout)
    assert report["well"] == (code == 0)
    assert len(report["checks"]) == len(checks)
