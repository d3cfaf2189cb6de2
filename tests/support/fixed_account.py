"""A fixed account: every value in it is written here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tap_zohocampaigns.sandbox.world.account import (
    ACTIONS,
    Campaign,
    Contact,
    Criterion,
    Field,
    MailingList,
    Member,
    Product,
    Recipient,
    Segment,
    Tag,
    Topic,
    Workflow,
    tally,
)

WINTER = datetime(2013, 1, 15, 17, 39, 21, tzinfo=UTC)
SPRING = datetime(2025, 3, 11, 12, 55, 7, tzinfo=UTC)
SUMMER = datetime(2013, 8, 2, 16, 39, 21, tzinfo=UTC)

ODD_CONTACT = Contact(
    email="O'Neil+news@Example.com",
    contact_id="303000014269257",
    first_name='Zoë "Zo" <z>',
    last_name="O'Neil & Sons, Jr.",
    company="明 & Co. < 5",
    phone="+1 555 0100",
    custom={"last seen yymmdd": "240311", "favourite colour": "red & white"},
)
MINIMAL_CONTACT = Contact(email="bare@example.com", contact_id="303000014269258")

MAILING_LIST = MailingList(
    key="3z" + "a" * 64,
    name="News & <offers>",
    description="",
    created=SPRING,
    updated=SUMMER,
    number="1234567890123456",
    owner="O'Brien",
    zuid="4179027",
)
DELETED = replace(MAILING_LIST, key="3z" + "8" * 64, deleted=True)
SEGMENT = Segment(
    cvid="303000014567003",
    list_key=MAILING_LIST.key,
    name="Blue & green",
    criteria=(
        Criterion("Favourite colour", "is", "blue", "and"),
        Criterion("Contact Email", "contains", "@", "or"),
    ),
)
TOPIC = Topic("80696000000044001", "Offers & <more>", "1293333000000044003")
SENT = Campaign(
    key="3z" + "b" * 64,
    campaign_id="1293333000000000001",
    name="Survey & more",
    subject="How < are you?",
    sender="news@example.com",
    reply_to="reply@example.com",
    status="Sent",
    kind="normal",
    created=WINTER,
    updated=SUMMER,
    sent=SUMMER,
    zuid="4179027",
    list_key=MAILING_LIST.key,
    cvids=(SEGMENT.cvid,),
    topic=TOPIC,
)
CHILDREN = tuple(
    replace(SENT, key="3z" + letter * 64, parent_key="3z" + "c" * 64) for letter in "de"
)
AB_CAMPAIGN = replace(
    SENT,
    key="3z" + "c" * 64,
    kind="abtesting",
    cvids=(),
    topic=None,
    children=tuple(child.key for child in CHILDREN),
)
DRAFT = replace(SENT, key="3z" + "f" * 64, status="Draft", sent=None)


@dataclass
class FixedAccount:
    """Two campaigns and a draft, one list, one segment, two contacts."""

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("America/New_York"))
    people: tuple[Contact, ...] = (ODD_CONTACT, MINIMAL_CONTACT)

    def lists(self) -> tuple[MailingList, ...]:
        old = replace(MAILING_LIST, key="3z" + "9" * 64, description="Old, but gold")
        return (MAILING_LIST, DELETED, old)

    def segments(self, list_key: str) -> tuple[Segment, ...]:
        return (SEGMENT,) if list_key == MAILING_LIST.key else ()

    def segment(self, cvid: str) -> Segment | None:
        return SEGMENT if cvid == SEGMENT.cvid else None

    def members(self, cvid: str) -> tuple[Member, ...]:
        assert cvid == SEGMENT.cvid
        return tuple(Member(one, WINTER) for one in self.people)

    def subscribers(self, list_key: str, status: str) -> int:
        assert list_key in {one.key for one in self.lists()}
        return {"active": 12, "unsub": 3, "bounce": 2, "spam": 1}[status]

    def contacts(self, list_key: str, status: str) -> tuple[Member, ...]:
        assert list_key == MAILING_LIST.key
        people = {"active": self.people, "recent": self.people[:1]}.get(status, ())
        return tuple(Member(one, WINTER) for one in people)

    def events(
        self, campaign_key: str, action: str, contact: Contact
    ) -> tuple[datetime, ...]:
        assert campaign_key == SENT.key
        return {
            ("openedcontacts", ODD_CONTACT.email): (SUMMER, SPRING),
            ("clickedcontacts", ODD_CONTACT.email): (SPRING,),
        }.get((action, contact.email), ())

    def fields(self) -> tuple[Field, ...]:
        return (
            Field("1293333000000009991", "Favourite colour", "picklist", 50),
            Field("1293333000000009993", "Last seen yymmdd", "integer", 6),
        )

    def tags(self) -> tuple[Tag, ...]:
        words = ("16492000023685218", "SATLIV", "Test & Tag", "#48b9d1", "O'Brien")
        return (
            Tag(*words, zuid="4179027", created=WINTER, modified=SUMMER, contacts=64),
            Tag(
                "16492000023685001",
                "CLARA",
                "",
                "#ff458a",
                "O'Brien",
                zuid="4179027",
                created=WINTER,
                modified=WINTER,
                contacts=0,
            ),
        )

    def topics(self) -> tuple[Topic, ...]:
        return (TOPIC, Topic("80696000000044005", "default", "1293333000000044007"))

    def products(self) -> tuple[Product, ...]:
        return (Product("74726000000064001", "P1"), Product("74726000000064003", "P2"))

    def workflows(self) -> tuple[Workflow, ...]:
        return tuple(
            Workflow("3z" + one * 64, "3z" + one * 63 + "f", f"Workflow {one}", WINTER)
            for one in "12"
        )

    def campaigns(self) -> tuple[Campaign, ...]:
        return (DRAFT, SENT, AB_CAMPAIGN)

    def campaign(self, key: str) -> Campaign | None:
        known = (*self.campaigns(), *CHILDREN)
        return next((one for one in known if one.key == key), None)

    def recipients(self, campaign_key: str, action: str) -> tuple[Recipient, ...]:
        row = Recipient(ODD_CONTACT, SUMMER)
        if campaign_key != SENT.key or action == "spamcontacts":
            return ()
        if action == "optoutcontacts":
            return (replace(row, contact_status="unsub", opted_out=SPRING),)
        if action == "senthardbounce":
            return (replace(row, contact_status="bounce", bounced=SUMMER),)
        return tuple(replace(row, contact=one) for one in self.people)

    def report(self, campaign_key: str) -> dict[str, int]:
        numbers = {one: len(self.recipients(campaign_key, one)) for one in ACTIONS}
        # Bounced e-mails count as sent.
        for bounced in ("senthardbounce", "sentsoftbounce"):
            numbers["sentcontacts"] += numbers[bounced]
        return tally(numbers)
