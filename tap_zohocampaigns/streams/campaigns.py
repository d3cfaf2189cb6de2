"""NEW."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.api.wire.casts import as_key
from tap_zohocampaigns.api.wire.parsers import parse_counts, parse_segments
from tap_zohocampaigns.api.wire.shapes import as_objects
from tap_zohocampaigns.sync.base import Part, ZohoStream
from tap_zohocampaigns.sync.campaigns import LookbackStream, SentStream

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.api.wire.envelope import Envelope
    from tap_zohocampaigns.api.wire.types import Row


from tap_zohocampaigns.api.errors import NotFound
from tap_zohocampaigns.api.wire.campaigns import changed_time, is_sent
from tap_zohocampaigns.sync.pagination import fingerprint
from tap_zohocampaigns.sync.prefetch import Batch

if t.TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tap_zohocampaigns.api.wire.envelope import Envelope
    from tap_zohocampaigns.api.wire.types import Row

    Records: t.TypeAlias = list[Row]


class Campaigns(ZohoStream):
    """All campaigns, drafts included."""

    name = "campaigns"
    primary_keys = ("campaign_key",)
    endpoint = "recentcampaigns"

    def records(self, part: Part) -> Iterator[list[Row]]:
        """Yield the campaigns that the account has read already for other streams."""
        del part
        rows = self.inventory.campaigns
        self.progress.calls[self.endpoint] = self.inventory.calls[self.endpoint]
        yield self.converter.records(rows)


class ReportStream(SentStream):
    """A stream of reports: what they tell on each day on which a campaign is open."""

    endpoint = "campaignreports"
    replication_key = "reported_on"
    keeps_history = True

    def read(self, part: Part) -> Iterator[Batch]:
        """Read the reports of a campaign, of its test sends too."""
        for sent_key in self.send_keys(part.about):
            report = self.report_of(sent_key)
            if report is None:
                continue
            keys = {
                "campaign_key": sent_key,
                "parent_campaign_key": None if sent_key == part.owner else part.owner,
                "reported_on": report.day,
            }
            rows = self.rows(report.envelope)
            records = self.converter.records(rows)
            # A country may be called `null`: a key is never nothing.
            names = [
                {name: row[name] for name in self.primary_keys if name in row}
                for row in rows
            ]
            yield Batch(
                [
                    record | name | keys
                    for record, name in zip(records, names, strict=True)
                ],
                keys,
            )

    def rows(self, envelope: Envelope) -> Records:
        """Return the rows that a report has for the stream, as they are on the wire."""
        return as_objects(envelope.payload)


class DetailStream(LookbackStream):
    """A stream of details: of campaigns that have changed, and of those still open."""

    endpoint = "getcampaigndetails"
    replication_key = "updated_time"

    def campaigns(self) -> list[Row]:
        """Return all campaigns, those first that changed longest ago."""
        return sorted(self.inventory.campaigns, key=self.time_of)

    def time_of(self, campaign: Row) -> str:
        """Return when a campaign has changed."""
        return changed_time(campaign, self._zoho.run_time)

    def name_of(self, campaign: Row) -> str:
        """Return what stands for a campaign as it is: it is another when it changes."""
        status = str(campaign.get("campaign_status"))
        return fingerprint((campaign["campaign_key"], self.time_of(campaign), status))

    def is_closing(self, campaign: Row, line: Row) -> bool:
        """Return whether a look at a campaign can be the last one."""
        return not is_sent(campaign) or super().is_closing(campaign, line)

    def part_of(self, campaign: Row) -> Part:
        """Return the part that a campaign is."""
        key = campaign["campaign_key"]
        keys = {"campaign_key": key, "updated_time": self.time_of(campaign)}
        return Part(keys=keys, owner=key, about=campaign)

    def records(self, part: Part) -> Iterator[Records]:
        """Yield what the details of a campaign have for the stream."""
        try:
            envelope = self.inventory.details(part.about, self.call)
        except NotFound as gone:
            self.logger.warning("Left out, as it is gone: %s", gone)
            return
        if envelope:
            yield self.converter.records(self.rows(envelope))

    def rows(self, envelope: Envelope) -> Records:
        """Return the rows that the details have for the stream."""
        details = as_objects(envelope.payload)
        about = ("campaign_status", "total_subscribers_count")
        known = {name: envelope.body.get(name) for name in about}
        return [known | _without_shifted_times(row) for row in details]

    def take(
        self, part: Part, batches: Iterator[Batch], line: Row
    ) -> Generator[Records, None, bool]:
        """Yield the records of a campaign, and note how far the stream is."""
        parts = self.stream_state.setdefault("parts", {}) if self.has_snapshots else {}
        # Of a draft, no line is kept.
        if part.owner in parts:
            line["full"] = True
        over = yield from super().take(part, batches, line)
        if line.get("full"):
            parts[part.owner] = {}
        # Campaigns without rows have been looked at, too.
        self.bookmark.newest = part.keys["updated_time"]
        return over


def _without_shifted_times(details: Row) -> Row:
    """Return details without the epochs that are hours off; texts of XML are right."""
    return {
        name: value
        for name, value in details.items()
        if not (name.endswith("_time") and str(value).isdigit())
    }


class CampaignReports(ReportStream):
    """The counters of each campaign, day by day."""

    name = "campaign_reports"
    primary_keys = ("campaign_key", "reported_on")


class CampaignReach(ReportStream):
    """How many each campaign reached over each channel, day by day."""

    name = "campaign_reach"
    primary_keys = ("campaign_key", "reported_on", "channel")

    def rows(self, envelope: Envelope) -> list[Row]:
        """Return a row a channel."""
        return [
            {"channel": channel, "reached": number}
            for channel, number in parse_counts(envelope.body.get("campaign-reach"))
        ]


class CampaignLocations(ReportStream):
    """How many each campaign reached in each country, day by day."""

    name = "campaign_locations"
    primary_keys = ("campaign_key", "reported_on", "country")

    def rows(self, envelope: Envelope) -> list[Row]:
        """Return a row a country."""
        # Zoho's JSON has it misspelt.
        told = envelope.body.get("campaign-by-loaction") or envelope.body.get(
            "campaign-by-location"
        )
        return [
            {"country": country, "reached": number}
            for country, number in parse_counts(told)
        ]


class CampaignDetails(DetailStream):
    """How each campaign was made."""

    name = "campaign_details"
    primary_keys = ("campaign_key",)


class CampaignAbVariants(DetailStream):
    """The variants of each A/B campaign, and how they did in the test."""

    name = "campaign_ab_variants"
    primary_keys = ("campaign_key", "variant")

    def rows(self, envelope: Envelope) -> list[Row]:
        """Return a row a variant: of `a_open_count` and `b_open_count` one each."""
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


_CAMPAIGN_LISTS = (
    "The lists or segments of a campaign have a form that this version does not know: "
    "deselect `campaign_lists`."
)


class CampaignLists(DetailStream):
    """The lists and segments that each campaign was sent to."""

    name = "campaign_lists"
    primary_keys = ("campaign_key", "source_id")

    def rows(self, envelope: Envelope) -> list[Row]:
        """Return a row a list, and a row a segment."""
        lists = as_objects(envelope.body.get("associated_mailing_lists"))
        try:
            segments = parse_segments(envelope.body.get("segments_info"))
        except FatalError:
            raise FatalError(_CAMPAIGN_LISTS) from None
        return [
            *({**row, "source_id": as_key(row.get("listkey"))} for row in lists),
            *(
                {**row, "cvid": cvid, "source_id": cvid}
                for cvid, row in segments.by_id.items()
            ),
            # Those without an ID are told of with the lists that have no key.
            *({} for _ in range(segments.without_id)),
        ]
