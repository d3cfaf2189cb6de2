"""In which of their possible forms some parts of answers are."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox.bodies.fields import FieldsForm
    from tap_zohocampaigns.sandbox.bodies.lists import SegmentsForm
    from tap_zohocampaigns.sandbox.bodies.recipients import TimelineForm
    from tap_zohocampaigns.sandbox.bodies.reports import PlacesForm, SegmentsInfoForm


@dataclass(frozen=True, slots=True)
class Choices:
    """One form of each part; the first are those seen, or those most likely."""

    segments: SegmentsForm
    segments_info: SegmentsInfoForm
    places: PlacesForm
    timeline: TimelineForm
    fields: FieldsForm
