"""Mailing lists, segments and their members."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.api.wire.converter import CUSTOM
from tap_zohocampaigns.api.wire.parsers import (
    parse_criteria,
    parse_places,
    parse_subscriber_counts,
)
from tap_zohocampaigns.api.wire.shapes import object_at
from tap_zohocampaigns.sync.base import ZohoStream
from tap_zohocampaigns.sync.incremental import StatefulStream
from tap_zohocampaigns.sync.members import MembersStream
from tap_zohocampaigns.sync.parts import Part

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.api.wire.types import Row


# https://www.zoho.com/campaigns/help/developers/view-total-contacts.html
STATUSES = ("active", "unsub", "bounce", "spam")


class MailingLists(ZohoStream):
    """The mailing lists of the account."""

    name = "mailing_lists"
    primary_keys = ("list_key",)
    endpoint = "getmailinglists"

    def records(self, part: Part) -> Iterator[list[Row]]:
        """Yield the lists, which several streams share."""
        del part
        rows = self.inventory.lists
        self.progress.calls[self.endpoint] = self.inventory.calls[self.endpoint]
        yield self.converter.records(rows)


class ListDetails(ZohoStream):
    """Numbers of each list, and the places of its contacts."""

    name = "list_details"
    primary_keys = ("list_key",)
    endpoint = "getlistadvanceddetails"
    # It costs a call for each list.
    selected_by_default = False

    def parts(self) -> Iterator[Part]:
        """Return the lists. At least one campaign comes with each."""
        for mailing_list in self.inventory.lists:
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
            object_at(body, "list_details")
            | object_at(body, "list_dashboard_data", "contact_stats")
        )
        places = body.get("local_subscribers")
        try:
            record["places"] = parse_places(places) or None
        except (FatalError, TypeError, ValueError):
            unknown = {"local_subscribers": places}
            record[CUSTOM] = {**(record.get(CUSTOM) or {}), **unknown}
        yield [record]


class Segments(ZohoStream):
    """The segments of the lists, and their conditions."""

    name = "segments"
    primary_keys = ("cvid",)
    endpoint = "getsegmentdetails"

    def parts(self) -> Iterator[Part]:
        """Return the segments."""
        for segment in self.inventory.segments:
            yield Part(
                {"listkey": segment.list_key or "", "cvid": segment.cvid},
                {"cvid": segment.cvid, "list_key": segment.list_key},
                owner=segment.cvid,
                fields=segment.fields,
            )

    def records(self, part: Part) -> Iterator[list[Row]]:
        """Yield the segment, with its conditions if its list is known."""
        record = self.converter.record(part.fields)
        if part.params["listkey"]:
            envelope = self.call(self.endpoint, part.params)
            criteria = envelope.payload if envelope else None
            try:
                record["criteria"] = parse_criteria(criteria) or None
            except (FatalError, ValueError):
                record[CUSTOM] = {
                    **(record.get(CUSTOM) or {}),
                    "segments_details": criteria,
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
        setting = "cvids" if self.run.settings.get("cvids") else ""
        for cvid in self.inventory.cvids:
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
        for mailing_list in self.inventory.lists:
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
            yield [record | {"counted_on": self.run.now().date().isoformat()}]


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
        for mailing_list in self.inventory.lists:
            for status, count in parse_subscriber_counts(mailing_list).items():
                params = {"listkey": mailing_list["listkey"], "status": status}
                owner = "/".join(params.values())
                keys = self.keys_of(owner)
                yield Part(params, keys, owner=owner, expected=count)

    def keys_of(self, owner: str) -> Row:
        """Return the list and the status as keys."""
        list_key, _, status = owner.rpartition("/")
        return {"list_key": list_key, "status": status}
