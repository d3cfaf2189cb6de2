"""Secrets and values of contacts are removed, however Zoho writes them."""

from __future__ import annotations

import html
import json
import typing as t
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tap_zohocampaigns.api.redact import redact
from tests.support.zoho import ADDRESS, LONG_KEY

WORDS = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters="+\\%&"),
    min_size=4,
    max_size=30,
)
WRITTEN: list[t.Callable[[str], str]] = [
    str,
    str.upper,
    html.escape,
    quote,
    quote_plus,
    lambda text: json.dumps(text)[1:-1],
    lambda text: html.escape(html.escape(text)),
    lambda text: quote(quote(text)),
    lambda text: html.escape(quote(text)),
    lambda text: "".join(f"&#{ord(sign)};" for sign in text),
    lambda text: "".join(f"&#x{ord(sign):X};" for sign in text),
]


@given(WORDS, st.sampled_from(WRITTEN[2:]))
@example("o'neil", html.escape)
@example("Zoë&<x>", quote)
def test_a_value_is_removed_in_all_escapes(
    value: str, write: t.Callable[[str], str]
) -> None:
    value = f"{value} von x{value}"
    shown = redact(f"Before {write(value)} behind", private=[value])
    assert shown == "Before *** behind"


@pytest.mark.parametrize("write", WRITTEN, ids=range(len(WRITTEN)))
@pytest.mark.parametrize(
    "text", ["anne.o'neil+x@example.com", "ANNE.O'NEIL+X", "o'neil", "neil"]
)
def test_an_address_and_its_parts_are_removed(
    text: str, write: t.Callable[[str], str]
) -> None:
    private = ["Anne.O'Neil+X@example.com"]
    shown = redact(f"Address {write(text)} is wrong", private=private)
    assert "neil" not in shown.casefold()
    assert shown.startswith("Address ")
    assert shown.endswith(" is wrong")


@pytest.mark.parametrize(
    "text",
    [
        "anne.o'neil@example.com",
        "<anne.o'neil@example.com>",
        "'anne.o&#39;neil@example.com'",
        "anne.o&apos;neil&#64;example.com",
        "mail=anne.o%27neil%40example.com&x=1",
        "anne.o\\u0027neil\\u0040example.com",
    ],
)
def test_unknown_addresses_are_removed(text: str) -> None:
    shown = redact(f"Address {text}, sorry")
    assert "neil" not in shown
    assert "example" not in shown
    assert shown.endswith("sorry")


@pytest.mark.parametrize("value", ["100%25", "a&amp;b", "x\\u0041", 'x\\"y', "a\\b"])
def test_a_value_that_looks_escaped_is_removed(value: str) -> None:
    for write in WRITTEN[2:]:
        assert redact(f"Is {write(value)}.", private=[value]) == "Is ***."


def test_only_whole_words_are_removed() -> None:
    shown = redact("Annual: Ann has 12 of 123, A", private=["ann", "12", "A", ""])
    assert shown == "Annual: *** has *** of 123, A"


@pytest.mark.parametrize("name", ["李明", "李", "สมชาย"])
def test_values_are_removed_in_alphabets_without_spaces(name: str) -> None:
    assert redact(f"联系人{name}不存在", private=[name]) == "联系人***不存在"


def test_a_value_is_removed_with_any_spaces() -> None:
    for text in ("Anna  Maria\nX", "Anna+Maria+X", "anna%20maria%20x"):
        assert redact(f"Is {text}.", private=[" Anna Maria  X "]) == "Is ***."


@pytest.mark.parametrize("secret", ["qz&r", "a+b/c"])
def test_a_secret_is_removed_in_all_escapes(secret: str) -> None:
    for write in WRITTEN[2:]:
        assert redact(f"x{write(secret)}y", [secret]) == "x***y"


@pytest.mark.parametrize(
    "piece", ["a", "a@", "&amp;", "%25", "a.", "+", "a ", "\\u0040"]
)
def test_long_texts_need_linear_time(piece: str) -> None:
    # An algorithm with quadratic time would not end.
    text = piece * 500_000
    assert len(redact(text, ["secret"], ["anna", "anna maria", "a@b.c"])) <= 201


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Contact {ADDRESS} not found", "Contact *** not found"),
        (f"<{ADDRESS}>, ({ADDRESS})", "<***>, (***)"),
        ("mail=O'Neil.a@b.example;", None),
        (f"Invalid key {LONG_KEY}.", "Invalid key ***"),
        ("token 1000.8cb9.70fe8f1f8f1f8f1f8f1f", "token ***"),
        ("a\nb\r\n\tc  d", "a b c d"),
        ("code qz is short", "code *** is short"),
        ("topqzsecret", "top***secret"),
        ("campaign 1293333000000000001", "campaign 1293333000000000001"),
        ("", ""),
    ],
)
def test_addresses_secrets_and_long_keys_are_removed(
    text: str, shown: str | None
) -> None:
    redacted = redact(text, ["qz"])
    assert "b.example" not in redacted
    if shown is not None:
        assert redacted == shown


TEXTS = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Z", "Cc"]))
SECRETS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1)


@given(TEXTS, TEXTS, SECRETS, st.lists(SECRETS))
def test_no_secret_remains_and_no_text_is_long(
    before: str, after: str, secret: str, others: list[str]
) -> None:
    for secrets in ([secret, *others], [*others, secret]):
        text = redact(f"{before}{secret} {after * 9}", secrets)
        assert secret not in text
        assert len(text) <= 201
        assert "\n" not in text


ADDRESSES = st.from_regex(
    r"[^\W_][\w.%+'-]{0,20}[^\W_]@[^\W_]([^\W_]|-){0,20}[^\W_]\.(com|co\.uk)",
    fullmatch=True,
)


@given(ADDRESSES, TEXTS)
def test_no_address_remains(address: str, text: str) -> None:
    shown = redact(f"{text[:50]} {address} behind")
    assert address not in shown
    assert address[address.index("@") :] not in shown
