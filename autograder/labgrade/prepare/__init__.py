"""From what a student handed in to what will run, matched with the lab cell by cell."""

from labgrade.prepare.frame import CellFrame, NotebookFrame
from labgrade.prepare.submission import Prepared, prepare_submission

__all__ = ["CellFrame", "NotebookFrame", "Prepared", "prepare_submission"]
