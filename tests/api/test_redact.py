"""What was sent of a contact is not shown, however Zoho writes it."""

from __future__ import annotations

import html
import json
import typing as t
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tap_zohocampaigns.api.redact import redact

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
def test_a_value_is_found_however_it_is_written(
    value: str, write: t.Callable[[str], str]
) -> None:
    value = f"{value} von x{value}"
    shown = redact(f"Before {write(value)} behind", private=[value])
    assert shown == "Before *** behind"


@pytest.mark.parametrize("write", WRITTEN, ids=range(len(WRITTEN)))
@pytest.mark.parametrize(
    "text", ["anne.o'neil+x@example.com", "ANNE.O'NEIL+X", "o'neil", "neil"]
)
def test_an_address_is_found_whole_and_in_parts(
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
def test_what_looks_like_an_address_goes_without_being_told(text: str) -> None:
    shown = redact(f"Address {text}, sorry")
    assert "neil" not in shown
    assert "example" not in shown
    assert shown.endswith("sorry")


@pytest.mark.parametrize("value", ["100%25", "a&amp;b", "x\\u0041", 'x\\"y', "a\\b"])
def test_a_value_may_look_escaped(value: str) -> None:
    for write in WRITTEN[2:]:
        assert redact(f"Is {write(value)}.", private=[value]) == "Is ***."


def test_only_whole_words_are_values() -> None:
    shown = redact("Annual: Ann has 12 of 123, A", private=["ann", "12", "A", ""])
    assert shown == "Annual: *** has *** of 123, A"


@pytest.mark.parametrize("name", ["李明", "李", "สมชาย"])
def test_some_alphabets_have_no_blanks_between_words(name: str) -> None:
    assert redact(f"联系人{name}不存在", private=[name]) == "联系人***不存在"


def test_blanks_of_a_value_are_written_as_zoho_likes() -> None:
    for text in ("Anna  Maria\nX", "Anna+Maria+X", "anna%20maria%20x"):
        assert redact(f"Is {text}.", private=[" Anna Maria  X "]) == "Is ***."


@pytest.mark.parametrize("secret", ["qz&r", "a+b/c"])
def test_a_secret_is_found_however_it_is_written(secret: str) -> None:
    for write in WRITTEN[2:]:
        assert redact(f"x{write(secret)}y", [secret]) == "x***y"


@pytest.mark.parametrize(
    "piece", ["a", "a@", "&amp;", "%25", "a.", "+", "a ", "\\u0040"]
)
def test_a_text_of_any_length_is_read_once(piece: str) -> None:
    # What takes the square of the time would not end.
    text = piece * 500_000
    assert len(redact(text, ["secret"], ["anna", "anna maria", "a@b.c"])) <= 201
