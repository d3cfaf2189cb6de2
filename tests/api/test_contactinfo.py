"""Any text of a contact arrives unchanged, however the service decodes it."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, unquote_plus, urlencode

import pytest
import xmltodict
from hypothesis import example, given
from hypothesis import strategies as st

from tap_zohocampaigns.api import contactinfo
from tap_zohocampaigns.sandbox.server.contactinfo import parse

# All that XML 1.0 can hold, and more of what is hard.
TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
    | st.sampled_from("+&<>%'\"\\\n\r\t,:;=?/#{}[] \u2028😀"),
    max_size=60,
)
NAMES = TEXT.map(str.strip).filter(bool)
FIELDS = st.dictionaries(NAMES, TEXT, max_size=5)
HARD = {
    "Contact Email": "o'neil+news&<x>%2B@example.com",
    "First + Last %20": 'Zoë "Zo" \\ <z>,\r\n\ttab & 100% + 明😀',
}


def sent(encoded: str) -> str:
    """Return the value that a server gets with a form."""
    form = urlencode({"contactinfo": encoded})
    assert form.isascii()
    return parse_qs(form)["contactinfo"][0]


@given(FIELDS)
@example(HARD)
def test_json_arrives_unchanged(fields: dict[str, str]) -> None:
    encoded = contactinfo.as_json(fields)
    assert encoded.isascii()
    assert parse(sent(encoded), as_json=True) == fields


@given(FIELDS)
@example(HARD)
def test_json_arrives_unchanged_if_names_are_decoded_twice_too(
    fields: dict[str, str],
) -> None:
    # It is not known whether the service decodes names twice as well.
    assert json.loads(unquote_plus(sent(contactinfo.as_json(fields)))) == fields


@given(FIELDS)
@example(HARD)
def test_xml_arrives_unchanged(fields: dict[str, str]) -> None:
    encoded = contactinfo.as_xml(fields)
    assert encoded.isascii()
    assert parse(sent(encoded), as_json=False) == fields
    document = xmltodict.parse(encoded, force_list=("fl",), strip_whitespace=False)
    elements = (document["xml"] or {"fl": []})["fl"]
    assert {fl["@val"]: fl.get("#text", "") for fl in elements} == fields


def test_a_plus_is_escaped_twice_in_a_form() -> None:
    encoded = contactinfo.as_json({"Contact Email": "a+b@example.com"})
    assert "a%252Bb" in urlencode({"contactinfo": encoded})


@pytest.mark.parametrize("text", ["", "a\tb\r\n", "é明😀", "\x7f", "\ufffd"])
def test_texts_that_can_be_sent(text: str) -> None:
    assert contactinfo.sendable(text)


@pytest.mark.parametrize("text", ["\x00", "a\x0bb", "\x1b", "\ud800", "\ufffe"])
def test_texts_that_can_not_be_sent(text: str) -> None:
    assert not contactinfo.sendable(text)
