"""Layouts of times."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import strategies as st

# What a zone is called, without the folders of other systems' tables.
ZONES = sorted(name for name in available_timezones() if "/" in name)
MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
INSTANTS = st.datetimes(
    datetime.fromisoformat("1990-01-01"),
    datetime.fromisoformat("2040-01-01"),
    timezones=st.just(UTC),
)


def shown(instant: datetime, zone: str) -> str:
    """Write an instant as Zoho shows it in a zone, whatever the locale."""
    local = instant.astimezone(ZoneInfo(zone))
    month = MONTHS[3 * local.month - 3 : 3 * local.month]
    noon = "PM" if local.hour >= 12 else "AM"
    hour = local.hour % 12 or 12
    return f"{local.day:02} {month} {local.year:04}, {hour:02}:{local.minute:02} {noon}"
