from __future__ import annotations

import json
import math
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tap_zohocampaigns.api.wire import numbers

TEXTS = st.from_regex(r"\A[+-]?[0-9]{1,40}(\.[0-9]{0,40})?([eE][+-]?[0-9]{1,3})?\Z")
JSON = st.from_regex(r"\A-?(0|[1-9][0-9]{0,39})(\.[0-9]{1,40})?([eE]-?[0-9]{1,3})?\Z")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0.0),
        ("12", 12.0),
        ("0.1", 0.1),
        ("1.10", 1.1),
        ("+5", 5.0),
        ("-5.", -5.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("0e99999999999999999999", 0.0),
        ("999999999999999", 999999999999999.0),
        ("123456789012345.6", 123456789012345.6),
        ("9007199254740993", 9007199254740993),
        ("-9007199254740993.00", -9007199254740993),
        ("1293333000000000051", 1293333000000000051),
        ("0.1234567890123456789", Decimal("0.1234567890123456789")),
        ("9007199254740993.5", Decimal("9007199254740993.5")),
        ("100.000000000000000000001", Decimal("100.000000000000000000001")),
    ],
)
def test_a_number_keeps_its_digits(text: str, expected: numbers.Number) -> None:
    number = numbers.parse(text)
    assert number == expected
    assert type(number) is type(expected)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ".", "+", "-", "e5", "1e", "1e+", "--1", "0x10", "many"),
        # What `float` takes.
        *(
            "1_000",
            "1_0.5",
            "1e1_0",
            "nan",
            "inf",
            "-Infinity",
            "١٢",
            "\uff11\uff12",
            " 1",
            "1\n",
        ),
        # Which of the two is meant?
        *("1,234", "1,5", "1.234,5", "1 234", "1'234"),
        # No float comes near.
        *("1e999", "-1e999", "9" * 400, "1e-400", "1e99999999999999999999"),
        *("1e-99999999999999999999", "$5", "²", "½"),
    ],
)
def test_invalid_and_too_large_numbers_are_value_errors(text: str) -> None:
    with pytest.raises(ValueError, match=r"(?s).*"):
        numbers.parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", 12),
        ("007", 7),
        ("+5", 5),
        ("-0", 0),
        ("12.0", 12),
        ("1e3", 1000),
        ("1.5e1", 15),
        ("1e22", 10**22),
        ("9007199254740993.0", 9007199254740993),
        ("9" * 400, 10**400 - 1),
    ],
)
def test_whole_numbers_are_integers(text: str, expected: int) -> None:
    assert numbers.parse_integer(text) == expected
    assert type(numbers.parse_integer(text)) is int


@pytest.mark.parametrize(
    "text",
    ["12.5", "1e-1", "1,234", "1_000", "9" * 5000, "1e999", "", "0.10000000000000001"],
)
def test_numbers_that_are_not_whole_are_not_integers(text: str) -> None:
    with pytest.raises(ValueError, match=r"(?s).*"):
        numbers.parse_integer(text)


@given(TEXTS)
@example("0.30000000000000004")
@example("9007199254740992.9")
def test_a_number_is_encoded_as_it_was_parsed(text: str) -> None:
    try:
        number = numbers.parse(text)
    except ValueError:
        assert math.isinf(float(text)) or not float(text)
        return
    written = numbers.encode(number).decode()
    assert Decimal(written) == Decimal(text)
    assert json.loads(written, parse_float=Decimal) == Decimal(text)


@given(JSON)
@example("1" * 4000)
def test_numbers_in_json_keep_their_digits_through_all_steps(
    text: str,
) -> None:
    value = numbers.decode(f'{{"a": [{text}]}}'.encode())
    assert numbers.decode(numbers.encode(value)) == value
    (number,) = value["a"]
    if isinstance(number, str):
        assert number == text
        assert math.isinf(float(text)) or not float(text)
    else:
        assert Decimal(numbers.encode(number).decode()) == Decimal(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1", 0.1),
        ("1.0", 1.0),
        ("1e3", 1000.0),
        ("1125899906842624.2", 1125899906842624.2),
        ("1293333000000000051", 1293333000000000051),
        ("1293333000000000051.0", 1293333000000000051),
        (
            "0.1000000000000000055511151231257827",
            Decimal("0.1000000000000000055511151231257827"),
        ),
        ("1e999", "1e999"),
        ("1e-999", "1e-999"),
    ],
)
def test_json_has_plain_floats_where_they_are_exact(
    text: str, expected: object
) -> None:
    actual = numbers.decode(text.encode())
    assert actual == expected
    assert type(actual) is type(expected)
