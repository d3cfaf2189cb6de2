"""What an account of Zoho Campaigns consists of, as the sandbox sees it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

ACTIONS: t.Final = (
    "sentcontacts",
    "openedcontacts",
    "optoutcontacts",
    "spamcontacts",
    "unopenedcontacts",
    "clickedcontacts",
    "senthardbounce",
    "sentsoftbounce",
    "unsentcontacts",
)
"""The `action` words of getcampaignrecipientsdata."""

STATUSES: t.Final = ("active", "unsub", "bounce", "spam")
"""The `status` words of listsubscriberscount."""

FEED_STATUSES: t.Final = ("active", "recent", "mostrecent", "unsub", "bounce")
"""The `status` words of getlistsubscribers; the recent ones are parts of `active`."""

EVENTS: t.Final = {
    "openedcontacts": "open_timeline",
    "clickedcontacts": "click_timeline",
}
"""The actions with times of each recipient, and the `type` to ask for."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A person. An absent text is empty; custom names are lower-case, with spaces."""

    email: str
    contact_id: str
    first_name: str = ""
    last_name: str = ""
    company: str = ""
    phone: str = ""
    custom: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Member:
    """A contact in a segment or list, and when it was added to the account (UTC)."""

    contact: Contact
    added: datetime


@dataclass(frozen=True, slots=True)
class MailingList:
    """A mailing list; `number` is its `listunino`, and like `zuid` it is digits.

    One that is `deleted` is not shown, but its key is still known.
    """

    key: str
    name: str
    description: str
    created: datetime
    updated: datetime
    number: str
    owner: str
    zuid: str
    public: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Criterion:
    """One condition of a segment; `operator` joins it to the one before."""

    column: str
    comparator: str
    value: str
    operator: str = "and"


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of a list; `cvid` is 15 to 18 digits."""

    cvid: str
    list_key: str
    name: str
    criteria: tuple[Criterion, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """A custom field of contacts; its values are under its lower-case `name`.

    `kind` is what Zoho calls UITYPE: `text`, `integer`, `date`, `picklist`, …
    """

    field_id: str
    name: str
    kind: str = "text"
    length: int = 100


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag, and how many contacts have it."""

    tag_id: str
    name: str
    description: str
    colour: str
    owner: str
    zuid: str
    created: datetime
    modified: datetime
    contacts: int


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic that contacts consent to; `primary_list` is the id of a list."""

    topic_id: str
    name: str
    primary_list: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Product:
    """A product that topics belong to."""

    product_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Workflow:
    """A custom workflow that the API may trigger."""

    key: str
    trigger_key: str
    name: str
    created: datetime


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign: a draft while `sent` is None.

    An A/B campaign (`kind` "abtesting") has two `children`, whose keys hold its
    test sends; a child names it in `parent_key`. `cvids` are segments that it went
    to beside its list.
    """

    key: str
    campaign_id: str
    name: str
    subject: str
    sender: str
    reply_to: str
    status: str
    kind: str
    created: datetime
    updated: datetime
    sent: datetime | None
    children: tuple[str, ...] = ()
    zuid: str = "0"
    parent_key: str | None = None
    list_key: str | None = None
    cvids: tuple[str, ...] = ()
    topic: Topic | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """One e-mail of a campaign, as the rows of an action show it."""

    contact: Contact
    sent: datetime
    contact_status: str = "active"
    bounced: datetime | None = None
    opted_out: datetime | None = None


class Account(t.Protocol):
    """An account that a `Service` can serve. All times are aware and in UTC."""

    @property
    def zone(self) -> ZoneInfo:
        """The zone of times that are texts, such as `02 Aug 2013, 12:39 PM`."""

    def lists(self) -> Sequence[MailingList]:
        """All mailing lists, newest first, deleted ones included."""

    def segments(self, list_key: str) -> Sequence[Segment]:
        """The segments of a list."""

    def segment(self, cvid: str) -> Segment | None:
        """The segment with this id."""

    def members(self, cvid: str) -> Sequence[Member]:
        """Who is in a segment now."""

    def subscribers(self, list_key: str, status: str) -> int:
        """How many contacts of a list have a status of `STATUSES`."""

    def campaigns(self) -> Sequence[Campaign]:
        """All campaigns, newest first, without the children of A/B campaigns."""

    def campaign(self, key: str) -> Campaign | None:
        """The campaign, or child of an A/B campaign, with this key."""

    def recipients(self, campaign_key: str, action: str) -> Sequence[Recipient]:
        """The e-mails of a campaign that belong to one of `ACTIONS` now."""

    def report(self, campaign_key: str) -> Mapping[str, int]:
        """The counts of campaignreports by their names on the wire; see `tally`."""


@t.runtime_checkable
class FullAccount(Account, t.Protocol):
    """An account with contacts of lists, events, fields, tags, topics and workflows.

    A plain `Account` is served as if it had none of these.
    """

    def contacts(self, list_key: str, status: str) -> Sequence[Member]:
        """The contacts of a list that have a status of `FEED_STATUSES` now."""

    def events(
        self, campaign_key: str, action: str, contact: Contact
    ) -> Sequence[datetime]:
        """When a recipient did an action of `EVENTS`: each open, or each click."""

    def fields(self) -> Sequence[Field]:
        """The custom fields of contacts."""

    def tags(self) -> Sequence[Tag]:
        """All tags, newest first."""

    def topics(self) -> Sequence[Topic]:
        """All topics."""

    def products(self) -> Sequence[Product]:
        """All products."""

    def workflows(self) -> Sequence[Workflow]:
        """All open custom workflows, newest first."""


@t.runtime_checkable
class WritableAccount(Account, t.Protocol):
    """An account whose contacts can be changed.

    Others refuse all calls that change contacts.
    """

    def status(self, email: str, list_key: str) -> str:
        """The status of a contact in a list now; empty if it is not in the list."""

    def blocked(self, email: str) -> bool:
        """Whether a contact must get no mail at all."""

    def enter(
        self, email: str, list_key: str | None, status: str, fields: Mapping[str, str]
    ) -> None:
        """Give a contact a status in a list, or in all, and fields by their names."""


def tally(numbers: Mapping[str, int]) -> dict[str, int]:
    """Turn numbers of recipients by action into the counts of campaignreports."""
    count = {action: numbers.get(action, 0) for action in ACTIONS}
    bounces = count["senthardbounce"] + count["sentsoftbounce"]
    return {
        "emails_sent_count": count["sentcontacts"],
        "delivered_count": max(count["sentcontacts"] - bounces, 0),
        "opens_count": count["openedcontacts"],
        "unopened": count["unopenedcontacts"],
        "unique_clicks_count": count["clickedcontacts"],
        "bounces_count": bounces,
        "hardbounce_count": count["senthardbounce"],
        "softbounce_count": count["sentsoftbounce"],
        "unsent_count": count["unsentcontacts"],
        "unsub_count": count["optoutcontacts"],
        "spams_count": count["spamcontacts"],
        "complaints_count": count["spamcontacts"],
        "forwards_count": 0,
        "autoreply_count": 0,
    }
