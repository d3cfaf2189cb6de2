"""Random rows for tests of the converter."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tap_zohocampaigns.api.wire.converter import Converter
from tap_zohocampaigns.sync.schemas import load_schema

SAMPLED = (
    "mailing_lists",
    "segments",
    "segment_contacts",
    "list_subscriber_counts",
    "campaigns",
    "campaign_recipients",
)


def converter(stream: str, zone: str = "America/New_York") -> Converter:
    return Converter(stream, load_schema(stream), lambda: ZoneInfo(zone))


def no_zone() -> ZoneInfo:
    """Fail, because the converter must not need a time zone."""
    raise AssertionError


def names_of(stream: str) -> list[str]:
    """Return all names that fields of a stream have on the wire."""
    schema = load_schema(stream)
    names = [*schema.get("x-wire-redundant", ())]
    for name, field in schema["properties"].items():
        names += field.get("x-wire-names", [name])
        names += [field["x-wire-seconds"]] if "x-wire-seconds" in field else []
    return names


TEXTS = st.text(max_size=8) | st.sampled_from(
    [
        "",
        "null",
        "undefined",
        "true",
        "0",
        "12",
        "1375456161000",
        "02 Aug 2013, 12:39 PM",
        "Feb 12, 2026 12:08 PM",
        "03 Nov 2013, 01:30 AM",
        "10 Mar 2013, 02:30 AM",
    ]
)


@st.composite
def rows(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    stream = draw(st.sampled_from(SAMPLED))
    names = st.sampled_from(names_of(stream)) | st.sampled_from(["my field", "x y"])
    return stream, draw(st.dictionaries(names, TEXTS))
