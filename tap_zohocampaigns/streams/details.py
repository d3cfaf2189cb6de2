"""How campaigns were made: details, A/B variants, lists and segments."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.api.errors import FatalError, NotFound
from tap_zohocampaigns.api.wire.campaigns import changed_time, is_sent
from tap_zohocampaigns.api.wire.casts import as_key
from tap_zohocampaigns.api.wire.parsers import parse_segments
from tap_zohocampaigns.api.wire.shapes import as_objects
from tap_zohocampaigns.sync.campaigns import LookbackStream
from tap_zohocampaigns.sync.pagination import fingerprint
from tap_zohocampaigns.sync.parts import Part

if t.TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tap_zohocampaigns.api.wire.envelope import Envelope
    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.units import Batch

_LISTS_OF_CAMPAIGN = (
    "The lists or segments of a campaign have a form that this version does not know: "
    "deselect `campaign_lists`."
)


class DetailStream(LookbackStream):
    """A stream of details: of campaigns that have changed, and of open ones."""

    endpoint = "getcampaigndetails"
    replication_key = "updated_time"

    def campaigns(self) -> list[Row]:
        """Return all campaigns, those first that changed longest ago."""
        return sorted(self.inventory.campaigns, key=self.time_of)

    def time_of(self, campaign: Row) -> str:
        """Return when a campaign was changed."""
        return changed_time(campaign, self.run.run_time)

    def name_of(self, campaign: Row) -> str:
        """Return the name of a campaign in `closed`; it changes with the campaign."""
        status = str(campaign.get("campaign_status"))
        return fingerprint((campaign["campaign_key"], self.time_of(campaign), status))

    def is_closing(self, campaign: Row, line: Row) -> bool:
        """Return whether the window of a campaign has ended, or it was never sent."""
        return not is_sent(campaign) or super().is_closing(campaign, line)

    def part_of(self, campaign: Row) -> Part:
        """Return a campaign as a part."""
        key = campaign["campaign_key"]
        keys = {"campaign_key": key, "updated_time": self.time_of(campaign)}
        return Part(keys=keys, owner=key, fields=campaign)

    def records(self, part: Part) -> Iterator[list[Row]]:
        """Yield the records of a campaign."""
        try:
            envelope = self.inventory.details(part.fields, self)
        except NotFound as error:
            self.logger.warning("Left out, as it is gone: %s", error)
            return
        if envelope:
            yield self.converter.records(self.rows(envelope))

    def rows(self, envelope: Envelope) -> list[Row]:
        """Return the rows of the stream in the details, before conversion."""
        names = ("campaign_status", "total_subscribers_count")
        fields = {name: envelope.body.get(name) for name in names}
        rows = as_objects(envelope.payload)
        return [fields | _without_shifted_times(row) for row in rows]

    def write_campaign(
        self, part: Part, batches: Iterator[Batch], line: Row
    ) -> Generator[list[Row], None, bool]:
        """Yield the records of a campaign; return whether it may be closed.

        With snapshots, the state has `parts`: the campaigns that had rows.
        """
        parts = self.stream_state.setdefault("parts", {}) if self.has_snapshots else {}
        # Drafts have no line that says so.
        if part.owner in parts:
            line["full"] = True
        over = yield from super().write_campaign(part, batches, line)
        if line.get("full"):
            parts[part.owner] = {}
        # Campaigns without rows count as read too.
        self.bookmark.newest = part.keys["updated_time"]
        return over


def _without_shifted_times(row: Row) -> Row:
    """Return details without the epochs that are hours off; texts of XML are right."""
    return {
        name: value
        for name, value in row.items()
        if not (name.endswith("_time") and str(value).isdigit())
    }


class CampaignDetails(DetailStream):
    """How each campaign was made."""

    name = "campaign_details"
    primary_keys = ("campaign_key",)


class CampaignAbVariants(DetailStream):
    """The variants of each A/B campaign, and how they did in the test."""

    name = "campaign_ab_variants"
    primary_keys = ("campaign_key", "variant")

    def rows(self, envelope: Envelope) -> list[Row]:
        """Return a row per variant: `a_open_count` and `b_open_count` become two."""
        variants: dict[str, Row] = {}
        common: Row = {}
        for split in as_objects(envelope.body.get("AB-split-details")):
            for name, value in split.items():
                letter, _, field = name.partition("_")
                if len(letter) == 1 and field:
                    row = variants.setdefault(letter.lower(), {"variant": letter})
                    row[field] = value
                else:
                    common[name] = value
        return [common | row for row in variants.values()]


class CampaignLists(DetailStream):
    """The lists and segments that each campaign was sent to."""

    name = "campaign_lists"
    primary_keys = ("campaign_key", "source_id")

    def rows(self, envelope: Envelope) -> list[Row]:
        """Return a row per list and per segment.

        Raises:
            FatalError: The segments have an unknown form.
        """
        lists = as_objects(envelope.body.get("associated_mailing_lists"))
        try:
            segments = parse_segments(envelope.body.get("segments_info"))
        except FatalError:
            raise FatalError(_LISTS_OF_CAMPAIGN) from None
        return [
            *({**row, "source_id": as_key(row.get("listkey"))} for row in lists),
            *(
                {**row, "cvid": cvid, "source_id": cvid}
                for cvid, row in segments.by_id.items()
            ),
            # Segments without ID are counted with the lists without key.
            *({} for _ in range(segments.without_id)),
        ]
