"""What grading again changes: told before anything is published, by student and by check."""

from labgrade.regrade.diff import CheckChange, GradeDiff, StudentChange, compare_results
from labgrade.regrade.earlier import Earlier
from labgrade.regrade.text import format_diff

__all__ = ["CheckChange", "Earlier", "GradeDiff", "StudentChange", "compare_results", "format_diff"]
