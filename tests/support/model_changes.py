"""Random changes of an account between two runs."""

from __future__ import annotations

import typing as t
from datetime import timedelta

from hypothesis import strategies as st

if t.TYPE_CHECKING:
    from tests.support.scripted_account import ScriptedAccount

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


def apply(account: ScriptedAccount, change: Change) -> None:
    """Make a change if it is possible now; its numbers select what is changed."""
    kind, *numbers = change
    first, second, third = numbers
    if kind == "show" and account.unlisted:
        account.unlisted.remove(sorted(account.unlisted)[first % len(account.unlisted)])
    elif kind in ("join", "leave", "rename") or kind.endswith("segment"):
        _change_members(account, kind, (first, second, third))
    else:
        _change_campaigns(account, kind, (first, second, third))


def _change_members(
    account: ScriptedAccount, kind: str, numbers: tuple[int, int, int]
) -> None:
    first, second, third = numbers
    segments = [*account.members_by_segment]
    cvid = segments[first % len(segments)] if segments else ""
    contacts = range(second % PEOPLE, second % PEOPLE + 1 + third % 3)
    match kind:
        case "join" if cvid:
            for number in contacts:
                account.join(cvid, number, AGES[third % len(AGES)])
        case "leave" if cvid:
            for number in contacts:
                account.leave(cvid, number)
        case "rename":
            account.rename(second % PEOPLE)
        case "delete_segment" if cvid:
            account.delete(cvid)
        case "hide_segment" if cvid:
            account.unlisted.add(cvid)
        case "add_segment" if len(segments) < 3:
            account.add_segment(range(second % 4, second % 4 + third % PEOPLE))


def _change_campaigns(
    account: ScriptedAccount, kind: str, numbers: tuple[int, int, int]
) -> None:
    first, second, third = numbers
    campaigns = [campaign.key for campaign in account.all_campaigns()]
    contacts = range(second % 4, second % 4 + third % PEOPLE)
    if kind == "send" and len(campaigns) < 4:
        account.send(contacts, status="Sent" if first % 3 else "In Progress")
    if kind in {"test", "test_late"} and len(campaigns) < 4:
        account.test((contacts[::2], contacts[1::2]), named=kind == "test")
    if kind in {"send", "test", "test_late"} or not campaigns:
        return
    _change_campaign(account, kind, campaigns[first % len(campaigns)], (second, third))


def _change_campaign(
    account: ScriptedAccount, kind: str, key: str, numbers: tuple[int, int]
) -> None:
    second, third = numbers
    contacts = range(second % PEOPLE, second % PEOPLE + 1 + third % 3)
    match kind, account.mailings[key].campaign.status:
        case "conclude", "In Testing":
            account.conclude(key, range(third % PEOPLE, PEOPLE))
        case "deliver", "In Progress":
            account.deliver(key, contacts)
        case "open_and_deliver", "In Progress":
            account.open(key, contacts[0])
            account.deliver(key, contacts[:1])
            account.deliver(key, range(second % PEOPLE + 1, PEOPLE)[:1])
        case "finish", "In Progress":
            account.finish(key)
        case "delete_campaign", _:
            account.delete(key)
        case "hide_campaign", _:
            account.unlisted.add(key)
        case "name", _:
            account.unlisted_tests -= {*account.mailings[key].campaign.children}
        case "open" | "click" | "opt_out", _:
            sendings = (key, *account.mailings[key].campaign.children)
            for number in contacts:
                getattr(account, kind)(sendings[second % len(sendings)], number)
