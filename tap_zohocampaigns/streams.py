"""One class per stream."""

from __future__ import annotations

import re
import typing as t
from collections import Counter

from tap_zohocampaigns.account import read_segments, read_subscribers
from tap_zohocampaigns.api.errors import Failed
from tap_zohocampaigns.api.values import CUSTOM, as_key
from tap_zohocampaigns.api.wire import (
    as_list,
    as_objects,
    inside,
    java_list,
)
from tap_zohocampaigns.campaigns import DetailStream, ReportStream
from tap_zohocampaigns.client import Part, ZohoStream
from tap_zohocampaigns.events import EventStream
from tap_zohocampaigns.incremental import MembersStream, StatefulStream
from tap_zohocampaigns.messages import page
from tap_zohocampaigns.office import OfficeStream
from tap_zohocampaigns.recipients import CampaignStream

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.api.wire import Envelope, Json, Row
    from tap_zohocampaigns.incremental import PartSnapshot
    from tap_zohocampaigns.messages import Page

# https://www.zoho.com/campaigns/help/developers/view-total-contacts.html
STATUSES = ("active", "unsub", "bounce", "spam")


class MailingLists(ZohoStream):
    """The mailing lists of the account."""

    name = "mailing_lists"
    primary_keys = ("list_key",)
    endpoint = "getmailinglists"

    def records(self, part: Part) -> Iterator[list[Row]]:
        """Yield the lists that the account has read already for other streams."""
        del part
        rows = self.account.lists
        self.progress.calls[self.endpoint] = self.account.calls[self.endpoint]
        yield self.converter.records(rows)


class ListDetails(ZohoStream):
    """Numbers of each list, and the places of its contacts."""

    name = "list_details"
    primary_keys = ("list_key",)
    endpoint = "getlistadvanceddetails"
    # A call for each list.
    selected_by_default = False

    def parts(self) -> Iterator[Part]:
        """Return the lists; of the campaigns that come with each, one is the least."""
        for mailing_list in self.account.lists:
            key = mailing_list["listkey"]
            yield Part(
                {
                    "listkey": key,
                    "filtertype": "sentcampaigns",
                    "fromindex": "1",
                    "range": "1",
                },
                {"list_key": key},
                owner=key,
            )

    def records(self, part: Part) -> Iterator[list[Row]]:
        """Yield the list."""
        envelope = self.call(self.endpoint, part.params)
        if envelope is None:
            return
        body = envelope.body
        record = self.converter.record(
            inside(body, "list_details")
            | inside(body, "list_dashboard_data", "contact_stats")
        )
        told = body.get("local_subscribers")
        try:
            record["places"] = read_places(told) or None
        except (Failed, TypeError, ValueError):
            kept = {"local_subscribers": told}
            record[CUSTOM] = {**(record.get(CUSTOM) or {}), **kept}
        yield [record]


class Segments(ZohoStream):
    """The segments of the lists, and their conditions."""

    name = "segments"
    primary_keys = ("cvid",)
    endpoint = "getsegmentdetails"

    def parts(self) -> Iterator[Part]:
        """Return the segments."""
        for segment in self.account.segments:
            yield Part(
                {"listkey": segment.list_key or "", "cvid": segment.cvid},
                {"cvid": segment.cvid, "list_key": segment.list_key},
                owner=segment.cvid,
                about=segment.about,
            )

    def records(self, part: Part) -> Iterator[list[Row]]:
        """Yield the segment, with its conditions if its list is known."""
        record = self.converter.record(part.about)
        if part.params["listkey"]:
            envelope = self.call(self.endpoint, part.params)
            told = envelope.payload if envelope else None
            try:
                record["criteria"] = read_criteria(told) or None
            except (Failed, ValueError):
                record[CUSTOM] = {
                    **(record.get(CUSTOM) or {}),
                    "segments_details": told,
                }
        yield [record]


class SegmentContacts(MembersStream):
    """Who is in each segment."""

    name = "segment_contacts"
    primary_keys = ("cvid", "contact_email")
    replication_key = "added_time"
    endpoint = "getsegmentcontacts"
    identity = "contact_email"
    has_custom_fields = True

    def parts(self) -> Iterator[Part]:
        """Return the segments."""
        setting = "cvids" if self._zoho.settings.get("cvids") else ""
        for cvid in self.account.cvids:
            keys = self.keys_of(cvid)
            yield Part({"cvid": cvid}, keys, owner=cvid, setting=setting)

    def keys_of(self, owner: str) -> Row:
        """Return the ID of a segment as a key."""
        return {"cvid": owner}


class ListSubscriberCounts(StatefulStream):
    """How many contacts each list has in each status, one row a day."""

    name = "list_subscriber_counts"
    primary_keys = ("list_key", "status", "counted_on")
    replication_key = "counted_on"
    endpoint = "listsubscriberscount"
    keeps_history = True

    def parts(self) -> Iterator[Part]:
        """Return the lists, in each status."""
        for mailing_list in self.account.lists:
            for status in STATUSES:
                key = mailing_list["listkey"]
                yield Part(
                    {"listkey": key, "status": status},
                    {"list_key": key, "status": status},
                    owner=key,
                )

    def records(self, part: Part) -> Iterator[list[Row]]:
        """Yield the one count; its day is that of the answer."""
        if envelope := self.call(self.endpoint, part.params):
            record = self.converter.record({"no_of_contacts": envelope.payload})
            yield [record | {"counted_on": self._zoho.now().date().isoformat()}]


class ListSubscribers(MembersStream):
    """Who is in each list, in each status."""

    name = "list_subscribers"
    primary_keys = ("list_key", "status", "contact_email")
    replication_key = "added_time"
    endpoint = "getlistsubscribers"
    identity = "contact_email"
    has_custom_fields = True
    selected_by_default = False

    def parts(self) -> Iterator[Part]:
        """Return the lists, in each status."""
        for mailing_list in self.account.lists:
            for status, count in read_subscribers(mailing_list).items():
                params = {"listkey": mailing_list["listkey"], "status": status}
                owner = "/".join(params.values())
                keys = self.keys_of(owner)
                yield Part(params, keys, owner=owner, expected=count)

    def keys_of(self, owner: str) -> Row:
        """Return the list and the status as keys."""
        list_key, _, status = owner.rpartition("/")
        return {"list_key": list_key, "status": status}


class Campaigns(ZohoStream):
    """All campaigns, drafts included."""

    name = "campaigns"
    primary_keys = ("campaign_key",)
    endpoint = "recentcampaigns"

    def records(self, part: Part) -> Iterator[list[Row]]:
        """Yield the campaigns that the account has read already for other streams."""
        del part
        rows = self.account.campaigns
        self.progress.calls[self.endpoint] = self.account.calls[self.endpoint]
        yield self.converter.records(rows)


class CampaignRecipients(CampaignStream):
    """Whom each campaign reached, and what they did."""

    name = "campaign_recipients"
    primary_keys = ("campaign_key", "action", "contact_email")
    replication_key = "sent_time"
    endpoint = "getcampaignrecipientsdata"
    identity = "contact_email"
    has_custom_fields = True


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
            for channel, number in read_counts(envelope.body.get("campaign-reach"))
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
            for country, number in read_counts(told)
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
        lost = Counter[str]()
        lists = as_objects(envelope.body.get("associated_mailing_lists"))
        try:
            segments = read_segments(envelope.body.get("segments_info"), lost)
        except Failed:
            raise Failed(_CAMPAIGN_LISTS) from None
        return [
            *({**row, "source_id": as_key(row.get("listkey"))} for row in lists),
            *(
                {**row, "cvid": cvid, "source_id": cvid}
                for cvid, row in segments.items()
            ),
            # Those without an ID are told of with the lists that have no key.
            *({} for _ in range(lost.total())),
        ]


class RecipientEvents(EventStream):
    """Each open and each click, with its time."""

    name = "recipient_events"
    primary_keys = ("campaign_key", "action", "contact_email", "event_time")
    replication_key = "event_time"
    selected_by_default = False
    timelines: t.ClassVar = {
        "openedcontacts": "open_timeline",
        "clickedcontacts": "click_timeline",
    }


class ContactFields(OfficeStream):
    """The fields that contacts can have."""

    name = "contact_fields"
    primary_keys = ("field_id",)
    endpoint = "contact/allfields"


class Tags(OfficeStream):
    """The tags that contacts can have."""

    name = "tags"
    primary_keys = ("tag_id",)
    endpoint = "tag/getalltags"


class Topics(OfficeStream):
    """The topics that contacts consent to."""

    name = "topics"
    primary_keys = ("topic_id",)
    endpoint = "topics"
    # https://www.zoho.com/campaigns/help/developers/get-topics.html
    details = "{from_index:%(before)d,range:%(size)d}"


class Products(OfficeStream):
    """The products that topics belong to."""

    name = "products"
    primary_keys = ("product_id",)
    endpoint = "topics/products"
    details = Topics.details


class Workflows(OfficeStream):
    """The open custom workflows."""

    name = "workflows"
    primary_keys = ("workflow_key",)
    endpoint = "workflow"
    # https://www.zoho.com/campaigns/help/developers/get-open-custom-workflows.html
    details = (
        '{"page":"%(page)d","limit":"%(size)d","sort_order":"asc","user":"all",'
        '"trigger_type":"open"}'
    )


class AccountRow(ZohoStream):
    """The account itself, in one row."""

    name = "account"
    primary_keys = ("account_id",)
    last = True

    def records(self, part: Part) -> Iterator[list[Row]]:
        """Yield what is known of the account."""
        del part
        settings = self._zoho.settings
        record = {
            "account_id": self.account.client.account_id,
            "data_center": settings["data_center"],
            "time_zone": self.account.zone.key,
            "api_version": settings["api_version"],
        }
        yield [record | {"scopes": sorted(self.account.client.served)}]


class Snapshots(ZohoStream):
    """When each part of other streams was read whole, with its rows."""

    name = "snapshots"
    primary_keys = ("snapshot_id",)
    keeps_history = True

    def begin(self) -> None:
        """Begin nothing: there is nothing to read."""

    def get_records(self, context: object) -> Iterator[Page]:
        """Yield nothing: rows are written when a part is done, before its state is."""
        del context
        return iter(())

    def write(self, snapshot: PartSnapshot) -> None:
        """Write the row of a part that has just been read whole, or is deleted."""
        if not self.selected:
            return
        if not self.progress.value:
            self._write_schema_message()
        place = snapshot.place
        record = dict.fromkeys(self.schema["properties"]) | place
        record |= {
            "snapshot_id": "/".join([snapshot.stream, *place.values()]),
            "stream": snapshot.stream,
            "snapshot_time": snapshot.keys["snapshot_time"],
            "rows_read": snapshot.rows,
            "rows_reported": snapshot.reported,
            "rows_without_key": snapshot.without_key,
            "deleted": snapshot.deleted,
        }
        self._write_record_message(page(self.stamp([record], Part())))
        self.progress.add(1)


LIST: tuple[type[ZohoStream], ...] = (
    MailingLists,
    ListDetails,
    Segments,
    SegmentContacts,
    ListSubscriberCounts,
    ListSubscribers,
    Campaigns,
    CampaignDetails,
    CampaignAbVariants,
    CampaignLists,
    CampaignReports,
    CampaignReach,
    CampaignLocations,
    CampaignRecipients,
    RecipientEvents,
    ContactFields,
    Tags,
    Topics,
    Products,
    Workflows,
    AccountRow,
    Snapshots,
)


def read_places(value: Json) -> list[Row]:
    """Read how many contacts are in each place.

    Raises:
        Failed: It has another form.
        TypeError: A number is nothing.
        ValueError: A number is none.
    """
    return [
        {"place": place, "contact_count": int(number)}
        for place, number in read_counts(value)
    ]


_COUNT = re.compile(r"([^=]*)=\s*([0-9]+)\s*(?:,\s*|$)")


def read_counts(value: Json) -> list[tuple[str, Json]]:
    """Read what is counted by name: of an object, of several, or of a Java map's text.

    In such a text names may have commas, as `{Korea, Republic of=2, India=1}`.

    Raises:
        Failed: It has another form.
    """
    if isinstance(value, str) and value.strip().startswith("{"):
        text = value.strip().removeprefix("{").removesuffix("}")
        if not _COUNT.sub("", text).strip():
            return _COUNT.findall(text)
    counts: Row = {}
    for each in as_objects(value):
        if counts.keys() & each.keys():
            msg = "Zoho sent counts in a form that this version does not know."
            raise Failed(msg)
        counts |= each
    return [*counts.items()]


def read_criteria(value: Json) -> list[Row]:
    """Read the conditions of a segment, one object each, in order.

    XML has an element for each. JSON has the text of a Java map, in which every name
    holds the list of that name's values:
    https://www.zoho.com/campaigns/help/developers/get-segment-details.html

    Raises:
        Failed: It has another form.
        ValueError: It has no conditions, or the lists are not of the same length.
    """
    rows = as_objects(value)
    if rows and "criteria" in rows[0]:
        rows = as_objects(rows[0]["criteria"])
    if not rows:
        return []
    if "column_comparator" in rows[0]:
        columns, comparators, compared, operators = (
            java_list(told) if isinstance(told, str) else as_list(told)
            for told in (
                rows[0].get("column_name"),
                rows[0].get("column_comparator"),
                rows[0].get("column_value"),
                rows[0].get("logical_operator"),
            )
        )
    else:
        names = ("column_name", "comparator", "column_value", "operator")
        columns, comparators, compared, operators = (
            [row.get(name) for row in rows] for name in names
        )
    if None in columns:
        raise ValueError
    # Operators stand between conditions; some count one more, before the first.
    joins = [None, *operators[len(operators) - len(columns) + 1 :]]
    return [
        {
            "column_name": column,
            "comparator": comparator,
            "column_value": against,
            "operator": joins[position] if position < len(joins) else None,
        }
        for position, (column, comparator, against) in enumerate(
            zip(columns, comparators, compared, strict=True)
        )
    ]
