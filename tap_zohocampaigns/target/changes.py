"""A record of a warehouse -> what is to be done with a contact."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b

from singer_sdk.singerlib.json import deserialize_json, serialize_json

from tap_zohocampaigns.api.contactinfo import ADDRESS, sendable

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    Record: t.TypeAlias = dict[str, t.Any]
    Key: t.TypeAlias = tuple[str, ...]

_EMAIL = "contact_email"
# What stands in the record beside the fields: its own name -> that of the parameter.
_PARAMS: t.Final = {
    "subscribe": {"list_key": "listkey", "topic_id": "topic_id", "source": "source"},
    "unsubscribe": {"list_key": "listkey", "topic_id": "topic_id"},
    "do_not_mail": {},
}
_CUSTOM = "custom_fields"
_RESERVED = {_EMAIL, "list_key", "topic_id", "source", _CUSTOM}
# As the streams of the tap name what Zoho shows by other names.
_DISPLAYED = {
    "first_name": "First Name",
    "last_name": "Last Name",
    "company_name": "Company Name",
    "phone": "Phone",
}
# Columns that loaders add.
_LOADERS = "_sdc_"
# No float has more before the point.
_MOST_DIGITS = 308
_PART = r"[^\s@<>()\[\]\\,;:\"]+"
_LOOKS_RIGHT = re.compile(rf"{_PART}@{_PART}\.{_PART}")
# https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1
_LONGEST_ADDRESS = 320
_NAME_ADDRESS = "let `stream_maps` name the column of addresses so"
_NAME_LIST = "set `list_key`, or let `stream_maps` name the column of lists so"


class InvalidRecord(Exception):
    """A record can't be sent; the text says why, without what is in it."""

    def __init__(self, reason: str, *, way_out: str = "", column: bool = False) -> None:
        """Tell why.

        Args:
            reason: A sentence.
            way_out: What to do when no record of the stream can be sent.
            column: Whether it is about a column, not about what is in it: then it is
                hardly the fault of one record.
        """
        super().__init__(reason)
        self.way_out = way_out
        self.column = column


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done with one contact.

    Attributes:
        number: Which record of the input it is, counted from one.
        stream: The stream of the record.
        action: `subscribe`, `unsubscribe` or `do_not_mail`.
        email: The address.
        params: The list and other parameters, as Zoho names them; none is empty.
        fields: The other fields of the contact by their display names.
        record: The record itself.
    """

    number: int
    stream: str
    action: str
    email: str
    params: Mapping[str, str]
    fields: Mapping[str, str]
    record: Record

    @property
    def who(self) -> str:
        """What tells contacts apart, whatever the case of their addresses."""
        return self.email.lower()

    @property
    def key(self) -> Key:
        """What the change is about: of two with the same key, the last one counts."""
        return (self.who, *map(self.params.get, ("listkey", "topic_id")))  # type: ignore[arg-type]

    @property
    def bare(self) -> bool:
        """Whether nothing is to be told of a new subscriber but the address."""
        bare = not self.fields and self.params.keys() == {"listkey"}
        # How often the service decodes a list of addresses is not known, and decoded
        # twice these would be those of others.
        plain = "%" not in self.email and not self.email.startswith("+")
        return bare and plain and self.action == "subscribe"

    @property
    def contact(self) -> dict[str, str]:
        """The fields, the address among them."""
        return {**self.fields, ADDRESS: self.email}

    @property
    def digest(self) -> bytes:
        """A hash of all that is sent."""
        told = serialize_json([self.action, self.contact, self.params], sort_keys=True)
        return blake2b(told.encode(), digest_size=16).digest()


class Reader:
    """Makes changes of records."""

    def __init__(self, config: Mapping[str, t.Any]) -> None:
        """Take the settings `list_key`, `topic_id` and `source`."""
        self._defaults = config

    def change(self, number: int, stream: str, action: str, record: Record) -> Change:
        """Return what a record asks for.

        Raises:
            InvalidRecord: It can't be sent.
        """
        email = _text(record.get(_EMAIL)).strip()
        if not email:
            msg = f"`{_EMAIL}` is missing."
            raise InvalidRecord(msg, way_out=_NAME_ADDRESS, column=_EMAIL not in record)
        if len(email) > _LONGEST_ADDRESS or not _LOOKS_RIGHT.fullmatch(email):
            msg = f"`{_EMAIL}` is no address."
            raise InvalidRecord(msg)
        named = {
            # Columns of a fixed width are padded.
            param: _text(record.get(name)).strip() or _text(self._defaults.get(name))
            for name, param in _PARAMS[action].items()
        }
        params = {param: told for param, told in named.items() if told}
        if "listkey" in named and "listkey" not in params:
            msg = "`list_key` is missing, in the record and in the settings."
            raise InvalidRecord(msg, way_out=_NAME_LIST, column=True)
        # To leave, nobody has to tell more than the address.
        fields = _fields(record) if action == "subscribe" else {}
        told = (email, *params.values(), *fields, *fields.values())
        if not all(map(sendable, told)):
            msg = "It holds a character that no contact can."
            raise InvalidRecord(msg)
        return Change(number, stream, action, email, params, fields, record)


def _fields(record: Record) -> dict[str, str]:
    # These have the names of Zoho already.
    told = [*_custom_fields(record).items()]
    told += [
        (_DISPLAYED.get(name, name), value)
        for name, value in record.items()
        if name not in _RESERVED
    ]
    # What is not known is not sent, and takes nothing from what is.
    return {
        name: text for name, value in told if (text := _text(value)) and _is_field(name)
    }


def _is_field(name: str) -> bool:
    # The address can't be a field too.
    address = name.strip().casefold() == ADDRESS.casefold()
    return bool(name) and not name.startswith(_LOADERS) and not address


def _custom_fields(record: Record) -> Record:
    told = record.get(_CUSTOM)
    if isinstance(told, str):
        # Databases without objects keep them as texts.
        try:
            told = deserialize_json(told) if told.strip() else None
        except (ValueError, RecursionError):
            told = ""
    if told is None:
        return {}
    if not isinstance(told, dict):
        msg = f"`{_CUSTOM}` is neither an object nor the JSON of one."
        raise InvalidRecord(msg, column=True)
    return told


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | Decimal):
        return _number(Decimal(str(value)))
    if isinstance(value, dict | list):
        msg = "A field holds an object or a list."
        raise InvalidRecord(msg, column=True)
    return str(value)


def _number(number: Decimal) -> str:
    if not number.is_finite():
        # So writers of JSON tell that there is none.
        return ""
    short = abs(number.adjusted()) <= _MOST_DIGITS
    return f"{number:f}" if short else str(number)
