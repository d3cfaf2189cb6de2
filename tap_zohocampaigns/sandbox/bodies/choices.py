"""The forms of answers that Zoho does not document, as choices."""

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
    """One form of each part. The first form was seen, or is the most likely."""

    segments: SegmentsForm
    segments_info: SegmentsInfoForm
    places: PlacesForm
    timeline: TimelineForm
    fields: FieldsForm
