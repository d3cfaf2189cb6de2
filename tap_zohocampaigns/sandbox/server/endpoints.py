"""The answers of the endpoints: a question in, a body out."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.sandbox.bodies import (
    campaigns,
    fields,
    lists,
    recipients,
    reference,
    reports,
    segments,
    subscribers,
)
from tap_zohocampaigns.sandbox.bodies.envelope import encode, version
from tap_zohocampaigns.sandbox.server.lookups import DEFAULT_RANGE, Lookups
from tap_zohocampaigns.sandbox.server.requests import Code, RefusedError
from tap_zohocampaigns.sandbox.world.account import FullAccount

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox.server.requests import Question


class Endpoints(Lookups):
    """The endpoints of an account. Each method returns a body."""

    __slots__ = ()

    def lists(self, question: Question) -> bytes:
        """Answer getmailinglists."""
        rows = [one for one in self.account.lists() if not one.deleted]
        sent = self.account.campaigns()
        known = [
            lists.ListRow(
                mailing_list=one,
                segments=self.account.segments(one.key),
                numbers=self.counts_of(one),
                campaigns=sum(campaign.list_key == one.key for campaign in sent),
                sent_campaigns=sum(
                    campaign.list_key == one.key and campaign.sent is not None
                    for campaign in sent
                ),
                sno=len(rows) - place,
            )
            for place, one in enumerate(rows)
        ]
        order = question.order or "desc"
        ordered = known[::-1] if order == "asc" else known
        page, part = self.page_of_rows(question, ordered, none=Code.NO_LISTS)
        if question.as_json:
            zone = self.account.zone
            return encode(lists.as_json(page, order, part, zone, self.choices.segments))
        return lists.as_xml(page, order, part, self.choices.segments)

    def count(self, question: Question) -> bytes:
        """Answer listsubscriberscount."""
        # Version 1 ignores the status and counts active contacts.
        old = version(question.uri) == "1"
        status = "active" if old else question.text("status", "active")
        one = self.list_of(question.params["listkey"])
        count = self.account.subscribers(one.key, status)
        if question.as_json:
            return encode(lists.count_as_json(question.uri, count))
        return lists.count_as_xml(question.uri, count)

    def subscribers(self, question: Question) -> bytes:
        """Answer getlistsubscribers."""
        one = self.list_of(
            question.params["listkey"],
            unknown=Code.FEED_LIST,
            deleted=Code.FEED_DELETED,
        )
        account = self.full_account(none=Code.NO_SUBSCRIBERS)
        feed = subscribers.Feed(
            one,
            account.subscribers(one.key, "active"),
            question.text("status", "active"),
            question.order or "asc",
        )
        rows = account.contacts(one.key, feed.status)
        ordered = rows[::-1] if feed.order == "desc" else rows
        page, part = self.page_of_rows(question, ordered, none=Code.NO_SUBSCRIBERS)
        if question.as_json:
            return encode(subscribers.as_json(page, feed, part, account.zone))
        return subscribers.as_xml(page, feed, part, account.zone)

    def list_details(self, question: Question) -> bytes:
        """Answer getlistadvanceddetails; a list without campaigns has details too."""
        one = self.list_of(question.params["listkey"], deleted=Code.DELETED)
        filtertype = question.text("filtertype", "sentcampaigns")
        all_of_it = [
            campaign
            for campaign in self.account.campaigns()
            if campaign.list_key == one.key
        ]
        sent = [campaign for campaign in all_of_it if campaign.sent is not None]
        scheduled = [
            campaign for campaign in all_of_it if campaign.status == "Scheduled"
        ]
        shown = {"sentcampaigns": sent, "scheduledcampaigns": scheduled}
        page, part = self.rows_from_one(question, shown.get(filtertype, all_of_it))
        board = subscribers.Dashboard(
            one, self.counts_of(one), len(sent), len(scheduled), part
        )
        zone = self.account.zone
        if question.as_json:
            return encode(subscribers.details_as_json(page, filtertype, board, zone))
        return subscribers.details_as_xml(page, filtertype, board, zone)

    def segment_details(self, question: Question) -> bytes:
        """Answer getsegmentdetails."""
        self.list_of(question.params["listkey"])
        segment = self.account.segment(question.params["cvid"])
        if segment is None or segment.list_key != question.params["listkey"]:
            raise RefusedError(Code.SEGMENT)
        if question.as_json:
            return encode(segments.details_as_json(question.uri, segment))
        return segments.details_as_xml(question.uri, segment)

    def segment_contacts(self, question: Question) -> bytes:
        """Answer getsegmentcontacts."""
        cvid = question.params["cvid"]
        if self.account.segment(cvid) is None:
            raise RefusedError(Code.SEGMENT)
        page, part = self.page_of_rows(
            question, self.account.members(cvid), none=Code.NO_MEMBERS
        )
        zone = self.account.zone
        if question.as_json:
            return encode(segments.contacts_as_json(page, cvid, part, zone))
        return segments.contacts_as_xml(page, cvid, part, zone)

    def campaigns(self, question: Question) -> bytes:
        """Answer recentcampaigns."""
        status = question.text("status", "All")
        words = {_status_word(word) for word in status.split("|")}
        rows = [
            row
            for row in self.account.campaigns()
            if words & {"all", "allcampaign", _status_word(row.status)}
        ]
        ordered = rows[::-1] if question.order == "asc" else rows
        page, part = self.page_of_rows(question, ordered, none=Code.NO_CAMPAIGNS)
        zone = self.account.zone
        if question.as_json:
            return encode(campaigns.as_json(page, status, part, zone))
        return campaigns.as_xml(page, part, zone)

    def details(self, question: Question) -> bytes:
        """Answer getcampaigndetails; of the wrong type a campaign has no reports."""
        campaign = self.sent_campaign(
            question, unknown=Code.CAMPAIGN, unsent=Code.NO_DETAILS
        )
        named = question.text("campaigntype", "normal")
        matching = named == campaign.kind
        story = reports.Story(
            campaign=campaign,
            counts=self.account.report(campaign.key) if matching else None,
            children={
                child: self.account.report(child)
                for child in campaign.children
                if matching
            },
            audience=self.audience_of(campaign),
            zone=self.account.zone,
        )
        if question.as_json:
            forms = (self.choices.places, self.choices.segments_info)
            return encode(reports.details_as_json(question.uri, story, *forms))
        return reports.details_as_xml(question.uri, story)

    def report(self, question: Question) -> bytes:
        """Answer campaignreports."""
        campaign = self.sent_campaign(question)
        story = reports.Story(
            campaign=campaign,
            counts=self.account.report(campaign.key),
            children={},
            audience=None,
            zone=self.account.zone,
        )
        if question.as_json:
            form = self.choices.places
            return encode(reports.report_as_json(question.uri, story, form))
        return reports.report_as_xml(question.uri, story)

    def recipients(self, question: Question) -> bytes:
        """Answer getcampaignrecipientsdata."""
        campaign, action = self.sent_campaign(question), question.params["action"]
        rows = self.account.recipients(campaign.key, action)
        page, part = self.page_of_rows(question, rows, none=Code.NO_RECIPIENTS)
        sheet = recipients.Sheet(
            campaign, action, self.account.zone, self.timeline(question, part)
        )
        if question.as_json:
            form = self.choices.timeline
            return encode(recipients.as_json(page, sheet, part, form))
        return recipients.as_xml(page, sheet, part)

    def fields(self, question: Question) -> bytes:
        """Answer contact/allfields."""
        account = self.account
        custom = account.fields() if isinstance(account, FullAccount) else ()
        if question.as_json:
            return encode(fields.as_json(question.uri, custom, self.choices.fields))
        return fields.as_xml(question.uri, custom, self.choices.fields)

    def tags(self, _: Question) -> bytes:
        """Answer tag/getalltags, which has no pages."""
        account = self.full_account(none=Code.NO_TAGS)
        rows = account.tags()
        if not rows:
            raise RefusedError(Code.NO_TAGS)
        return encode(reference.tags(rows, account.zone))

    def topics(self, question: Question) -> bytes:
        """Answer topics; the index of pages starts at 0, and pages may be empty."""
        rows = self.full_account(none=Code.NO_TOPICS).topics()
        if not rows:
            raise RefusedError(Code.NO_TOPICS)
        return encode(
            reference.topics(question.uri, self.rows_from_zero(question, rows))
        )

    def products(self, question: Question) -> bytes:
        """Answer topics/products; the index starts at 0, and pages may be empty."""
        account = self.account
        rows = account.products() if isinstance(account, FullAccount) else ()
        return encode(
            reference.products(question.uri, self.rows_from_zero(question, rows))
        )

    def workflows(self, question: Question) -> bytes:
        """Answer workflow; all belong to the user."""
        details = question.details()
        if details.text("trigger_type", "open") != "open":
            raise RefusedError(Code.TRIGGER)
        account = self.full_account(none=Code.NO_WORKFLOWS)
        order = details.text("sort_order", "desc")
        limit = details.number("limit", DEFAULT_RANGE) or DEFAULT_RANGE
        first = max(details.number("page", 1) - 1, 0) * limit
        rows = account.workflows()[:: -1 if order == "asc" else 1]
        part = rows[first : first + limit]
        if not part or details.text("user", "all") == "other":
            raise RefusedError(Code.NO_WORKFLOWS)
        return encode(
            reference.workflows(question.uri, limit, order, part, account.zone)
        )


def _status_word(status: str) -> str:
    """Return a status so that the filter `drafts` equals the value `Draft`."""
    return status.strip().lower().replace(" ", "").removesuffix("s")
