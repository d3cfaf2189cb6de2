"""Shapes of any answer: they have known names and patterns, and nothing else."""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_zohocampaigns.api.errors import ZohoError
from tap_zohocampaigns.api.wire import patterns
from tap_zohocampaigns.api.wire.envelope import decode
from tap_zohocampaigns.api.wire.known import Known
from tap_zohocampaigns.api.wire.shape_news import news, unknown_names
from tap_zohocampaigns.api.wire.shape_report import shape_of
from tap_zohocampaigns.commands.shape_names import known_of
from tests.proof import fuzz
from tests.support.shape_answers import is_part, made_up

KNOWN = Known(
    names=frozenset(["code", "status", "phone", "segments", "response"]),
    maps=frozenset(["segments"]),
    labels=frozenset(["favourite colour"]),
    words={"status": frozenset(["success", "error"])},
    knows_code=lambda code: code == "0",
    code_words=frozenset(["INVALID_TOKEN"]),
)
_LENGTH = r"\((?:[0-9]+|>[0-9]+|[0-9]+-[0-9]+)\)"
_PATTERN = re.compile(
    rf"""(?:[+-]?digits{_LENGTH}(?:\.digits{_LENGTH})?(?:[ ]?%)?
    |(?:text|key|hex|\#hex|3z\+hex|lower|lower_snake|lower-hyphen|UPPER_SNAKE|camelCase)
        {_LENGTH}
    |""|"null"|"undefined"|"success"|"error"|"INVALID_TOKEN"|"[0-9]{{1,6}}"
    |true/false|null|number|spaces|email|url|path|uuid|more|deeper|custom[ ]field
    |(?:yyyy|MM|dd?|hh?|:mm|:ss|\.f+|month|mon|day|[ap]\.?m\.?|utc|gmt|z|t|9+
        |<u\+[0-9a-f]{{4,6}}>|[-/:.,+()\ ])+)""",
    re.VERBOSE | re.IGNORECASE,
)
_KINDS = {"null", "boolean", "integer", "number", "text", "deeper"}
_LISTS = {"array", "java list", "json list"}
_MAPS = {"object", "java map", "json map"}

pieces = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            *KNOWN.names,
            *("Favourite Colour", "success", "INVALID_TOKEN", "0", "true", "null"),
            *("02 Aug 2013, 12:39 PM", "jo@example.com", "3z" + "ab01" * 16, "12.5 %"),
            *("{a=b, phone=c}", "[a, {b=c}]", '{"a": [1]}', "{", "[]", "[[[x]]]"),
            *(
                "1375456161000",
                "2019-03-11T11:28:34+05:30",
                "+1 555 0100",
                "a_b",
                "A_B",
            ),
        ]
    ),
)
plain = st.one_of(st.none(), st.booleans(), st.integers(), pieces)


def nested(scalars: st.SearchStrategy[t.Any]) -> st.SearchStrategy[t.Any]:
    """Return values that have scalars at any depth."""
    return st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(pieces, inner, max_size=4)
        ),
        max_leaves=20,
    )


values = nested(st.one_of(plain, st.floats(allow_nan=False)))


@cache
def answers() -> list[fuzz.Answer]:
    return fuzz.valid_answers()


def check(shape: dict[str, t.Any], known: Known = KNOWN) -> None:
    """Check that a shape has nothing but known names, patterns and its own words."""
    for kind, seen in shape.items():
        assert kind in _KINDS | _LISTS | _MAPS
        assert seen.get("new", True) is True
        if kind in _KINDS:
            assert all(map(_PATTERN.fullmatch, seen)), seen
            assert all(mark in ({}, {"new": True}) for mark in seen.values())
        elif kind in _LISTS:
            assert seen.keys() <= {"new", "count", "items"}
            assert {*seen["count"]} <= {"0", "1", "many"}
            check(seen["items"], known)
        else:
            assert seen.keys() <= {"new", "names", "sometimes", "others"}
            assert seen["names"].keys() <= known.names
            assert {*seen.get("sometimes", ())} <= seen["names"].keys()
            for inner in seen["names"].values():
                check(inner, known)
            for pattern, other in seen.get("others", {}).items():
                assert _PATTERN.fullmatch(pattern), pattern
                assert other.keys() <= {"new", "count", "value"}
                check(other["value"], known)


@given(values)
def test_a_shape_has_known_names_and_patterns_alone(value: t.Any) -> None:
    check(shape_of(value, KNOWN))


@given(values, st.text(min_size=1, max_size=9))
def test_a_planted_word_is_in_no_shape(value: t.Any, rest: str) -> None:
    planted = f"Qzxj{rest}"

    def plant(item: t.Any) -> t.Any:
        if isinstance(item, dict):
            fields = {planted + name: plant(inner) for name, inner in item.items()}
            return {**fields, "phone": planted, planted: {"phone": [planted]}}
        if isinstance(item, list):
            return [plant(inner) for inner in item]
        return f"{item}{planted}" if isinstance(item, str) else item

    shape = json.dumps(shape_of({"phone": plant(value)}, KNOWN))
    assert "qzxj" not in shape.lower()


@given(nested(plain))
def test_a_value_that_is_made_up_from_a_shape_has_that_shape(value: t.Any) -> None:
    known = replace(KNOWN, labels=frozenset())
    shape = shape_of(value, known)
    assert is_part(shape_of(made_up(shape), known), shape)


@given(st.lists(values, max_size=5))
def test_the_order_of_rows_does_not_matter(rows: list[t.Any]) -> None:
    assert shape_of(rows, KNOWN) == shape_of(rows[::-1], KNOWN)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(200))
def test_answers_that_were_changed_at_random_have_shapes(number: int) -> None:
    found = answers()
    endpoint, body = found[number % len(found)]
    _, content = fuzz.Mutator(str(number)).mutate(body)
    try:
        value = decode(content)
    except ZohoError:
        return
    known = known_of(endpoint)
    shape = shape_of(value, known)
    names = {*unknown_names(value, known)}
    assert not names & known.names
    assert json.dumps(shape)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("02 Aug 2013, 12:39 PM", "dd Mon yyyy, hh:mm AM"),
        ("2 August 2013, 9:05 pm", "d Month yyyy, h:mm am"),
        ("02 AUG 2013, 12:39\u202fPM", "dd MON yyyy, hh:mm<U+202F>AM"),
        ("Feb 12, 2026 12:08 PM", "Mon dd, yyyy hh:mm AM"),
        ("2019-03-11T11:28:34+05:30", "yyyy-MM-ddThh:mm:ss+hh:mm"),
        ("2026-03-20T15:04:05.000Z", "yyyy-MM-ddThh:mm:ss.fffZ"),
        ("2013/08/02 12:39 a.m.", "9999/99/99 hh:mm a.m."),
        ("Fri, 02 Aug 2013 12:39:00 GMT", "Day, dd Mon yyyy hh:mm:ss GMT"),
        ("1375456161000", "digits(13)"),
        ("9" * 21, "digits(>20)"),
        ("-12.50", "-digits(2).digits(2)"),
        ("12.5 %", "digits(2).digits(1) %"),
        ("", '""'),
        ("null", '"null"'),
        ("TRUE", "true/false"),
        (" \t", "spaces"),
        ("jo@example.com", "email"),
        ("https://example.com/a?b", "url"),
        ("/api/v1.1/topics", "path"),
        ("01234567-89ab-cdef-0123-456789abcdef", "uuid"),
        ("3z" + "ab01" * 16, "3z+hex(64)"),
        ("#48b9d1", "#hex(6)"),
        ("1a2b3c4d", "hex(8)"),
        ("deadbeef", "text(1-8)"),
        ("K1-abcdefghijklmnop", "key(17-32)"),
        ("Jo Public", "text(9-16)"),
        ("May", "text(1-8)"),
        ("x" * 2000, "text(>1024)"),
    ],
)
def test_a_text_has_a_pattern(text: str, pattern: str) -> None:
    assert patterns.of_text(text) == pattern


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("audience", "lower(1-8)"),
        ("audience_size", "lower_snake(9-16)"),
        ("audience-size", "lower-hyphen(9-16)"),
        ("AUDIENCE_SIZE", "UPPER_SNAKE(9-16)"),
        ("audienceSize", "camelCase(9-16)"),
        ("Audience size", "text(9-16)"),
        ("303000014567003", "digits(15)"),
        ("jo@example.com", "email"),
        ("3z" + "ab01" * 16, "3z+hex(64)"),
        ("1a2b3c4d", "hex(8)"),
        ("", '""'),
    ],
)
def test_a_name_has_a_pattern(name: str, pattern: str) -> None:
    assert patterns.of_name(name) == pattern


def test_names_are_kept_if_they_are_known_and_new_ones_are_marked() -> None:
    rows = [
        {"phone": "1", "Favourite Colour": "red", "other": 1},
        {"segments": {"303": "a", "304": None}, "other": {"phone": []}},
    ]
    assert shape_of(rows, KNOWN) == {
        "array": {
            "count": ["many"],
            "items": {
                "object": {
                    "names": {
                        "phone": {"text": {"digits(1)": {}}},
                        "segments": {
                            "object": {
                                "names": {},
                                "others": {
                                    "digits(3)": {
                                        "count": ["many"],
                                        "value": {
                                            "text": {"text(1-8)": {}},
                                            "null": {"null": {}},
                                        },
                                    }
                                },
                            }
                        },
                    },
                    "sometimes": ["phone", "segments"],
                    "others": {
                        "custom field": {
                            "count": ["1"],
                            "value": {"text": {"text(1-8)": {}}},
                        },
                        "lower(1-8)": {
                            "new": True,
                            "count": ["1"],
                            "value": {
                                "integer": {"digits(1)": {}},
                                "object": {
                                    "names": {
                                        "phone": {
                                            "array": {"count": ["0"], "items": {}}
                                        }
                                    }
                                },
                            },
                        },
                    },
                }
            },
        }
    }
    assert [*news(shape_of(rows, KNOWN))] == ["array.items.object.others.lower(1-8)"]


def test_many_patterns_become_one() -> None:
    shape = shape_of(
        [f"{'9' * n}-{'9' * m}" for n in range(1, 9) for m in (1, 2, 3, 4, 5)], KNOWN
    )
    found = shape["array"]["items"]["text"]
    assert len(found) == 31
    assert "more" in found


def test_an_answer_that_is_nested_too_deep_has_a_shape() -> None:
    value: t.Any = "x"
    for _ in range(100):
        value = [value]
    shape = json.dumps(shape_of(value, KNOWN))
    assert "deeper" in shape
    assert [*unknown_names(value, KNOWN)] == []
    assert "deeper" in json.dumps(shape_of("[" * 90 + "x" + "]" * 90, KNOWN))
