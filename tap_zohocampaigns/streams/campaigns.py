"""The campaigns, and their reports day by day."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.api.wire.parsers import parse_counts
from tap_zohocampaigns.api.wire.shapes import as_objects
from tap_zohocampaigns.sync.base import ZohoStream
from tap_zohocampaigns.sync.campaigns import SentStream
from tap_zohocampaigns.sync.notes import SendKeys
from tap_zohocampaigns.sync.units import Batch

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.api.wire.envelope import Envelope
    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.parts import Part


class Campaigns(ZohoStream):
    """All campaigns, drafts included."""

    name = "campaigns"
    primary_keys = ("campaign_key",)
    endpoint = "recentcampaigns"

    def records(self, part: Part) -> Iterator[list[Row]]:
        """Yield the campaigns, which several streams share."""
        del part
        rows = self.inventory.campaigns
        self.progress.calls[self.endpoint] = self.inventory.calls[self.endpoint]
        yield self.converter.records(rows)


class ReportStream(SentStream):
    """A stream of reports: one answer per sending on each day while it is open."""

    endpoint = "campaignreports"
    replication_key = "reported_on"
    keeps_history = True

    def read_part(self, part: Part) -> Iterator[Batch]:
        """Read the reports of a campaign and of its test sends.

        Yields:
            The records of each sending; the note has their keys.
        """
        for sent_key in self.send_keys(part.fields):
            report = self.report_of(sent_key)
            if report is None:
                continue
            keys = self.keys_of_send(part.owner, sent_key)
            keys["reported_on"] = report.day
            rows = self.rows(report.envelope)
            records = self.converter.records(rows)
            # The converter takes `null` for no value, but a country may be called so.
            names = [
                {name: row[name] for name in self.primary_keys if name in row}
                for row in rows
            ]
            yield Batch(
                [
                    record | name | keys
                    for record, name in zip(records, names, strict=True)
                ],
                SendKeys(keys),
            )

    def rows(self, envelope: Envelope) -> list[Row]:
        """Return the rows of the stream in a report, before conversion."""
        return as_objects(envelope.payload)


class CampaignReports(ReportStream):
    """The counters of each campaign, day by day."""

    name = "campaign_reports"
    primary_keys = ("campaign_key", "reported_on")


class CampaignReach(ReportStream):
    """How many contacts each campaign reached over each channel, day by day."""

    name = "campaign_reach"
    primary_keys = ("campaign_key", "reported_on", "channel")

    def rows(self, envelope: Envelope) -> list[Row]:
        """Return a row per channel."""
        return [
            {"channel": channel, "reached": count}
            for channel, count in parse_counts(envelope.body.get("campaign-reach"))
        ]


class CampaignLocations(ReportStream):
    """How many contacts each campaign reached in each country, day by day."""

    name = "campaign_locations"
    primary_keys = ("campaign_key", "reported_on", "country")

    def rows(self, envelope: Envelope) -> list[Row]:
        """Return a row per country."""
        # Zoho's JSON misspells the name.
        counts = envelope.body.get("campaign-by-loaction") or envelope.body.get(
            "campaign-by-location"
        )
        return [
            {"country": country, "reached": count}
            for country, count in parse_counts(counts)
        ]
