"""Zoho's times -> UTC.

Only the `*_time_gmt` epochs are right; texts such as `02 Aug 2013, 12:39 PM` are in the
account's zone, and every other epoch is hours off. The zone is found from pairs of the
two that tell the same instant.
"""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

if t.TYPE_CHECKING:
    from collections.abc import Iterable

_EPOCH = datetime.fromtimestamp(0, UTC)
_MINUTE = timedelta(minutes=1)
# English whatever the locale of this machine is.
_MONTHS = {
    "Jan": 1,
    "Feb": 2,
    "Mar": 3,
    "Apr": 4,
    "May": 5,
    "Jun": 6,
    "Jul": 7,
    "Aug": 8,
    "Sep": 9,
    "Oct": 10,
    "Nov": 11,
    "Dec": 12,
}
_NOON = {"AM": 0, "PM": 12}


def rfc3339(instant: datetime) -> str:
    """Write an instant as `2013-08-02T16:39:21.000Z`: UTC, always in milliseconds.

    Bookmarks are compared as text, so every time has the same precision.

    Raises:
        ValueError: It is beyond the calendar.
    """
    try:
        text = instant.astimezone(UTC).isoformat(timespec="milliseconds")
    except OverflowError as error:
        raise ValueError(str(instant)) from error
    return text.removesuffix("+00:00") + "Z"


def from_epoch(text: str) -> str:
    """Convert epoch milliseconds (as in `sent_time_gmt`) to RFC 3339.

    Raises:
        ValueError: The text is no epoch, or beyond the calendar.
    """
    try:
        return rfc3339(_EPOCH + timedelta(milliseconds=int(text)))
    except OverflowError as error:
        raise ValueError(text) from error


def read_text(text: str) -> datetime:
    """Read a time as Zoho shows it, without a zone.

    Args:
        text: `02 Aug 2013, 12:39 PM` (lists, recipients) or `Feb 12, 2026 12:08 PM`
            (timelines).

    Raises:
        ValueError: The text has neither layout.
    """
    # strptime costs six times as much, and every contact has such a text.
    try:
        if text[11] == ",":
            day, month, year = text[:2], text[3:6], text[7:11]
        else:
            month, day, year = text[:3], text[4:6], text[8:12]
        clock = text[-8:]
        hour = int(clock[:2])
        if not 1 <= hour <= 12 or len(text) != 21:  # noqa: PLR2004 (a clock, a layout)
            raise ValueError(text)
        return datetime(  # noqa: DTZ001 (the caller knows the zone)
            int(year),
            _MONTHS[month],
            int(day),
            hour % 12 + _NOON[clock[6:]],
            int(clock[3:5]),
        )
    except (IndexError, KeyError) as error:
        raise ValueError(text) from error


def from_text(text: str, zone: ZoneInfo) -> str:
    """Convert a time as Zoho shows it, in the account's zone, to RFC 3339.

    Workflows have it in ISO 8601, as `2019-03-11T11:28:34+05:30`, with the zone. In the
    hour that clocks repeat in autumn, the first pass is taken.

    Raises:
        ValueError: The text has none of the known layouts.
    """
    if text[4:5] == "-":
        instant = datetime.fromisoformat(text)
        return rfc3339(instant if instant.tzinfo else instant.replace(tzinfo=zone))
    return rfc3339(read_text(text).replace(tzinfo=zone))


class Pair(t.NamedTuple):
    """One instant told twice: in epoch milliseconds, and in the account's zone."""

    epoch: str
    text: str


def find_zone(pairs: Iterable[Pair], hints: Iterable[str] = ()) -> ZoneInfo | None:
    """Find the zone in which every pair tells one and the same instant.

    Args:
        pairs: What the feeds carry, such as `sent_time_gmt` with `sent_date_string`.
        hints: Names of zones to prefer, such as `sent_time_zone`, most likely first.

    Returns:
        A zone that fits every pair, or None when there is no pair or no zone fits.
    """
    facts = set(_read(pairs))
    if not facts:
        return None
    for name in (*hints, *_COMMON, *sorted(available_timezones())):
        try:
            zone = ZoneInfo(name)
        except (KeyError, OSError, ValueError):
            continue  # a name that Zoho spells in its own way
        if all(_fits(zone, *fact) for fact in facts):
            return zone
    return None


# Of zones that fit equally well, the one where most accounts are.
_COMMON = (
    "UTC",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "Europe/London",
    "Europe/Paris",
    "Europe/Athens",
    "Africa/Johannesburg",
    "Asia/Riyadh",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Pacific/Auckland",
)


def _read(pairs: Iterable[Pair]) -> Iterable[tuple[datetime, datetime]]:
    for pair in pairs:
        try:
            yield datetime.fromisoformat(from_epoch(pair.epoch)), read_text(pair.text)
        except ValueError:
            continue


def _fits(zone: ZoneInfo, instant: datetime, text: datetime) -> bool:
    try:
        local = instant.astimezone(zone).replace(tzinfo=None)
    except OverflowError:
        return False
    # The text shows minutes, cut off or rounded.
    return abs(local - text) <= _MINUTE
