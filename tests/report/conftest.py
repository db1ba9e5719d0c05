"""What the tests of the report share: the made-up class, and its page."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

# importmode=importlib does not put this folder on the path; xdist workers need it as well.
sys.path.insert(0, str(Path(__file__).parent))

import made_class
from labgrade.report import read_results
from labgrade.report.classpage import FeedbackLinks, render_class_page
from labgrade.report.classview import ClassView, view_class

WRITTEN = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def class_of_300(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the results of 300 made-up students."""
    folder = tmp_path_factory.mktemp("class-300")
    made_class.write_class(folder, 300)
    return folder


@pytest.fixture(scope="session")
def view_of_300(class_of_300: Path) -> ClassView:
    """Return what the page of 300 shows; five more students have handed in nothing."""
    book = made_class.make_book(300, absent=5)
    return view_class(read_results(class_of_300), book)


@pytest.fixture(scope="session")
def page_of_300(view_of_300: ClassView) -> str:
    """Return the page of 300; everyone but the last ten has a feedback page."""
    students = frozenset(one.student for one in view_of_300.standings[:290])
    return render_class_page(view_of_300, feedback=FeedbackLinks("feedback/", students), written=WRITTEN)
