"""Fair turns: where a run begins, if earlier runs ended early."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.parts import Part


class TakesTurns(t.Protocol):
    """A stream that has a turn.

    Attributes:
        name: The name of the stream.
        read_last: Whether it is read behind all others.
    """

    name: str
    read_last: bool


Stream = t.TypeVar("Stream", bound=TakesTurns)


def begin_with(owner: str, parts: list[Part]) -> list[Part]:
    """Return the parts, rotated so that the first part of an owner comes first.

    Args:
        owner: Where an earlier run ended; the order stays if no part belongs to it.
        parts: In the order of the account.
    """
    for number, part in enumerate(parts):
        if part.owner == owner:
            return [*parts[number:], *parts[:number]]
    return parts


def following(done: int, owners: list[str]) -> str:
    """Return the owner after the one that is being read, or the first one.

    Args:
        done: How many parts have been read.
        owners: Of all parts, in the order of this run.
    """
    return owners[(done + 1) % len(owners)]


def in_turn(streams: Iterable[Stream], bookmarks: Mapping[str, Row]) -> list[Stream]:
    """Return the streams, first the one whose last turn is longest ago.

    Args:
        streams: In any order.
        bookmarks: Of the state of the last run, by stream.
    """
    return sorted(
        streams,
        key=lambda stream: (
            stream.read_last,
            bookmarks.get(stream.name, {}).get("turn", ""),
        ),
    )
