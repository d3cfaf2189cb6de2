"""Looks up what an endpoint answers about: accounts, lists, campaigns, pages."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from tap_zohocampaigns.sandbox.bodies import reports
from tap_zohocampaigns.sandbox.bodies.envelope import Page
from tap_zohocampaigns.sandbox.server.requests import Code, RefusedError
from tap_zohocampaigns.sandbox.world.account import EVENTS, STATUSES, FullAccount

if t.TYPE_CHECKING:
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

_T = t.TypeVar("_T")

DEFAULT_RANGE = 20


@dataclass(frozen=True, slots=True)
class Lookups:
    """An account, and the form in which it is shown.

    Attributes:
        account: What is shown.
        choices: The forms that Zoho's pages leave open.
        clamp: Most rows of a page; the others are silently missing. None: no limit.
        echo_clamped: Whether the answer names the range that was used, or the one
            that was asked for.
    """

    account: Account
    choices: Choices
    clamp: int | None
    echo_clamped: bool

    def full_account(self, *, none: Code) -> FullAccount:
        """Return the account if it has everything; `none` is the refusal if not."""
        if isinstance(self.account, FullAccount):
            return self.account
        raise RefusedError(none)

    def timeline(
        self, question: Question, rows: Sequence[Recipient]
    ) -> dict[str, Sequence[datetime]] | None:
        """Return the events of recipients by contact ID; None if not asked for."""
        key, action = (question.params[name] for name in ("campaignkey", "action"))
        asked = question.text("type")
        if not asked or asked != EVENTS.get(action):
            return None
        account = self.full_account(none=Code.NO_RECIPIENTS)
        return {
            row.contact.contact_id: account.events(key, action, row.contact)
            for row in rows
        }

    def rows_from_zero(self, question: Question, rows: Sequence[_T]) -> Sequence[_T]:
        """Return the rows of a page whose index starts at 0."""
        details = question.details()
        first = details.number("from_index", 0)
        return rows[first : first + details.number("range", DEFAULT_RANGE)]

    def counts_of(self, one: MailingList) -> dict[str, int]:
        """Return the number of contacts of a list in each status."""
        return {
            status: self.account.subscribers(one.key, status) for status in STATUSES
        }

    def list_of(
        self,
        key: str,
        *,
        unknown: Code = Code.LIST,
        deleted: Code = Code.COUNT_DELETED,
    ) -> MailingList:
        """Return a list by its key, or refuse."""
        for one in self.account.lists():
            if one.key == key:
                if one.deleted:
                    raise RefusedError(deleted)
                return one
        raise RefusedError(unknown)

    def sent_campaign(
        self,
        question: Question,
        *,
        unknown: Code = Code.UNSENT,
        unsent: Code = Code.UNSENT,
    ) -> Campaign:
        """Return the campaign of a question, or refuse if it was not sent."""
        campaign = self.account.campaign(question.params["campaignkey"])
        if campaign is None:
            raise RefusedError(unknown)
        if campaign.sent is None:
            raise RefusedError(unsent)
        return campaign

    def audience_of(self, campaign: Campaign) -> reports.Audience | None:
        """Return the list and the segments that a campaign was sent to."""
        lists = {one.key: one for one in self.account.lists()}
        if campaign.list_key not in lists:
            return None
        one = lists[campaign.list_key]
        return reports.Audience(
            one,
            self.account.subscribers(one.key, "active"),
            [*filter(None, map(self.account.segment, campaign.cvids))],
        )

    def page_of_rows(
        self, question: Question, rows: Sequence[_T], *, none: Code
    ) -> tuple[Page, Sequence[_T]]:
        """Return a page and its rows; refuse with `none` if it has no row."""
        page, part = self.rows_from_one(question, rows)
        if not part:
            raise RefusedError(none)
        return page, part

    def rows_from_one(
        self, question: Question, rows: Sequence[_T]
    ) -> tuple[Page, Sequence[_T]]:
        """Return a page and its rows; the index starts at 1."""
        first = max(question.number("fromindex", 1), 1)
        asked = question.number("range", DEFAULT_RANGE) or DEFAULT_RANGE
        used = asked if self.clamp is None else min(asked, self.clamp)
        part = rows[first - 1 : first - 1 + used]
        shown = used if self.echo_clamped else asked
        return Page(question.uri, first, shown, len(rows)), part
