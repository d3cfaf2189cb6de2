"""The forms in which Zoho Campaigns writes an instant."""

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
    """ISO 8601, correct, as in workflows."""
    return moment.astimezone(zone).isoformat(timespec="seconds")


def epoch(moment: datetime) -> str:
    """Epoch milliseconds, correct, as in the `*_time_gmt` fields."""
    return str(int(moment.timestamp()) * 1000)


def shifted_epoch(moment: datetime) -> str:
    """Epoch milliseconds, hours too late, as in the `*_time` fields."""
    return epoch(moment + _shift(moment))


def shifted_iso(moment: datetime, zone: ZoneInfo) -> str:
    """ISO 8601, hours too early, as in `list_created_time`."""
    return iso(moment - _shift(moment), zone)


def _shift(moment: datetime) -> timedelta:
    # Seen in one account: 8 hours all year, but 7 in the weeks when only America has
    # summer time.
    spring = _SPRING_FROM <= (moment.month, moment.day) <= _SPRING_TO
    return timedelta(hours=7 if spring else 8)
