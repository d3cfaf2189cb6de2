"""The calls of the API: parameters in, a page of the account out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeVar

from tap_zohocampaigns.sandbox.account import ACTIONS, STATUSES
from tap_zohocampaigns.sandbox.forms import (
    campaigns,
    lists,
    recipients,
    reports,
    segments,
)
from tap_zohocampaigns.sandbox.forms.envelope import (
    Page,
    encode,
    error,
    gateway_error,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tap_zohocampaigns.sandbox.account import Account, Campaign, MailingList
    from tap_zohocampaigns.sandbox.forms.lists import SegmentsForm

_T = TypeVar("_T")

_DEFAULT_RANGE = 20


class Code(StrEnum):
    """The codes of errors that the sandbox knows."""

    MISSING = "903"
    PATTERN = "1001"
    TYPE = "1005"
    STATUS = "2001"
    LIST = "2202"
    NO_LISTS = "2401"
    SEGMENT = "2603"
    NO_MEMBERS = "2604"
    CAMPAIGN = "6002"
    NO_CAMPAIGNS = "6101"
    NO_RECIPIENTS = "6303"


_SENTENCES = {
    Code.MISSING: "Mandatory fields are missing.",
    Code.PATTERN: "Pattern doesn't match.",
    Code.TYPE: "Please enter correct data type format.",
    Code.STATUS: "Please enter the data in correct format.",
    Code.LIST: "Listkey is empty or invalid.",
    Code.NO_LISTS: "There are no mailing lists.",
    Code.SEGMENT: "Error in getting segments details. Please try after sometime.",
    Code.NO_MEMBERS: "There are no contacts in this segments.",
    Code.CAMPAIGN: "Invalid campaign key (or) campaign is not yet sent.",
    Code.NO_CAMPAIGNS: "There are no campaigns in this view.",
    Code.NO_RECIPIENTS: "There are no contacts in the selected mailing list.",
}
_GATEWAY_CODES = (Code.MISSING, Code.PATTERN, Code.TYPE)


class RefusedError(Exception):
    """The service says no, with a `Code`."""


@dataclass(frozen=True, slots=True)
class Question:
    """A call that came through the gates. `uri` is what the answer calls itself."""

    endpoint: str
    uri: str
    params: Mapping[str, str]

    @property
    def as_json(self) -> bool:
        """Whether JSON was asked for; the default is XML."""
        return wants_json(self.params)

    def demand(self, names: Sequence[str]) -> None:
        """Refuse when one of the parameters is missing or empty."""
        if not all(map(self.params.get, names)):
            raise RefusedError(Code.MISSING)

    def number(self, name: str, default: int) -> int:
        """Return a parameter that has to be a number."""
        text = self.params.get(name) or str(default)
        if not text.isdecimal():
            raise RefusedError(Code.TYPE)
        return int(text)


def wants_json(params: Mapping[str, str]) -> bool:
    """Whether parameters ask for JSON, in any case of letters."""
    return params.get("resfmt", "").lower() == "json"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """An account with the endpoints that show it.

    A page has at most `clamp` rows; the rest is silently missing. With
    `echo_clamped` the answer tells the range that was used, else the one asked for.
    """

    account: Account
    segments_form: SegmentsForm
    clamp: int | None
    echo_clamped: bool

    def answer(self, question: Question) -> bytes:
        """Return the body for a question to one of `ENDPOINTS`."""
        mandatory, method = ENDPOINTS[question.endpoint]
        try:
            question.demand(mandatory)
            return method(self, question)
        except RefusedError as refused:
            (code,) = refused.args
            write = gateway_error if code in _GATEWAY_CODES else error
            return write(question.uri, code, _SENTENCES[code], as_json=question.as_json)

    def lists(self, question: Question) -> bytes:
        """Answer getmailinglists."""
        rows, sent = self.account.lists(), self.account.campaigns()
        known = [
            lists.ListRow(
                mailing_list=one,
                segments=self.account.segments(one.key),
                numbers={
                    status: self.account.subscribers(one.key, status)
                    for status in STATUSES
                },
                campaigns=sum(each.list_key == one.key for each in sent),
                sent_campaigns=sum(
                    each.list_key == one.key and each.sent is not None for each in sent
                ),
                sno=len(rows) - place,
            )
            for place, one in enumerate(rows)
        ]
        order, ordered = self._ordered(question, known)
        page, part = self._page(question, ordered, none=Code.NO_LISTS)
        if question.as_json:
            zone = self.account.zone
            return encode(lists.as_json(page, order, part, zone, self.segments_form))
        return lists.as_xml(page, order, part, self.segments_form)

    def subscribers(self, question: Question) -> bytes:
        """Answer listsubscriberscount."""
        key = question.params["listkey"]
        status = question.params.get("status") or "active"
        self._list(key)
        if status not in STATUSES:
            raise RefusedError(Code.STATUS)
        count = self.account.subscribers(key, status)
        if question.as_json:
            return encode(lists.count_as_json(question.uri, count))
        return lists.count_as_xml(question.uri, count)

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
        status = question.params.get("status") or "All"
        words = {_status_word(word) for word in status.split("|")}
        rows = [
            row
            for row in self.account.campaigns()
            if words & {"all", "allcampaign", _status_word(row.status)}
        ]
        _, ordered = self._ordered(question, rows)
        page, part = self._page(question, ordered, none=Code.NO_CAMPAIGNS)
        zone = self.account.zone
        if question.as_json:
            return encode(campaigns.as_json(page, status, part, zone))
        return campaigns.as_xml(page, part, zone)

    def details(self, question: Question) -> bytes:
        """Answer getcampaigndetails; an A/B campaign has to be called one."""
        campaign = self._sent(question)
        named = question.params.get("campaigntype", "") == "abtesting"
        silent = campaign.kind == "abtesting" and not named
        story = reports.Story(
            campaign=campaign,
            counts=None if silent else self.account.report(campaign.key),
            children={
                child: self.account.report(child)
                for child in campaign.children
                if named
            },
            audience=self._audience(campaign),
            zone=self.account.zone,
        )
        if question.as_json:
            return encode(reports.details_as_json(question.uri, story))
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
            return encode(reports.report_as_json(question.uri, story))
        return reports.report_as_xml(question.uri, story)

    def recipients(self, question: Question) -> bytes:
        """Answer getcampaignrecipientsdata."""
        campaign, action = self._sent(question), question.params["action"]
        if action not in ACTIONS:
            raise RefusedError(Code.PATTERN)
        rows = self.account.recipients(campaign.key, action)
        page, part = self._page(question, rows, none=Code.NO_RECIPIENTS)
        zone = self.account.zone
        if question.as_json:
            return encode(recipients.as_json(page, action, part, zone))
        return recipients.as_xml(page, action, part, campaign, zone)

    def _list(self, key: str) -> MailingList:
        for one in self.account.lists():
            if one.key == key:
                return one
        raise RefusedError(Code.LIST)

    def _sent(self, question: Question) -> Campaign:
        campaign = self.account.campaign(question.params["campaignkey"])
        if campaign is None or campaign.sent is None:
            raise RefusedError(Code.CAMPAIGN)
        return campaign

    def _audience(self, campaign: Campaign) -> reports.Audience | None:
        key = campaign.list_key
        if key is None:
            return None
        return reports.Audience(
            self._list(key), self.account.subscribers(key, "active")
        )

    def _ordered(
        self, question: Question, rows: Sequence[_T]
    ) -> tuple[str, Sequence[_T]]:
        if question.params.get("sort", "").lower() == "asc":
            return "asc", rows[::-1]
        return "desc", rows

    def _page(
        self, question: Question, rows: Sequence[_T], *, none: Code
    ) -> tuple[Page, Sequence[_T]]:
        first = max(question.number("fromindex", 1), 1)
        asked = question.number("range", _DEFAULT_RANGE) or _DEFAULT_RANGE
        used = asked if self.clamp is None else min(asked, self.clamp)
        part = rows[first - 1 : first - 1 + used]
        if not part:
            raise RefusedError(none)
        told = used if self.echo_clamped else asked
        return Page(question.uri, first, told, len(rows)), part


def _status_word(status: str) -> str:
    """Make the filter word `drafts` and the value `Draft` comparable."""
    return status.strip().lower().replace(" ", "").removesuffix("s")


ENDPOINTS: Final[
    Mapping[str, tuple[tuple[str, ...], Callable[[Endpoints, Question], bytes]]]
] = {
    "getmailinglists": ((), Endpoints.lists),
    "listsubscriberscount": (("listkey",), Endpoints.subscribers),
    "getsegmentdetails": (("listkey", "cvid"), Endpoints.segment_details),
    "getsegmentcontacts": (("cvid",), Endpoints.segment_contacts),
    "recentcampaigns": ((), Endpoints.campaigns),
    "getcampaigndetails": (("campaignkey",), Endpoints.details),
    "campaignreports": (("campaignkey",), Endpoints.report),
    "getcampaignreports": (("campaignkey",), Endpoints.report),
    "getcampaignrecipientsdata": (("campaignkey", "action"), Endpoints.recipients),
}
"""The mandatory parameters of each endpoint, and the method that answers it."""
