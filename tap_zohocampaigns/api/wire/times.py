"""Zoho's times -> UTC.

Only the `*_time_gmt` epochs are right. Texts such as `02 Aug 2013, 12:39 PM` are in the
account's time zone, and every other epoch is hours off.
"""

from __future__ import annotations

import re
import typing as t
from datetime import UTC, datetime, timedelta

if t.TYPE_CHECKING:
    from zoneinfo import ZoneInfo

EPOCH = datetime.fromtimestamp(0, UTC)
# Zoho writes English, whatever the locale of this machine is.
_NAMES = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_MONTHS = {
    **{name.lower(): number for number, name in enumerate(_NAMES, 1)},
    **{name[:3].lower(): number for number, name in enumerate(_NAMES, 1)},
    # The British short form.
    "sept": 9,
}
_HOURS_OF_HALF_DAY = {"a": 0, "p": 12}
_HOURS_ON_A_CLOCK = range(1, 13)
# The parts of the two usual layouts, with the separators around them.
_DAY_PARTS = {f"{day:02}{end}": day for day in range(1, 32) for end in (" ", ", ")}
_MONTH_PARTS = {f"{name[:3]} ": number for number, name in enumerate(_NAMES, 1)}
_YEAR_PARTS = {f"{y}{end}": y for y in range(1970, 2100) for end in (", ", " ")}
_HOUR_PARTS = {
    f"{hour:02} {noon}M": hour % 12 + _HOURS_OF_HALF_DAY[noon.lower()]
    for hour in _HOURS_ON_A_CLOCK
    for noon in "AP"
}
_MINUTE_PARTS = {f":{minute:02}": minute for minute in range(60)}
# Since version 20 Java writes a narrow space before AM and PM.
_LAYOUT = re.compile(
    r"""(?:(?P<day>\d\d?)[ -](?P<month>[A-Za-z]+),?
    |(?P<month_first>[A-Za-z]+)[ ](?P<day_second>\d\d?),?)
    [ -](?P<year>\d{4}),?[ ]
    (?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d))?
    (?:[ \u00a0\u202f]?(?P<noon>[AaPp])(?:[Mm]|\.[Mm]\.))?""",
    re.ASCII | re.VERBOSE,
)


def rfc3339(instant: datetime) -> str:
    """Format an instant as `2013-08-02T16:39:21.000Z`: UTC, always in milliseconds.

    Bookmarks are compared as text, so every time has the same precision.

    Raises:
        ValueError: The instant is beyond the calendar.
    """
    try:
        text = instant.astimezone(UTC).isoformat(timespec="milliseconds")
    except OverflowError as error:
        raise ValueError(str(instant)) from error
    return text.removesuffix("+00:00") + "Z"


def from_epoch(text: str) -> str:
    """Convert epoch milliseconds (as in `sent_time_gmt`) to RFC 3339.

    Raises:
        ValueError: The text is not an epoch, or is beyond the calendar.
    """
    return rfc3339(parse_epoch(text))


def parse_epoch(epoch: str) -> datetime:
    """Parse epoch milliseconds.

    Raises:
        ValueError: The text is not an epoch, or is beyond the calendar.
    """
    if not (epoch.isascii() and epoch.removeprefix("-").isdecimal()):
        raise ValueError(epoch)
    try:
        return EPOCH + timedelta(milliseconds=int(epoch))
    except OverflowError as error:
        raise ValueError(epoch) from error


def parse_local(text: str, zone: ZoneInfo | None = None) -> datetime:
    """Parse a time as Zoho shows it.

    Args:
        text: `02 Aug 2013, 12:39 PM` (lists, recipients) or `Feb 12, 2026 12:08 PM`
            (timelines). These variants are accepted too: the month in full, seconds,
            days and hours of one digit, 24 hours, `pm`, and ISO 8601 without a zone.
        zone: The zone of the text; None for a time without zone.

    Raises:
        ValueError: The text has another layout, or an ambiguous one: a number could
            be a day or a month.
    """
    # strptime costs six times as much, and every contact has such a text.
    try:
        if text[11:12] == ",":
            day, month, year = text[:3], text[3:7], text[7:13]
        else:
            month, day, year = text[:4], text[4:8], text[8:13]
        parts = (
            _YEAR_PARTS[year],
            _MONTH_PARTS[month],
            _DAY_PARTS[day],
            _HOUR_PARTS[text[13:15] + text[18:]],
            _MINUTE_PARTS[text[15:18]],
        )
    except KeyError:
        return _parse_unusual(text, zone)
    return datetime(*parts, tzinfo=zone)


def _parse_unusual(text: str, zone: ZoneInfo | None) -> datetime:
    """Parse a time that has neither of the two usual layouts.

    Raises:
        ValueError: The layout is not known.
    """
    if text[4:5] == "-":
        local = datetime.fromisoformat(text)
        if local.tzinfo:
            raise ValueError(text)
        return local.replace(tzinfo=zone)
    match = _LAYOUT.fullmatch(text)
    month = match and _MONTHS.get((match["month"] or match["month_first"]).lower())
    if not match or not month:
        raise ValueError(text)
    hour, noon = int(match["hour"]), match["noon"]
    if noon:
        if hour not in _HOURS_ON_A_CLOCK:
            raise ValueError(text)
        hour = hour % 12 + _HOURS_OF_HALF_DAY[noon.lower()]
    return datetime(
        int(match["year"]),
        month,
        int(match["day"] or match["day_second"]),
        hour,
        int(match["minute"]),
        int(match["second"] or 0),
        tzinfo=zone,
    )


def from_text(text: str, zone: ZoneInfo) -> str:
    """Convert a time as Zoho shows it, in the account's zone, to RFC 3339.

    Workflows have ISO 8601 with a zone, such as `2019-03-11T11:28:34+05:30`. In the
    hour that clocks repeat in autumn, the first pass is assumed.

    Raises:
        ValueError: The text has none of the known layouts.
    """
    if text[4:5] == "-":
        instant = datetime.fromisoformat(text)
        return rfc3339(instant if instant.tzinfo else instant.replace(tzinfo=zone))
    return rfc3339(parse_local(text, zone))
