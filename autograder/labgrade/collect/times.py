"""Moments as LMSs write them, to the form of nbgrader's ``timestamp.txt``."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from labgrade.errors import UsageError
from labgrade.record.penalty import parse_timestamp

__all__ = ["find_zone", "is_late", "timestamp_text"]

_LONG_DATE = re.compile(
    r"(?P<day>\d{1,2})(?:\.| de)?\s+(?P<month>[^\W\d]+)\.?(?: de)?\s+(?P<year>\d{4}),?\s+"
    r"(?:um\s+|à\s+)?(?P<time>\d{1,2}:\d\d(?::\d\d)?(?:\s*[AP]M)?)"
)
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan janv ene gen",
            "feb fév febr",
            "mar mär mars märz",
            "apr avr abr",
            "may mai mag",
            "jun juin giu",
            "jul juil lug",
            "aug août ago",
            "sep sept set",
            "oct okt ott",
            "nov",
            "dec dez déc dic",
        ),
        start=1,
    )
    for name in names.split()
}
"""First letters of the months in English, German, French, Spanish and Italian."""


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
    moment = _read(_plain_date(text))
    if moment is None:
        return ""
    try:
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ") + " UTC"
    except OverflowError:
        return ""


def _read(text: str) -> datetime | None:
    import dateutil.parser  # 0.05 s

    words = text.split(" ")
    if len(words) == 3 and words[2][:1].isalpha() and words[2].upper() not in ("AM", "PM", "Z"):
        moment = parse_timestamp(text)  # with the name of a zone, as nbgrader writes it
        return moment.replace(tzinfo=UTC) if moment is not None else None
    try:
        found: datetime = dateutil.parser.parse(text)
    except (ValueError, OverflowError, TypeError):
        return None
    return found


def is_late(timestamp: str, due: datetime | None) -> bool:
    """Return whether a ``timestamp_text`` is after the due date (UTC, without a zone)."""
    moment = parse_timestamp(timestamp) if timestamp and due else None
    return moment is not None and due is not None and moment > due


def _plain_date(text: str) -> str:
    """Return Moodle's long dates, e.g. ``Freitag, 20. November 2026, 23:59``, as ``2026-11-20 23:59``."""
    match = _LONG_DATE.search(text)
    name = match["month"].casefold() if match else ""
    month = _MONTHS.get(name[:4]) or _MONTHS.get(name[:3])
    if match is None or not month:
        return text
    return f"{match['year']}-{month:02}-{int(match['day']):02} {match['time']}"
