"""Fields, tags, topics, products and workflows of an account. They never change."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime, timedelta

from tap_zohocampaigns.sandbox.world.account import Field, Product, Tag, Topic, Workflow
from tap_zohocampaigns.sandbox.world.randomness import draws, key

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox.world.identity import Identity

_FIRST_DAY = datetime(2017, 5, 2, 14, 20, tzinfo=UTC)
_FIELD, _TAG, _TOPIC, _PRODUCT = 50, 51, 52, 53

_FIELDS = (
    Field("", "Last seen yymmdd", "integer", 6),
    Field("", "Favourite colour", "picklist", 50),
)
_TAGS = (
    ("VIP", "#48b9d1", "Spends > 1,000 & comes back"),
    ("webinar, autumn", "#ff458a", ""),
    ("Партнер", "#81d0d1", "Partners, north of 60°"),
    ('"hot" lead', "#e4c949", "undefined"),
)
_TOPICS = (
    ("default", ""),
    ("Offers & events", "What is cheaper < 10 days"),
    ("Новини", "Once a month"),
)
_PRODUCTS = ("Tea & coffee", "Cups")
_WORKFLOWS = ("Welcome", "Birthday & anniversary", 'The "come back" mails')


class Office:
    """Custom fields, tags, topics, products and workflows of one account."""

    def __init__(self, identity: Identity, lists: int, contacts: int) -> None:
        """Make them; without lists or contacts, some are missing."""
        self._identity = identity
        seed = identity.seed
        self.fields: t.Final = tuple(
            Field(identity.number(_FIELD, place), one.name, one.kind, one.length)
            for place, one in enumerate(_FIELDS)
        )
        self.tags: t.Final = tuple(
            self._tag(place, contacts) for place in reversed(range(len(_TAGS)))
        )[: contacts and len(_TAGS)]
        self.topics: t.Final = tuple(
            Topic(
                topic_id=identity.number(_TOPIC, place),
                name=name,
                primary_list=f"129{identity.list_number(place % lists)}",
                description=description,
            )
            for place, (name, description) in enumerate(_TOPICS if lists else ())
        )
        self.products: t.Final = tuple(
            Product(identity.number(_PRODUCT, place), name)
            for place, name in enumerate(_PRODUCTS if lists else ())
        )
        self.workflows: t.Final = tuple(
            Workflow(
                key=key(seed, "workflow", place),
                trigger_key=key(seed, "trigger", place),
                name=_WORKFLOWS[place],
                created=_FIRST_DAY + timedelta(days=211.3 * (place + 1)),
            )
            for place in reversed(range(len(_WORKFLOWS) if lists else 0))
        )

    def _tag(self, place: int, contacts: int) -> Tag:
        name, colour, description = _TAGS[place]
        share, days, *_ = draws(self._identity.seed, "tag", place)
        created = _FIRST_DAY + timedelta(days=100 * place + int(90 * days))
        return Tag(
            tag_id=self._identity.number(_TAG, place),
            name=name,
            description=description,
            colour=colour,
            owner="Sandbox & Co.",
            zuid=self._identity.zuid,
            created=created,
            modified=created + timedelta(days=31, hours=5),
            contacts=int(share * contacts),
        )
