"""Late penalties, by nbgrader's own plugin or the course's."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from labgrade.course import CourseSettings
from labgrade.errors import UsageError
from labgrade.record import schema

__all__ = ["PenaltyRule", "clip_penalty", "notebook_score", "parse_timestamp", "penalty_rule", "seconds_late"]

PenaltyRule = Callable[[str, float, float], float | None]
"""Student, score of the notebook, seconds late -> points to take off, or None."""


def penalty_rule(course: CourseSettings) -> PenaltyRule:
    """Return the course's rule.

    Raises:
        UsageError: the plugin that the course names cannot be made.

    """
    plugin = course.late_plugin
    if plugin is None or str(plugin) in (
        "nbgrader.plugins.LateSubmissionPlugin",
        "nbgrader.plugins.latesubmission.LateSubmissionPlugin",
    ):
        return _take_all if course.late_method == "zero" else _take_nothing
    try:
        if isinstance(plugin, str):
            module, _, name = plugin.rpartition(".")
            if str(course.root) not in sys.path:
                sys.path.insert(0, str(course.root))
            plugin = getattr(importlib.import_module(module), name)
        from traitlets.config import Config

        made: Any = plugin(config=Config(dict(course.config or {})))
        rule: PenaltyRule = made.late_submission_penalty
    except Exception as error:  # the course's own code may raise anything
        raise UsageError(
            "late-plugin",
            f"the course's late penalty plugin cannot be used: {type(error).__name__}: {error}",
            "AssignLatePenalties.plugin_class in nbgrader_config.py names it",
        ) from error
    return rule


def _take_nothing(_student: str, _score: float, _seconds: float) -> float | None:
    return None


def _take_all(_student: str, score: float, _seconds: float) -> float | None:
    return score


def clip_penalty(penalty: float, score: float) -> float:
    """Return the penalty between 0 and the score, as nbgrader does."""
    return 0.0 if penalty < 0 else min(penalty, score)


def parse_timestamp(text: str) -> datetime | None:
    """Return the moment in UTC without a zone, as nbgrader's gradebook holds it; None if the text is no date.

    Source: ``nbgrader.utils.parse_utc``.
    """
    import dateutil.parser  # 0.05 s; only submissions with a timestamp need it
    import dateutil.tz

    zone: Any
    try:
        parts = text.split(" ")
        if len(parts) == 3:
            try:
                zone = int(parts[2])
            except ValueError:
                zone = dateutil.tz.gettz(parts[2])
            found: datetime = dateutil.parser.parse(" ".join([*parts[:2], "TZ"]), tzinfos={"TZ": zone})
        else:
            found = dateutil.parser.parse(text)
    except (ValueError, OverflowError, TypeError):
        return None
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo is not None else found


def seconds_late(timestamp: datetime | None, duedate: datetime | None, extension: timedelta | None) -> float:
    """Return by how many seconds a submission missed its due date, 0 if it did not."""
    if timestamp is None or duedate is None:
        return 0.0
    return max(0.0, (timestamp - (duedate + (extension or timedelta()))).total_seconds())


def notebook_score(connection: Connection, notebook_id: str) -> float:
    """Return a notebook's points as nbgrader counts them: by hand before automatic, plus extra credit."""
    grade = schema.grade
    total = 0.0
    for row in connection.execute(
        select(grade.c.auto_score, grade.c.manual_score, grade.c.extra_credit).where(
            grade.c.notebook_id == notebook_id
        )
    ):
        score = row.manual_score if row.manual_score is not None else row.auto_score
        if score is not None:
            total += score + (row.extra_credit or 0.0)
    return total
