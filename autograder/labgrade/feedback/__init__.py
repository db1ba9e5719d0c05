"""A page for each student: points, what each check found, comments, and the student's own work beside it."""

from labgrade.feedback.job import FeedbackSummary, Trouble, write_feedback

__all__ = ["FeedbackSummary", "Trouble", "write_feedback"]
