"""Zoho's times -> UTC.

Only the `*_time_gmt` epochs are right; texts such as `02 Aug 2013, 12:39 PM` are in the
account's zone, and every other epoch is hours off. The zone is found from pairs of the
two that tell the same instant.
"""

from __future__ import annotations

import re
import typing as t
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_EPOCH = datetime.fromtimestamp(0, UTC)
# English whatever the locale of this machine is.
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
_NOON = {"a": 0, "p": 12}
# The parts of the two usual layouts, with the signs behind or before them.
_DAY_PARTS = {f"{day:02}{end}": day for day in range(1, 32) for end in (" ", ", ")}
_MONTH_PARTS = {f"{name[:3]} ": number for number, name in enumerate(_NAMES, 1)}
_YEAR_PARTS = {f"{y}{end}": y for y in range(1970, 2100) for end in (", ", " ")}
_HOUR_PARTS = {
    f"{hour:02} {noon}M": hour % 12 + _NOON[noon.lower()]
    for hour in range(1, 13)
    for noon in "AP"
}
_MINUTE_PARTS = {f":{minute:02}": minute for minute in range(60)}
# Java has a narrow blank before AM and PM since version 20.
_LAYOUT = re.compile(
    r"""(?:(?P<day>\d\d?)[ -](?P<month>[A-Za-z]+),?
    |(?P<month_first>[A-Za-z]+)[ ](?P<day_second>\d\d?),?)
    [ -](?P<year>\d{4}),?[ ]
    (?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d))?
    (?:[ \u00a0\u202f]?(?P<noon>[AaPp])(?:[Mm]|\.[Mm]\.))?""",
    re.ASCII | re.VERBOSE,
)


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
    return rfc3339(_instant(text))


def _instant(epoch: str) -> datetime:
    if not (epoch.isascii() and epoch.removeprefix("-").isdecimal()):
        raise ValueError(epoch)
    try:
        return _EPOCH + timedelta(milliseconds=int(epoch))
    except OverflowError as error:
        raise ValueError(epoch) from error


def read_text(text: str) -> datetime:
    """Read a time as Zoho shows it, without a zone.

    Args:
        text: `02 Aug 2013, 12:39 PM` (lists, recipients) or `Feb 12, 2026 12:08 PM`
            (timelines). Both are also read with a month in full, with seconds, with
            days and hours of one digit, with 24 hours and with `pm`; and so is ISO
            8601 without a zone.

    Raises:
        ValueError: The text has another layout. None is read that leaves anything to
            guess, such as which number is the day.
    """
    # strptime costs six times as much, and every contact has such a text.
    try:
        if text[11:12] == ",":
            day, month, year = text[:3], text[3:7], text[7:13]
        else:
            month, day, year = text[:4], text[4:8], text[8:13]
        numbers = (
            _YEAR_PARTS[year],
            _MONTH_PARTS[month],
            _DAY_PARTS[day],
            _HOUR_PARTS[text[13:15] + text[18:]],
            _MINUTE_PARTS[text[15:18]],
        )
    except KeyError:
        return _read_otherwise(text)
    return datetime(*numbers)  # noqa: DTZ001 (the caller knows the zone)


def _read_otherwise(text: str) -> datetime:
    """Read a time in a layout that is not one of the two usual ones.

    Raises:
        ValueError: It has none that is known.
    """
    if text[4:5] == "-":
        local = datetime.fromisoformat(text)
        if local.tzinfo:
            raise ValueError(text)
        return local
    found = _LAYOUT.fullmatch(text)
    month = found and _MONTHS.get((found["month"] or found["month_first"]).lower())
    if not found or not month:
        raise ValueError(text)
    hour, noon = int(found["hour"]), found["noon"]
    if noon:
        if not 1 <= hour <= 12:  # noqa: PLR2004 (a clock)
            raise ValueError(text)
        hour = hour % 12 + _NOON[noon.lower()]
    return datetime(  # noqa: DTZ001 (the caller knows the zone)
        int(found["year"]),
        month,
        int(found["day"] or found["day_second"]),
        hour,
        int(found["minute"]),
        int(found["second"] or 0),
    )


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


class Finding(t.NamedTuple):
    """The zone of an account, and what speaks for it."""

    zone: ZoneInfo
    pairs: int
    """How many different pairs could be read."""
    disagree: int
    """How many of them tell of another zone, or of none."""
    is_clear: bool
    """Whether all agree, in summer as in winter."""


class _Fact(t.NamedTuple):
    """How far the clocks of an account were ahead of UTC at an instant."""

    instant: datetime
    offset: timedelta | None
    """None if no clock anywhere is, so that the pair must be wrong."""


def find_zone(pairs: Iterable[Pair], hints: Iterable[str] = ()) -> Finding | None:
    """Find the zone in which most pairs tell one and the same instant.

    Of zones in which as many do, the first hint is taken; then the one that fits in
    both seasons; then the one that fits the newest pair, since an account may have
    moved; then one where many accounts are.

    Args:
        pairs: What the feeds carry, such as `sent_time_gmt` with `sent_date_string`.
        hints: Names of zones to prefer, such as `sent_time_zone`, most likely first.

    Returns:
        What was found. Where no pair fits any zone, it is the first hint that names
        one; None if there is none.
    """
    facts = sorted(
        (fact for pair in {*pairs} for fact in _read(pair)),
        key=lambda fact: (fact.instant, fact.offset or timedelta.max),
    )
    known = [fact for fact in facts if fact.offset is not None]
    hinted = [*filter(None, map(_load, dict.fromkeys(hints)))]
    if not known:
        zone = next(iter(hinted), None)
        return Finding(zone, len(facts), len(facts), is_clear=False) if zone else None
    best, agree = _best(known, hinted)
    disagree = len(facts) - agree
    clear = not disagree and _are_of_both_seasons(known)
    return Finding(best, len(facts), disagree, is_clear=clear)


def _best(facts: list[_Fact], hinted: list[ZoneInfo]) -> tuple[ZoneInfo, int]:
    """Return the zone that fits best, and how many facts it fits."""
    found: list[tuple[tuple[int, ...], ZoneInfo]] = []
    spans = _spans(facts)
    for zone in _candidates(hinted):
        fitting = [fact for span in spans for fact in _fitting(zone, span)]
        preferred = hinted.index(zone) if zone in hinted else len(hinted)
        rank = (
            len(fitting),
            -preferred,
            int(_are_of_both_seasons(fitting)),
            int(facts[-1] in fitting[-1:]),
        )
        found.append((rank, zone))
        if len(fitting) == len(facts):
            # Those that come later are not preferred.
            break
    (agree, *_), zone = max(found, key=lambda each: each[0])
    return zone, agree


def _candidates(hinted: list[ZoneInfo]) -> Iterator[ZoneInfo]:
    yield from hinted
    yield from filter(None, map(_load, _COMMON))
    yield from filter(None, map(_load, sorted(available_timezones())))


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


# Clocks are changed between these months, and nowhere twice in so many days.
_SUMMER, _WINTER = {5, 6, 7, 8}, {12, 1, 2}
_SPAN_DAYS = 14
# No clock was ahead or behind by anything else since 1973.
_STEP = timedelta(minutes=15)
_FARTHEST = timedelta(hours=15)
_YEARS = range(1973, 2100)
# A text shows minutes, cut off or rounded.
_MINUTE = timedelta(minutes=1)


def _load(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return None  # a name that Zoho spells in its own way


def _read(pair: Pair) -> Iterator[_Fact]:
    """Yield what a pair tells, if it can be read."""
    try:
        instant, local = _instant(pair.epoch), read_text(pair.text)
    except ValueError:
        return
    if instant.year not in _YEARS:
        return
    ahead = local - instant.replace(tzinfo=None)
    offset = round(ahead / _STEP) * _STEP
    is_wrong = abs(ahead - offset) > _MINUTE or abs(offset) > _FARTHEST
    yield _Fact(instant, None if is_wrong else offset)


def _are_of_both_seasons(facts: list[_Fact]) -> bool:
    """Return whether facts are of the time when clocks are changed and of the other.

    Where clocks are never changed, only the months tell.
    """
    months = {fact.instant.month for fact in facts}
    return len({fact.offset for fact in facts}) > 1 or not (
        _SUMMER.isdisjoint(months) or _WINTER.isdisjoint(months)
    )


class _Span(t.NamedTuple):
    """The facts of some days, in which a zone has one offset or two."""

    facts: list[_Fact]
    by_offset: dict[timedelta | None, list[_Fact]]


def _spans(facts: list[_Fact]) -> list[_Span]:
    spans: dict[int, _Span] = {}
    for fact in facts:
        number = (fact.instant - _EPOCH).days // _SPAN_DAYS
        span = spans.setdefault(number, _Span([], {}))
        span.facts.append(fact)
        span.by_offset.setdefault(fact.offset, []).append(fact)
    return [*spans.values()]


def _fitting(zone: ZoneInfo, span: _Span) -> list[_Fact]:
    """Return the facts of a span that a zone fits.

    Most spans are told by their ends: there are 600 zones and thousands of campaigns.
    """
    first, last = (_offset(zone, span.facts[end]) for end in (0, -1))
    if first == last:
        return span.by_offset.get(first, [])
    return [fact for fact in span.facts if _offset(zone, fact) == fact.offset]


def _offset(zone: ZoneInfo, fact: _Fact) -> timedelta | None:
    return fact.instant.astimezone(zone).utcoffset()
