"""Time zones, and times as Zoho writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import strategies as st

# Region names such as Europe/Berlin, without aliases such as EST.
ZONES = sorted(name for name in available_timezones() if "/" in name)
MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
INSTANTS = st.datetimes(
    datetime.fromisoformat("1990-01-01"),
    datetime.fromisoformat("2040-01-01"),
    timezones=st.just(UTC),
)


def format_as_zoho(instant: datetime, zone: str) -> str:
    """Format an instant as Zoho does in a zone; the locale does not matter."""
    local = instant.astimezone(ZoneInfo(zone))
    month = MONTHS[3 * local.month - 3 : 3 * local.month]
    half = "PM" if local.hour >= 12 else "AM"
    hour = local.hour % 12 or 12
    return f"{local.day:02} {month} {local.year:04}, {hour:02}:{local.minute:02} {half}"
