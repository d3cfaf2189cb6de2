"""What of a campaign is read again: decisions over values, without any call.

Zoho can't be asked for what has changed. Its counters tell when something probably has,
but they lag, lead, stand still and stay 0. So they save calls while a campaign is open;
the closing look, after the window of the campaign has ended, does not rely on them.
"""

from __future__ import annotations

import enum
import typing as t
from datetime import datetime

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.wire.counters import Counters
    from tap_zohocampaigns.api.wire.types import Row

    Counts: t.TypeAlias = dict[str, int | None]


# After its window, what Zoho's counters contradict is read so often, and no more.
CLOSING_LOOKS = 3
# What was there once and is not there now has to be missing in so many runs in a row.
MISSING_RUNS = 2


class Look(enum.Enum):
    """What is done about an action of a campaign in a run."""

    SKIP = enum.auto()
    ASSUME_EMPTY = enum.auto()
    """It is not read: it never had rows, and its counter is 0."""
    READ = enum.auto()


def choose_look(
    known: Row | None, counters: Counters, now: str, *, closing: bool
) -> Look:
    """Decide whether an action is read.

    Args:
        known: What an earlier run noted of it, as `note_look` made it.
        counters: What the report tells now.
        now: The time of this run.
        closing: Whether the window of its campaign has ended.
    """
    if known is None:
        empty = counters.reported == 0 and not closing
        return Look.ASSUME_EMPTY if empty else Look.READ
    if "begun" in known or "vanished" in known:
        return Look.READ
    if closing:
        return Look.SKIP if known.get("final") else Look.READ
    if counters.reported == 0 and not known["rows"]:
        return Look.SKIP
    due = "due" in known and now > known["due"]
    read = counters.to_remember is None or _moved(known, counters) or due
    return Look.READ if read else Look.SKIP


def note_look(
    known: Row | None, counters: Counters, rows: int, now: str, *, closing: bool
) -> Row:
    """Return what to note of an action that has been read whole.

    Args:
        known: What an earlier run noted of it.
        counters: What the report told.
        rows: How many rows it had.
        now: The time of this run.
        closing: Whether the window of its campaign had ended.

    Returns:
        `count`, the counters, and `rows`. If these don't agree, `since` when, and after
        when it is `due` again. After the window, how many `looks` there were, and
        whether the last one was `final`. `vanished` if there were rows before, there
        are none now, and no counter says so: then nothing else is noted, since the
        next run asks again.
    """
    known = known or {}
    looks = {"looks": known.get("looks", 0) + 1} if closing else {}
    vanished = rows == 0 and known.get("rows") and counters.reported != 0
    if vanished and "vanished" not in known:
        return {**known, **looks, "vanished": True}
    matched = rows == counters.reported
    noted: Row = {"count": counters.to_remember, "rows": rows, **looks}
    if counters.to_remember is not None and not matched:
        since = now if _moved(known, counters) else known.get("since", now)
        # Each pause is as long as all before; if bounces explain the difference, three
        # times as long.
        noted |= {
            "since": since,
            "due": _later(now, since, 3 if rows == counters.delivered else 1),
        }
    if closing:
        unreported = counters.to_remember is None and known.get("count") is not None
        settled = (matched or counters.to_remember is None) and not unreported
        noted["final"] = settled or looks["looks"] >= CLOSING_LOOKS
    return noted


def note_answer(line: Row, rows: int | None, *, sent: bool) -> bool:
    """Note how many rows a look at a campaign gave.

    An empty answer where there was a full one is asked again in the next runs, and so
    is no answer where there was none.

    Args:
        line: What is known of the campaign; it is changed.
        rows: How many there were; None if there was no answer.
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


def _moved(known: Row, counters: Counters) -> bool:
    return bool(known.get("count") != counters.to_remember)


def _later(now: str, since: str, growth: int) -> str:
    passed = datetime.fromisoformat(now) - datetime.fromisoformat(since)
    later = datetime.fromisoformat(now) + passed * growth
    return later.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
