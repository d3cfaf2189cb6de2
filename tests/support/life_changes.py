"""What can happen in an account between two runs, drawn at random."""

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


def apply(town: Town, what: Change) -> None:
    """Change an account, if it has what is needed; numbers tell which and who."""
    kind, *numbers = what
    one, two, three = numbers
    if kind == "show" and town.absent:
        town.absent.remove(sorted(town.absent)[one % len(town.absent)])
    elif kind in ("join", "leave", "rename") or kind.endswith("segment"):
        _change_members(town, kind, (one, two, three))
    else:
        _change_campaigns(town, kind, (one, two, three))


def _change_members(town: Town, kind: str, numbers: tuple[int, int, int]) -> None:
    one, two, three = numbers
    segments = [*town.people]
    cvid = segments[one % len(segments)] if segments else ""
    who = range(two % PEOPLE, two % PEOPLE + 1 + three % 3)
    match kind:
        case "join" if cvid:
            for number in who:
                town.join(cvid, number, AGES[three % len(AGES)])
        case "leave" if cvid:
            for number in who:
                town.leave(cvid, number)
        case "rename":
            town.rename(two % PEOPLE)
        case "delete_segment" if cvid:
            town.delete(cvid)
        case "hide_segment" if cvid:
            town.absent.add(cvid)
        case "add_segment" if len(segments) < 3:
            town.add_segment(range(two % 4, two % 4 + three % PEOPLE))


def _change_campaigns(town: Town, kind: str, numbers: tuple[int, int, int]) -> None:
    one, two, three = numbers
    campaigns = [each.key for each in town.all_campaigns()]
    some = range(two % 4, two % 4 + three % PEOPLE)
    if kind == "send" and len(campaigns) < 4:
        town.send(some, status="Sent" if one % 3 else "In Progress")
    if kind in {"test", "test_late"} and len(campaigns) < 4:
        town.test((some[::2], some[1::2]), named=kind == "test")
    if kind in {"send", "test", "test_late"} or not campaigns:
        return
    _change_campaign(town, kind, campaigns[one % len(campaigns)], (two, three))


def _change_campaign(town: Town, kind: str, key: str, numbers: tuple[int, int]) -> None:
    two, three = numbers
    who = range(two % PEOPLE, two % PEOPLE + 1 + three % 3)
    match kind, town.mailings[key].campaign.status:
        case "conclude", "In Testing":
            town.conclude(key, range(three % PEOPLE, PEOPLE))
        case "deliver", "In Progress":
            town.deliver(key, who)
        case "open_and_deliver", "In Progress":
            town.open(key, who[0])
            town.deliver(key, who[:1])
            town.deliver(key, range(two % PEOPLE + 1, PEOPLE)[:1])
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
            for number in who:
                getattr(town, kind)(sendings[two % len(sendings)], number)
