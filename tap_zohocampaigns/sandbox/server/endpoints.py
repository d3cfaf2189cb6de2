"""The answers of the API: a question in, a page of the account out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

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
from tap_zohocampaigns.sandbox.bodies.envelope import Page, encode, version
from tap_zohocampaigns.sandbox.server.requests import Code, RefusedError
from tap_zohocampaigns.sandbox.world.account import EVENTS, STATUSES, FullAccount

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tap_zohocampaigns.sandbox.bodies.choices import Choices
    from tap_zohocampaigns.sandbox.server.requests import Question
    from tap_zohocampaigns.sandbox.world.account import (
        Account,
        Campaign,
        MailingList,
        Recipient,
    )

_T = TypeVar("_T")

_DEFAULT_RANGE = 20


@dataclass(frozen=True, slots=True)
class Endpoints:
    """An account with the endpoints that show it.

    A page has at most `clamp` rows; the rest is silently missing. With
    `echo_clamped` the answer tells the range that was used, else the one asked for.
    """

    account: Account
    choices: Choices
    clamp: int | None
    echo_clamped: bool

    def lists(self, question: Question) -> bytes:
        """Answer getmailinglists."""
        rows = [one for one in self.account.lists() if not one.deleted]
        sent = self.account.campaigns()
        known = [
            lists.ListRow(
                mailing_list=one,
                segments=self.account.segments(one.key),
                numbers=self._numbers(one),
                campaigns=sum(each.list_key == one.key for each in sent),
                sent_campaigns=sum(
                    each.list_key == one.key and each.sent is not None for each in sent
                ),
                sno=len(rows) - place,
            )
            for place, one in enumerate(rows)
        ]
        order = question.order or "desc"
        ordered = known[::-1] if order == "asc" else known
        page, part = self._page(question, ordered, none=Code.NO_LISTS)
        if question.as_json:
            zone = self.account.zone
            return encode(lists.as_json(page, order, part, zone, self.choices.segments))
        return lists.as_xml(page, order, part, self.choices.segments)

    def count(self, question: Question) -> bytes:
        """Answer listsubscriberscount."""
        # Version 1 has no status: it counts the active ones, whatever is asked.
        old = version(question.uri) == "1"
        status = "active" if old else question.text("status", "active")
        one = self._list(question.params["listkey"])
        count = self.account.subscribers(one.key, status)
        if question.as_json:
            return encode(lists.count_as_json(question.uri, count))
        return lists.count_as_xml(question.uri, count)

    def subscribers(self, question: Question) -> bytes:
        """Answer getlistsubscribers."""
        one = self._list(
            question.params["listkey"],
            unknown=Code.FEED_LIST,
            deleted=Code.FEED_DELETED,
        )
        account = self._full(none=Code.NO_SUBSCRIBERS)
        feed = subscribers.Feed(
            one,
            account.subscribers(one.key, "active"),
            question.text("status", "active"),
            question.order or "asc",
        )
        rows = account.contacts(one.key, feed.status)
        ordered = rows[::-1] if feed.order == "desc" else rows
        page, part = self._page(question, ordered, none=Code.NO_SUBSCRIBERS)
        if question.as_json:
            return encode(subscribers.as_json(page, feed, part, account.zone))
        return subscribers.as_xml(page, feed, part, account.zone)

    def list_details(self, question: Question) -> bytes:
        """Answer getlistadvanceddetails; a list without campaigns has details too."""
        one = self._list(question.params["listkey"], deleted=Code.DELETED)
        filtertype = question.text("filtertype", "sentcampaigns")
        all_of_it = [
            each for each in self.account.campaigns() if each.list_key == one.key
        ]
        sent = [each for each in all_of_it if each.sent is not None]
        scheduled = [each for each in all_of_it if each.status == "Scheduled"]
        shown = {"sentcampaigns": sent, "scheduledcampaigns": scheduled}
        page, part = self._part(question, shown.get(filtertype, all_of_it))
        board = subscribers.Dashboard(
            one, self._numbers(one), len(sent), len(scheduled), part
        )
        zone = self.account.zone
        if question.as_json:
            return encode(subscribers.details_as_json(page, filtertype, board, zone))
        return subscribers.details_as_xml(page, filtertype, board, zone)

    def segment_details(self, question: Question) -> bytes:
        """Answer getsegmentdetails."""
        self._list(question.params["listkey"])
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
        page, part = self._page(
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
        page, part = self._page(question, ordered, none=Code.NO_CAMPAIGNS)
        zone = self.account.zone
        if question.as_json:
            return encode(campaigns.as_json(page, status, part, zone))
        return campaigns.as_xml(page, part, zone)

    def details(self, question: Question) -> bytes:
        """Answer getcampaigndetails; of the wrong type a campaign has no reports."""
        campaign = self._sent(question, unknown=Code.CAMPAIGN, unsent=Code.NO_DETAILS)
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
            audience=self._audience(campaign),
            zone=self.account.zone,
        )
        if question.as_json:
            forms = (self.choices.places, self.choices.segments_info)
            return encode(reports.details_as_json(question.uri, story, *forms))
        return reports.details_as_xml(question.uri, story)

    def report(self, question: Question) -> bytes:
        """Answer campaignreports."""
        campaign = self._sent(question)
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
        campaign, action = self._sent(question), question.params["action"]
        rows = self.account.recipients(campaign.key, action)
        page, part = self._page(question, rows, none=Code.NO_RECIPIENTS)
        sheet = recipients.Sheet(
            campaign, action, self.account.zone, self._timeline(question, part)
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
        account = self._full(none=Code.NO_TAGS)
        rows = account.tags()
        if not rows:
            raise RefusedError(Code.NO_TAGS)
        return encode(reference.tags(rows, account.zone))

    def topics(self, question: Question) -> bytes:
        """Answer topics; their pages count from nought, and may be empty."""
        rows = self._full(none=Code.NO_TOPICS).topics()
        if not rows:
            raise RefusedError(Code.NO_TOPICS)
        return encode(reference.topics(question.uri, self._from_nought(question, rows)))

    def products(self, question: Question) -> bytes:
        """Answer topics/products; their pages count from nought, and may be empty."""
        account = self.account
        rows = account.products() if isinstance(account, FullAccount) else ()
        return encode(
            reference.products(question.uri, self._from_nought(question, rows))
        )

    def workflows(self, question: Question) -> bytes:
        """Answer workflow; all belong to the user."""
        details = question.details()
        if details.text("trigger_type", "open") != "open":
            raise RefusedError(Code.TRIGGER)
        account = self._full(none=Code.NO_WORKFLOWS)
        order = details.text("sort_order", "desc")
        limit = details.number("limit", _DEFAULT_RANGE) or _DEFAULT_RANGE
        first = max(details.number("page", 1) - 1, 0) * limit
        rows = account.workflows()[:: -1 if order == "asc" else 1]
        part = rows[first : first + limit]
        if not part or details.text("user", "all") == "other":
            raise RefusedError(Code.NO_WORKFLOWS)
        return encode(
            reference.workflows(question.uri, limit, order, part, account.zone)
        )

    def _full(self, *, none: Code) -> FullAccount:
        if isinstance(self.account, FullAccount):
            return self.account
        raise RefusedError(none)

    def _timeline(
        self, question: Question, rows: Sequence[Recipient]
    ) -> dict[str, Sequence[datetime]] | None:
        key, action = (question.params[name] for name in ("campaignkey", "action"))
        asked = question.text("type")
        if not asked or asked != EVENTS.get(action):
            return None
        account = self._full(none=Code.NO_RECIPIENTS)
        return {
            row.contact.contact_id: account.events(key, action, row.contact)
            for row in rows
        }

    def _from_nought(self, question: Question, rows: Sequence[_T]) -> Sequence[_T]:
        details = question.details()
        first = details.number("from_index", 0)
        return rows[first : first + details.number("range", _DEFAULT_RANGE)]

    def _numbers(self, one: MailingList) -> dict[str, int]:
        return {
            status: self.account.subscribers(one.key, status) for status in STATUSES
        }

    def _list(
        self,
        key: str,
        *,
        unknown: Code = Code.LIST,
        deleted: Code = Code.COUNT_DELETED,
    ) -> MailingList:
        for one in self.account.lists():
            if one.key == key:
                if one.deleted:
                    raise RefusedError(deleted)
                return one
        raise RefusedError(unknown)

    def _sent(
        self,
        question: Question,
        *,
        unknown: Code = Code.UNSENT,
        unsent: Code = Code.UNSENT,
    ) -> Campaign:
        campaign = self.account.campaign(question.params["campaignkey"])
        if campaign is None:
            raise RefusedError(unknown)
        if campaign.sent is None:
            raise RefusedError(unsent)
        return campaign

    def _audience(self, campaign: Campaign) -> reports.Audience | None:
        lists = {one.key: one for one in self.account.lists()}
        if campaign.list_key not in lists:
            return None
        one = lists[campaign.list_key]
        return reports.Audience(
            one,
            self.account.subscribers(one.key, "active"),
            [*filter(None, map(self.account.segment, campaign.cvids))],
        )

    def _page(
        self, question: Question, rows: Sequence[_T], *, none: Code
    ) -> tuple[Page, Sequence[_T]]:
        page, part = self._part(question, rows)
        if not part:
            raise RefusedError(none)
        return page, part

    def _part(
        self, question: Question, rows: Sequence[_T]
    ) -> tuple[Page, Sequence[_T]]:
        first = max(question.number("fromindex", 1), 1)
        asked = question.number("range", _DEFAULT_RANGE) or _DEFAULT_RANGE
        used = asked if self.clamp is None else min(asked, self.clamp)
        part = rows[first - 1 : first - 1 + used]
        told = used if self.echo_clamped else asked
        return Page(question.uri, first, told, len(rows)), part


def _status_word(status: str) -> str:
    """Make the filter word `drafts` and the value `Draft` comparable."""
    return status.strip().lower().replace(" ", "").removesuffix("s")
