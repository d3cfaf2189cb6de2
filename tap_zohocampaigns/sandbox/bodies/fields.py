"""The bodies of contact/allfields: all in a `response`, and ids are JSON numbers."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from tap_zohocampaigns.sandbox.bodies.envelope import block, fls, response, tag, version
from tap_zohocampaigns.sandbox.world.account import Field

if t.TYPE_CHECKING:
    from collections.abc import Sequence

FieldsForm = t.Literal["fieldnames", "fieldname"]
"""Where the fields are: `response.fieldnames.fieldname`, as was seen, or
`response.fieldname`, as the page of Zoho's Marketing Automation has it.
"""

_BASIC, _MORE = "CONTACT_BASIC_BLOCK", "CONTACT_MORE_DETAILS_BLOCK"
_IN_BASIC = 5
_STANDARD = (
    ("contact_email", Field("", "Contact Email", "email", 100)),
    ("firstname", Field("", "First Name", "text", 100)),
    ("lastname", Field("", "Last Name", "text", 100)),
    ("companyname", Field("", "Company Name", "text", 100)),
    ("phone", Field("", "Phone", "phone", 50)),
    ("address", Field("", "Address", "textarea", 300)),
    ("city", Field("", "City", "text", 100)),
    ("state", Field("", "State", "text", 100)),
    ("country", Field("", "Country", "text", 100)),
    ("zipcode", Field("", "Zip Code", "text", 20)),
    ("title", Field("", "Title", "text", 50)),
    ("job_title", Field("", "Job Title", "text", 100)),
    ("mobile", Field("", "Mobile", "phone", 50)),
    ("secondary_email", Field("", "Secondary Email", "email", 100)),
    ("website", Field("", "Website", "url", 100)),
    ("note", Field("", "Note", "textarea", 300)),
    ("facebook_handle", Field("", "Facebook Handle", "text", 100)),
    ("twitter_handle", Field("", "Twitter Handle", "text", 100)),
    ("linkedin_handle", Field("", "LinkedIn Handle", "text", 100)),
)
_FIRST_ID = 1_290_000_000_000_000_015


def as_json(uri: str, custom: Sequence[Field], form: FieldsForm) -> dict[str, object]:
    """Return all fields of contacts, those of the service first."""
    body: dict[str, object] = {"fieldname": _rows(custom)}
    head = {"message": "success", "code": "0", "uri": uri, "version": version(uri)}
    return {"response": head | (body if form == "fieldname" else {"fieldnames": body})}


def as_xml(uri: str, custom: Sequence[Field], form: FieldsForm) -> bytes:
    """Return all fields of contacts; no public source shows them in XML."""
    rows = [
        block("fieldname", *fls({name: _text(value) for name, value in row.items()}))
        for row in _rows(custom)
    ]
    body = rows if form == "fieldname" else [block("fieldnames", *rows)]
    return response(uri, tag("message", "success"), tag("code", "0"), *body)


def _rows(custom: Sequence[Field]) -> list[dict[str, object]]:
    known = [
        (name, replace(one, field_id=str(_FIRST_ID + 2 * place)))
        for place, (name, one) in enumerate(_STANDARD)
    ]
    known += [(one.name.lower().replace(" ", "_"), one) for one in custom]
    return [_row(place, name, one) for place, (name, one) in enumerate(known)]


def _row(place: int, name: str, one: Field) -> dict[str, object]:
    basic = place < _IN_BASIC
    return {
        "no": place + 1,
        "FIELD_ID": int(one.field_id),
        "FIELD_NAME": name,
        "FIELD_DISPLAY_NAME": one.name.upper().replace(" ", "_"),
        "DISPLAY_NAME": one.name,
        "BLOCK_LABEL": _BASIC if basic else _MORE,
        "UITYPE": one.kind,
        "TYPE": "standard" if place < len(_STANDARD) else "custom",
        "SEQUENCE": place + 1,
        "block_sequence": 1 if basic else 2,
        "MAXLENGTH": one.length,
        "IS_MANDATORY": place == 0,
        "is_otheruser_field": False,
    }


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
