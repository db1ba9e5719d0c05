"""Moments as LMSs write them, to the form of nbgrader's ``timestamp.txt``."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from labgrade.errors import UsageError
from labgrade.record.penalty import parse_timestamp

__all__ = ["find_zone", "is_late", "timestamp_text"]


def find_zone(name: str) -> ZoneInfo:
    """Return a time zone by its name, e.g. ``Europe/Zurich``.

    Raises:
        UsageError: there is no such zone.

    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError("time-zone", f"there is no time zone '{name}'", "e.g. Europe/Zurich, UTC") from error


def timestamp_text(text: str, zone: ZoneInfo) -> str:
    """Return ``2026-11-20 14:05:00 UTC`` for a moment in any form, "" if it is none.

    Args:
        text: as the LMS wrote it; without an offset it is taken for local time in ``zone``.
        zone: of the LMS.

    """
    if not text or not any(char.isdigit() for char in text):
        return ""
    moment = parse_timestamp(text)
    if moment is None:
        return ""
    if not _has_offset(text):
        try:
            moment = moment.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
        except OverflowError:
            return ""
    return moment.isoformat(sep=" ") + " UTC"


def is_late(timestamp: str, due: datetime | None) -> bool:
    """Return whether a ``timestamp_text`` is after the due date (UTC, without a zone)."""
    moment = parse_timestamp(timestamp) if timestamp and due else None
    return moment is not None and due is not None and moment > due


def _has_offset(text: str) -> bool:
    """Return whether the text itself says where on earth it was that time."""
    import dateutil.parser  # 0.05 s

    if (
        len(text.split(" ")) == 3
        and not text.split(" ")[2][:1].isdigit()
        and text.split(" ")[2] not in ("AM", "PM")
    ):
        return True
    try:
        return dateutil.parser.parse(text).tzinfo is not None
    except (ValueError, OverflowError, TypeError):
        return False
