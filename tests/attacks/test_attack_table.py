"""The table of attacks goes on where it was stopped, and keeps nothing that a busy machine has decided."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from attack_corpus.attack import FULL, Attack
from rig import Course

_SOURCE = Path(__file__).parents[2] / "tools" / "bench" / "attack_table.py"
_SPEC = importlib.util.spec_from_file_location("attack_table", _SOURCE)
assert _SPEC is not None
table = importlib.util.module_from_spec(_SPEC)
sys.modules["attack_table"] = table
_SPEC.loader.exec_module(table)

CHOSEN = [entry for entry in table.ALL if entry.group == "A"][: table.BATCH + 2]


@pytest.fixture
def handed_in(course: Course, tmp_path: Path) -> Course:
    """Return a course with all that is measured here."""
    made = table.make_course(tmp_path / "course", course.services)
    control = next(entry for entry in table.ALL if entry.name == table.CONTROL)
    for entry in (control, *CHOSEN):
        made.hand_in(entry)
    return made


def _measure(
    course: Course, kept: object, monkeypatch: pytest.MonkeyPatch, control: list[float]
) -> list[str]:
    """Measure with an nbgrader that gives 1 point, and ``control`` to the honest one, time after time."""
    asked: list[str] = []

    def grade_plain(course: Course, base: Path, entry: Attack, timeout_s: float) -> tuple[float | None, str]:
        asked.append(entry.name)
        return (control.pop(0), "") if entry.name == table.CONTROL else (1.0, "")

    monkeypatch.setattr(table, "_grade_plain", grade_plain)
    found = table._measure_plain(course, Path("base"), CHOSEN, 1, 9.0, kept)
    assert found == [(1.0, "")] * len(CHOSEN)
    return asked


def test_table_of_a_busy_machine_keeps_what_was_measured_before(handed_in, tmp_path, monkeypatch):
    """The honest submission that fails takes its batch along; the next run measures that and no more."""
    state = tmp_path / "state.jsonl"
    with pytest.raises(table._TooBusyError, match=f"got 2.0 of {FULL:g}"):
        _measure(handed_in, table._Kept(state), monkeypatch, [FULL, 2.0])
    with state.open("a") as file:
        file.write('{"key": "torn')  # as a run leaves it that is killed while it writes
    rest = [entry.name for entry in CHOSEN[table.BATCH :]]
    assert _measure(handed_in, table._Kept(state), monkeypatch, [FULL]) == [*rest, table.CONTROL]
    assert _measure(handed_in, table._Kept(state), monkeypatch, []) == []


def test_key_follows_what_is_handed_in_and_not_where(course, handed_in, tmp_path):
    """Another folder is the same submission; another answer, or another limit, is not."""
    entry = CHOSEN[0]
    other = table.make_course(tmp_path / "elsewhere", course.services)
    folder = other.hand_in(entry)
    key = table._key(handed_in, entry, 9.0)
    assert table._key(other, entry, 9.0) == key
    assert table._key(other, entry, 8.0) != key
    (folder / "more.txt").write_text("x")
    assert table._key(other, entry, 9.0) != key


def test_rendered_table_depends_on_the_results_alone():
    """The same rows give the same bytes, with date, machine and version in the head."""
    rows = [table.Row(entry, 8.0, "", 0.0, ("tampered",)) for entry in CHOSEN]
    text = table.render(rows, "2026-11-20")
    assert text == table.render(rows, "2026-11-20")
    assert "Measured on 2026-11-20 on " in text
    assert f"| attacks | {len(CHOSEN)} |" in text
    assert "**8**" in text
