"""Where an unknown error is from, without what it says."""

from __future__ import annotations

from tap_zohocampaigns.singer.user_errors import places

ADDRESS = "ann@example.com"


def fail() -> None:
    try:
        raise KeyError(ADDRESS)
    except KeyError as error:
        raise ValueError(ADDRESS) from error


def test_places_name_types_and_lines_but_no_texts() -> None:
    try:
        fail()
    except ValueError as error:
        text = places(error)
    first, then = text.split("\nthen ")
    assert first.startswith("KeyError at:\n")
    assert then.startswith("ValueError at:\n")
    assert "in fail\n    raise KeyError(ADDRESS)" in first
    assert "in fail\n    raise ValueError(ADDRESS) from error" in then
    assert ADDRESS not in text


def test_a_hidden_context_is_left_out() -> None:
    try:
        try:
            fail()
        except ValueError:
            raise RuntimeError(ADDRESS) from None
    except RuntimeError as error:
        assert places(error).startswith("RuntimeError at:\n")
