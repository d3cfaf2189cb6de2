"""The many ways in which Zoho Campaigns writes one instant."""

from __future__ import annotations

import typing as t
from datetime import timedelta

if t.TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

_MONTHS: t.Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_SPRING_FROM = (3, 8)
_SPRING_TO = (4, 1)


def text(moment: datetime, zone: ZoneInfo) -> str:
    """Write `02 Aug 2013, 12:39 PM`, in the account's zone and in English."""
    local = moment.astimezone(zone)
    half = ("AM", "PM")[local.hour // 12]
    return f"{local:%d} {_MONTHS[local.month - 1]} {local:%Y, %I:%M} {half}"


def event(moment: datetime, zone: ZoneInfo) -> str:
    """Write `Aug 02, 2013 12:39 PM`, as timelines have it: the month comes first."""
    local = moment.astimezone(zone)
    half = ("AM", "PM")[local.hour // 12]
    return f"{_MONTHS[local.month - 1]} {local:%d, %Y %I:%M} {half}"


def iso(moment: datetime, zone: ZoneInfo) -> str:
    """ISO 8601, true, as workflows have it."""
    return moment.astimezone(zone).isoformat(timespec="seconds")


def epoch(moment: datetime) -> str:
    """Milliseconds since 1970, as the `*_time_gmt` fields have them."""
    return str(int(moment.timestamp()) * 1000)


def shifted_epoch(moment: datetime) -> str:
    """Milliseconds since 1970, hours too late, as the `*_time` fields have them."""
    return epoch(moment + _shift(moment))


def shifted_iso(moment: datetime, zone: ZoneInfo) -> str:
    """ISO 8601, hours too early, as `list_created_time` has it."""
    return iso(moment - _shift(moment), zone)


def _shift(moment: datetime) -> timedelta:
    # Observed on one account: 8 hours all year round, but 7 in the weeks in which
    # only America has summer time.
    spring = _SPRING_FROM <= (moment.month, moment.day) <= _SPRING_TO
    return timedelta(hours=7 if spring else 8)
