"""The class page as text: what is capped, what is embedded, what it costs."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import made_class
import pytest
from labgrade.model import CellRun, CellState, NotebookRun, SubmissionRun
from labgrade.report import classpage, read_results
from labgrade.report.classpage import FeedbackLinks, format_duration, render_class_page, row_class
from labgrade.report.classview import ClassView, view_class
from labgrade.report.slow import Slowness
from labgrade.result import GradedNotebook, GradedSubmission, NotebookStatus
from labgrade.score import score_submission

WRITTEN = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


def _data(page: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="class-data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, object] = json.loads(found[1])
    return data


def test_page_embeds_every_student_once(page_of_300: str, view_of_300: ClassView) -> None:
    """The script's data have a row for each student, and points as the view has them."""
    rows = _data(page_of_300)["rows"]
    assert isinstance(rows, list)
    assert [row[0] for row in rows] == [one.student for one in view_of_300.standings]
    assert rows[7][2] == list(view_of_300.standings[7].points)
    assert rows[7][3] == view_of_300.standings[7].total


def test_page_loads_nothing(page_of_300: str) -> None:
    """No address but that of the feedback pages, no style attribute, a policy with hashes."""
    links = set(re.findall(r'(?:href|src)="([^"#][^"]*)"', page_of_300))
    assert all(re.fullmatch(r"feedback/s\d+\.html", link) for link in links)
    assert not re.search(r"<[^>]+\sstyle=", page_of_300)
    assert not re.search(r"<[^>]+\son\w+=", page_of_300)
    assert page_of_300.count("&#39;sha256-") == 4, "three style sheets and one script"


def test_page_with_points_by_hand_counts_them(page_of_300: str, view_of_300: ClassView) -> None:
    """Two thirds of the free text are graded by hand in the gradebook, and the total has them."""
    graded = [one for one in view_of_300.standings if one.by_hand]
    assert 150 < len(graded) < 250
    one = graded[0]
    assert one.points[-1] is not None
    assert one.total == pytest.approx(sum(p or 0 for p in one.points) + one.extra - one.penalty)
    assert f"<dd>{len(view_of_300.positions(lambda row: bool(row.open_cells)))}</dd>" in page_of_300


def test_page_of_a_large_class_caps_what_is_not_in_the_table(
    view_of_300: ClassView, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit the plain table says where the other rows are; the data have all of them."""
    monkeypatch.setattr(classpage, "STATIC_ROWS", 200)
    page = render_class_page(view_of_300, feedback=FeedbackLinks(), written=WRITTEN)
    plain = page.partition("<noscript>")[2].partition("</noscript>")[0]
    assert plain.count('<th scope="row">') == 200
    assert "shows the first 200 of 305 students" in plain
    rows = _data(page)["rows"]
    assert isinstance(rows, list)
    assert len(rows) == 305
    assert re.search(r"and [\d,]+ more</p>", page)


def test_page_without_anybody_still_stands(tmp_path: Path) -> None:
    """An empty class is told as such."""
    made_class.write_class(tmp_path, 0)
    page = render_class_page(
        view_class(read_results(tmp_path), None), feedback=FeedbackLinks(), written=WRITTEN
    )
    assert "Nobody has handed in anything." in page
    assert "No test failed." in page


@pytest.mark.slow
def test_page_of_20000_students_takes_seconds(tmp_path: Path) -> None:
    """Reading, counting and writing the page of 20,000 submissions takes less than 10 s of processor time."""
    made_class.write_class(tmp_path, 20_000)
    start = time.process_time()
    view = view_class(read_results(tmp_path), None)
    page = render_class_page(view, feedback=FeedbackLinks(), written=WRITTEN)
    seconds = time.process_time() - start
    assert len(page) < 8_000_000
    assert seconds < 10, seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.44, "0.4 s"),
        (59.0, "59.0 s"),
        (60, "1 min"),
        (3600, "1 h"),
        (5400, "1 h 30 min"),
        (200_000, "2 d 7 h"),
    ],
)
def test_durations_have_two_units_at_most(seconds: float, text: str) -> None:
    """Lateness is read at a glance."""
    assert format_duration(seconds) == text


def test_points_are_tinted_by_share() -> None:
    """Five steps from none to all; open points have none; a question without points is full."""
    assert [row_class(p, 4.0) for p in (None, 0, 0.5, 2, 3.9, 4, 5)] == [
        "open", "q0", "q1", "q2", "q3", "q4", "q4",
    ]  # fmt: skip
    assert row_class(0.0, 0.0) == "q4"


def test_slowest_cells_keep_the_slowest_and_their_place() -> None:
    """Of many notebooks a dozen stay, in order, with the cell's name."""
    slow = Slowness()
    for number in range(50):
        page = GradedNotebook(
            "n", NotebookStatus.GRADED, slowest_s=float(number % 37 + 1), slowest_cell=f"#{number}"
        )
        slow.add(number, GradedSubmission(f"s{number}", "", "", (page,)))
    cells = slow.cells()
    assert len(cells) == 12
    assert [cell.seconds for cell in cells] == sorted((float(n % 37 + 1) for n in range(50)), reverse=True)[
        :12
    ]
    assert (cells[0].position, cells[0].cell) == (36, "#36")


def test_score_names_the_slowest_cell() -> None:
    """A cell of the lab has its grade id, another its position."""
    from labgrade.course import read_course
    from labgrade.lab import read_lab
    from labgrade.model import PreparedCell, PreparedNotebook, PreparedSubmission
    from labgrade.prepare import Prepared

    course = Path(__file__).parents[1] / "courses" / "plain"
    lab = read_lab(course / "source" / "ps1", read_course(course))
    spec = lab.spec.notebooks[0]
    cells = (PreparedCell("x", "code"), PreparedCell("y", "code", spec.cell("total")))
    missing = PreparedNotebook(lab.spec.notebooks[1], (), missing=True)
    prepared = Prepared(PreparedSubmission("ada", (PreparedNotebook(spec, cells), missing)), {}, frozenset())
    for seconds, name in (((2.0, 1.0), "#1"), ((1.0, 2.0), "total")):
        ran = NotebookRun(spec.name, tuple(CellRun(CellState.OK, seconds=one) for one in seconds))
        result = score_submission(lab, prepared, SubmissionRun("ada", (ran,)))
        assert (result.notebooks[0].slowest_cell, result.notebooks[0].slowest_s) == (name, 2.0)
