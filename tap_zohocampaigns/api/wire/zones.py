"""The time zone of an account, found from the times that its campaigns and lists have.

No answer holds the zone. But some rows have the same instant twice: as a correct epoch
and as a text in the account's zone.
"""

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from tap_zohocampaigns.api.wire import times

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Where most accounts are, for zones that fit equally well.
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
# Clocks change between these months, and nowhere twice within so many days.
_SUMMER, _WINTER = {5, 6, 7, 8}, {12, 1, 2}
_SPAN_DAYS = 14
# Since 1973, all offsets are multiples of this.
_STEP = timedelta(minutes=15)
_FARTHEST = timedelta(hours=15)
_YEARS = range(1973, 2100)
# A text shows whole minutes, cut off or rounded.
_MINUTE = timedelta(minutes=1)


class Pair(t.NamedTuple):
    """One instant twice: as epoch milliseconds, and as text in the account's zone."""

    epoch: str
    text: str


class Finding(t.NamedTuple):
    """The zone of an account, and the evidence for it."""

    zone: ZoneInfo
    pairs: int
    """How many different pairs could be parsed."""
    disagree: int
    """How many of them contradict the zone."""
    is_clear: bool
    """Whether all pairs agree, with some in summer and some in winter."""


class _Fact(t.NamedTuple):
    """The offset of an account from UTC at an instant."""

    instant: datetime
    offset: timedelta | None
    """None if no time zone has this offset: then the pair must be wrong."""


def find_zone(pairs: Iterable[Pair], hints: Iterable[str] = ()) -> Finding | None:
    """Find the zone that fits most pairs.

    If zones fit equally many, these are preferred in this order: the first hint; a zone
    that fits in both seasons; one that fits the newest pair, since an account may have
    moved; one where many accounts are.

    Args:
        pairs: Such as `sent_time_gmt` with `sent_date_string`.
        hints: Names of zones to prefer, such as `sent_time_zone`, most likely first.

    Returns:
        The zone. If no pair fits any zone, it is the first hint that is a zone; None if
        there is none.
    """
    facts = sorted(
        (fact for pair in {*pairs} for fact in _facts(pair)),
        key=lambda fact: (fact.instant, fact.offset or timedelta.max),
    )
    possible = [fact for fact in facts if fact.offset is not None]
    hinted = [*filter(None, map(_load, dict.fromkeys(hints)))]
    if not possible:
        zone = next(iter(hinted), None)
        return Finding(zone, len(facts), len(facts), is_clear=False) if zone else None
    best, agree = _best(possible, hinted)
    disagree = len(facts) - agree
    clear = not disagree and _are_of_both_seasons(possible)
    return Finding(best, len(facts), disagree, is_clear=clear)


def _best(facts: list[_Fact], hinted: list[ZoneInfo]) -> tuple[ZoneInfo, int]:
    """Return the zone that fits best, and how many facts it fits."""
    ranked: list[tuple[tuple[int, ...], ZoneInfo]] = []
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
        ranked.append((rank, zone))
        if len(fitting) == len(facts):
            # Later zones are not preferred.
            break
    (agree, *_), zone = max(ranked, key=lambda item: item[0])
    return zone, agree


def _candidates(hinted: list[ZoneInfo]) -> Iterator[ZoneInfo]:
    yield from hinted
    yield from filter(None, map(_load, _COMMON))
    yield from filter(None, map(_load, sorted(available_timezones())))


def _load(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return None  # Zoho may spell a name differently


def _facts(pair: Pair) -> Iterator[_Fact]:
    """Yield the fact that a pair shows, if it can be parsed."""
    try:
        instant = times.parse_epoch(pair.epoch)
        local = times.parse_local(pair.text)
    except ValueError:
        return
    if instant.year not in _YEARS:
        return
    ahead = local - instant.replace(tzinfo=None)
    offset = round(ahead / _STEP) * _STEP
    is_wrong = abs(ahead - offset) > _MINUTE or abs(offset) > _FARTHEST
    yield _Fact(instant, None if is_wrong else offset)


def _are_of_both_seasons(facts: list[_Fact]) -> bool:
    """Return whether the facts cover summer time and winter time.

    Where clocks never change, only the months show that.
    """
    months = {fact.instant.month for fact in facts}
    return len({fact.offset for fact in facts}) > 1 or not (
        _SUMMER.isdisjoint(months) or _WINTER.isdisjoint(months)
    )


class _Span(t.NamedTuple):
    """The facts of a few days, in which a zone has at most two offsets."""

    facts: list[_Fact]
    by_offset: dict[timedelta | None, list[_Fact]]


def _spans(facts: list[_Fact]) -> list[_Span]:
    spans: dict[int, _Span] = {}
    for fact in facts:
        number = (fact.instant - times.EPOCH).days // _SPAN_DAYS
        span = spans.setdefault(number, _Span([], {}))
        span.facts.append(fact)
        span.by_offset.setdefault(fact.offset, []).append(fact)
    return [*spans.values()]


def _fitting(zone: ZoneInfo, span: _Span) -> list[_Fact]:
    """Return the facts of a span that fit a zone.

    For most spans it is enough to look at both ends, which saves time: there are 600
    zones and thousands of campaigns.
    """
    first, last = (_offset(zone, span.facts[end]) for end in (0, -1))
    if first == last:
        return span.by_offset.get(first, [])
    return [fact for fact in span.facts if _offset(zone, fact) == fact.offset]


def _offset(zone: ZoneInfo, fact: _Fact) -> timedelta | None:
    return fact.instant.astimezone(zone).utcoffset()
