"""Which actions of a campaign are read again: decisions over values, without any call.

Zoho can't be asked for what has changed. Its counters show when something probably has,
but they lag, lead, stand still and stay 0. So they only save calls while a campaign is
open. The closing look, after the window of the campaign has ended, does not rely on
them.
"""

from __future__ import annotations

import enum
import typing as t
from datetime import datetime

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.wire.counters import Counters
    from tap_zohocampaigns.api.wire.types import Row

# After its window, an action whose rows and counters disagree is read so often.
CLOSING_LOOKS = 3
# Something that was there must be missing in so many runs in a row to be deleted.
MISSING_RUNS = 2


class Look(enum.Enum):
    """What is done about an action of a campaign in a run."""

    SKIP = enum.auto()
    ASSUME_EMPTY = enum.auto()
    """It is not read, because it never had rows and its counter is 0."""
    READ = enum.auto()


def choose_look(
    line: Row | None, counters: Counters, now: str, *, closing: bool
) -> Look:
    """Decide whether an action is read.

    Args:
        line: What an earlier run noted of it, as `note_look` returned it.
        counters: What the report says now.
        now: The time of this run.
        closing: Whether the window of its campaign has ended.
    """
    if line is None:
        empty = counters.reported == 0 and not closing
        return Look.ASSUME_EMPTY if empty else Look.READ
    if "begun" in line or "vanished" in line:
        return Look.READ
    if closing:
        return Look.SKIP if line.get("final") else Look.READ
    if counters.reported == 0 and not line["rows"]:
        return Look.SKIP
    due = "due" in line and now > line["due"]
    read = counters.to_remember is None or _have_moved(line, counters) or due
    return Look.READ if read else Look.SKIP


def note_look(
    line: Row | None, counters: Counters, rows: int, now: str, *, closing: bool
) -> Row:
    """Return what to note of an action that was read whole.

    Args:
        line: What an earlier run noted of it.
        counters: The counters of the report.
        rows: How many rows it had.
        now: The time of this run.
        closing: Whether the window of its campaign had ended.

    Returns:
        `count` (the counters) and `rows`. If they disagree, `since` when, and `due`:
        after which time the action is read again. After the window: the number of
        `looks`, and whether the last one was `final`. `vanished` if there were rows
        before, none now, and no counter says so: then the rest stays, and the next run
        asks again.
    """
    line = line or {}
    looks = {"looks": line.get("looks", 0) + 1} if closing else {}
    vanished = rows == 0 and line.get("rows") and counters.reported != 0
    if vanished and "vanished" not in line:
        return {**line, **looks, "vanished": True}
    agree = rows == counters.reported
    new: Row = {"count": counters.to_remember, "rows": rows, **looks}
    if counters.to_remember is not None and not agree:
        since = now if _have_moved(line, counters) else line.get("since", now)
        # Each pause is as long as all pauses before; three times as long if bounces
        # explain the difference.
        new |= {
            "since": since,
            "due": _later(now, since, 3 if rows == counters.delivered else 1),
        }
    if closing:
        had_counters = line.get("count") is not None
        lost_counters = counters.to_remember is None and had_counters
        settled = (agree or counters.to_remember is None) and not lost_counters
        new["final"] = settled or looks["looks"] >= CLOSING_LOOKS
    return new


def note_answer(line: Row, rows: int | None, *, sent: bool) -> bool:
    """Note how many rows a look at a campaign gave.

    If the answer is empty and an earlier one was not, the next runs ask again. So they
    do if there was no answer.

    Args:
        line: What is known of the campaign; it is changed.
        rows: How many rows there were; None if there was no answer.
        sent: Whether the campaign has been sent.

    Returns:
        Whether the look can be the last one.
    """
    full = line.get("full", False)
    if rows or (not full and (rows is not None or not sent)):
        line.pop("empty", None)
        if rows:
            line["full"] = True
        return True
    line["empty"] = line.get("empty", 0) + 1
    return bool(line["empty"] >= (CLOSING_LOOKS if full else MISSING_RUNS))


def missing_twice(
    missing: set[str], earlier: t.Iterable[str], *, may_note: bool
) -> tuple[list[str], list[str]]:
    """Return what was missing in two runs in a row, and what to remember as missing.

    What is missing once may be an error of the service.

    Args:
        missing: What is missing now.
        earlier: What was missing in the last run.
        may_note: Whether a deletion can be written. If not, it stays missing until it
            can be.
    """
    again = missing & {*earlier} if may_note else set[str]()
    return sorted(again), sorted(missing - again)


def _have_moved(line: Row, counters: Counters) -> bool:
    return bool(line.get("count") != counters.to_remember)


def _later(now: str, since: str, growth: int) -> str:
    passed = datetime.fromisoformat(now) - datetime.fromisoformat(since)
    later = datetime.fromisoformat(now) + passed * growth
    return later.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
