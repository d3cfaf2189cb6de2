"""Turns records of a warehouse into changes of contacts."""

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
# Action -> names of columns that are parameters, with Zoho's names of them.
_PARAMS: t.Final = {
    "subscribe": {"list_key": "listkey", "topic_id": "topic_id", "source": "source"},
    "unsubscribe": {"list_key": "listkey", "topic_id": "topic_id"},
    "do_not_mail": {},
}
_CUSTOM = "custom_fields"
_RESERVED = {_EMAIL, "list_key", "topic_id", "source", _CUSTOM}
# Columns that the tap names otherwise than Zoho.
_DISPLAY_NAMES = {
    "first_name": "First Name",
    "last_name": "Last Name",
    "company_name": "Company Name",
    "phone": "Phone",
}
# Prefix of columns that loaders add.
_LOADER_PREFIX = "_sdc_"
# No float has more digits before the point.
_MOST_DIGITS = 308
_PART = r"[^\s@<>()\[\]\\,;:\"]+"
_ADDRESS_PATTERN = re.compile(rf"{_PART}@{_PART}\.{_PART}")
# https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1
_LONGEST_ADDRESS = 320
_ADVICE_ADDRESS = "give the column of addresses that name with `stream_maps`"
_ADVICE_LIST = (
    "set `list_key`, or give the column of lists that name with `stream_maps`"
)


class InvalidRecord(Exception):
    """A record can't be sent; the text says why, without its values."""

    def __init__(self, reason: str, *, advice: str = "", column: bool = False) -> None:
        """Keep the reason.

        Args:
            reason: A sentence.
            advice: What to do if no record of the stream can be sent.
            column: Whether a column is wrong, and not its value. Then other records
                are likely to be invalid too.
        """
        super().__init__(reason)
        self.advice = advice
        self.column = column


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one contact.

    Attributes:
        number: Number of the record in the input, from 1.
        stream: The stream of the record.
        action: `subscribe`, `unsubscribe` or `do_not_mail`.
        email: The address.
        params: The list and other parameters, as Zoho names them; none is empty.
        fields: Other fields of the contact, by display name.
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
    def contact_id(self) -> str:
        """The address in lower case, since Zoho ignores its case."""
        return self.email.lower()

    @property
    def key(self) -> Key:
        """Contact, list and topics. Only the last change of a key is sent."""
        names = ("listkey", "topic_id")
        return (self.contact_id, *(self.params.get(name, "") for name in names))

    @property
    def address_only(self) -> bool:
        """Whether it subscribes a contact with only an address and a list."""
        alone = not self.fields and self.params.keys() == {"listkey"}
        # It is not known how often Zoho decodes a list of addresses. If it did so
        # twice, these would become other addresses.
        plain = "%" not in self.email and not self.email.startswith("+")
        return alone and plain and self.action == "subscribe"

    @property
    def contact(self) -> dict[str, str]:
        """All fields, with the address."""
        return {**self.fields, ADDRESS: self.email}

    @property
    def digest(self) -> bytes:
        """A hash of everything that is sent."""
        text = serialize_json([self.action, self.contact, self.params], sort_keys=True)
        return blake2b(text.encode(), digest_size=16).digest()


class ChangeReader:
    """Turns records into changes."""

    def __init__(self, config: Mapping[str, t.Any]) -> None:
        """Keep the settings `list_key`, `topic_id` and `source`."""
        self._defaults = config

    def change(self, number: int, stream: str, action: str, record: Record) -> Change:
        """Return the change that a record asks for.

        Raises:
            InvalidRecord: It can't be sent.
        """
        email = _text(record.get(_EMAIL)).strip()
        if not email:
            msg = f"`{_EMAIL}` is missing."
            raise InvalidRecord(
                msg, advice=_ADVICE_ADDRESS, column=_EMAIL not in record
            )
        if len(email) > _LONGEST_ADDRESS or not _ADDRESS_PATTERN.fullmatch(email):
            msg = f"`{_EMAIL}` is not an address."
            raise InvalidRecord(msg)
        named = {
            # Columns of a fixed width are padded.
            param: _text(record.get(name)).strip() or _text(self._defaults.get(name))
            for name, param in _PARAMS[action].items()
        }
        params = {param: text for param, text in named.items() if text}
        if "listkey" in named and "listkey" not in params:
            msg = "`list_key` is missing, in the record and in the settings."
            raise InvalidRecord(msg, advice=_ADVICE_LIST, column=True)
        # Only a subscription has other fields than the address.
        fields = _fields(record) if action == "subscribe" else {}
        texts = (email, *params.values(), *fields, *fields.values())
        if not all(map(sendable, texts)):
            msg = "It holds a character that Zoho can't store."
            raise InvalidRecord(msg)
        return Change(number, stream, action, email, params, fields, record)


def _fields(record: Record) -> dict[str, str]:
    # Custom fields already have Zoho's names.
    fields = [*_custom_fields(record).items()]
    fields += [
        (_DISPLAY_NAMES.get(name, name), value)
        for name, value in record.items()
        if name not in _RESERVED
    ]
    # Empty fields are not sent, so they delete nothing.
    return {
        name: text
        for name, value in fields
        if (text := _text(value)) and _is_field(name)
    }


def _is_field(name: str) -> bool:
    # The address is sent already.
    address = name.strip().casefold() == ADDRESS.casefold()
    return bool(name) and not name.startswith(_LOADER_PREFIX) and not address


def _custom_fields(record: Record) -> Record:
    fields = record.get(_CUSTOM)
    if isinstance(fields, str):
        # Databases without a type for objects store their JSON.
        try:
            fields = deserialize_json(fields) if fields.strip() else None
        except (ValueError, RecursionError):
            fields = ""
    if fields is None:
        return {}
    if not isinstance(fields, dict):
        msg = f"`{_CUSTOM}` is neither an object nor the JSON of one."
        raise InvalidRecord(msg, column=True)
    return fields


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
        # Some writers of JSON write NaN for null.
        return ""
    short = abs(number.adjusted()) <= _MOST_DIGITS
    return f"{number:f}" if short else str(number)
