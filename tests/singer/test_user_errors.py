"""Where an unknown error is from, without what it says."""

from __future__ import annotations

import pytest

from tap_zohocampaigns.singer.user_errors import places

ADDRESS = "ann@example.com"


def fail_first() -> None:
    raise KeyError(ADDRESS)


def fail(*, hidden: bool) -> None:
    try:
        fail_first()
    except KeyError as error:
        raise ValueError(ADDRESS) from (None if hidden else error)


def test_places_name_types_and_lines_but_no_texts() -> None:
    with pytest.raises(ValueError, match=ADDRESS) as raised:
        fail(hidden=False)
    text = places(raised.value)
    first, then = text.split("\nthen ")
    assert first.startswith("KeyError at:\n")
    assert "in fail_first\n    raise KeyError(ADDRESS)" in first
    assert then.startswith("ValueError at:\n")
    assert "in fail\n    raise ValueError(ADDRESS) from" in then
    assert ADDRESS not in text


def test_a_hidden_context_is_left_out() -> None:
    with pytest.raises(ValueError, match=ADDRESS) as raised:
        fail(hidden=True)
    assert places(raised.value).startswith("ValueError at:\n")
