"""Random changes of an account between two runs."""

from __future__ import annotations

import typing as t
from datetime import timedelta

from hypothesis import strategies as st

if t.TYPE_CHECKING:
    from tests.support.town import Town

PEOPLE = 13
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
AGES = (timedelta(), timedelta(), MINUTE, 3 * DAY, 400 * DAY)

CHANGES = (
    *("send", "send", "send", "send", "test", "test_late", "name"),
    *("conclude", "conclude", "deliver", "deliver", "finish"),
    *("open", "open", "open_and_deliver", "click", "opt_out"),
    *("join", "join", "leave", "leave", "rename", "add_segment"),
    *("delete_campaign", "delete_segment"),
    *("hide_campaign", "hide_segment", "show", "show"),
)
change = st.tuples(st.sampled_from(CHANGES), *[st.integers(0, 60)] * 3)
Change: t.TypeAlias = tuple[str, int, int, int]


def apply(town: Town, change: Change) -> None:
    """Make a change if it is possible now; its numbers select what is changed."""
    kind, *numbers = change
    first, second, third = numbers
    if kind == "show" and town.absent:
        town.absent.remove(sorted(town.absent)[first % len(town.absent)])
    elif kind in ("join", "leave", "rename") or kind.endswith("segment"):
        _change_members(town, kind, (first, second, third))
    else:
        _change_campaigns(town, kind, (first, second, third))


def _change_members(town: Town, kind: str, numbers: tuple[int, int, int]) -> None:
    first, second, third = numbers
    segments = [*town.people]
    cvid = segments[first % len(segments)] if segments else ""
    contacts = range(second % PEOPLE, second % PEOPLE + 1 + third % 3)
    match kind:
        case "join" if cvid:
            for number in contacts:
                town.join(cvid, number, AGES[third % len(AGES)])
        case "leave" if cvid:
            for number in contacts:
                town.leave(cvid, number)
        case "rename":
            town.rename(second % PEOPLE)
        case "delete_segment" if cvid:
            town.delete(cvid)
        case "hide_segment" if cvid:
            town.absent.add(cvid)
        case "add_segment" if len(segments) < 3:
            town.add_segment(range(second % 4, second % 4 + third % PEOPLE))


def _change_campaigns(town: Town, kind: str, numbers: tuple[int, int, int]) -> None:
    first, second, third = numbers
    campaigns = [campaign.key for campaign in town.all_campaigns()]
    contacts = range(second % 4, second % 4 + third % PEOPLE)
    if kind == "send" and len(campaigns) < 4:
        town.send(contacts, status="Sent" if first % 3 else "In Progress")
    if kind in {"test", "test_late"} and len(campaigns) < 4:
        town.test((contacts[::2], contacts[1::2]), named=kind == "test")
    if kind in {"send", "test", "test_late"} or not campaigns:
        return
    _change_campaign(town, kind, campaigns[first % len(campaigns)], (second, third))


def _change_campaign(town: Town, kind: str, key: str, numbers: tuple[int, int]) -> None:
    second, third = numbers
    contacts = range(second % PEOPLE, second % PEOPLE + 1 + third % 3)
    match kind, town.mailings[key].campaign.status:
        case "conclude", "In Testing":
            town.conclude(key, range(third % PEOPLE, PEOPLE))
        case "deliver", "In Progress":
            town.deliver(key, contacts)
        case "open_and_deliver", "In Progress":
            town.open(key, contacts[0])
            town.deliver(key, contacts[:1])
            town.deliver(key, range(second % PEOPLE + 1, PEOPLE)[:1])
        case "finish", "In Progress":
            town.finish(key)
        case "delete_campaign", _:
            town.delete(key)
        case "hide_campaign", _:
            town.absent.add(key)
        case "name", _:
            town.unnamed -= {*town.mailings[key].campaign.children}
        case "open" | "click" | "opt_out", _:
            sendings = (key, *town.mailings[key].campaign.children)
            for number in contacts:
                getattr(town, kind)(sendings[second % len(sendings)], number)
