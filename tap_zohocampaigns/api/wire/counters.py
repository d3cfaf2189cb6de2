"""NEW."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.wire.envelope import Row

    Counts: t.TypeAlias = dict[str, int | None]


class Evidence(t.NamedTuple):
    """The counters of `campaignreports` that tell of an action."""

    rows: tuple[str, ...]
    """Counters that may be the number of its rows."""
    others: tuple[str, ...] = ()
    """Counters that move when its members change and their number does not."""


# Whose members only ever join is revealed by its own counter, since each join moves it:
# clicked, opted out, complained, bounced for good. Whose members also leave can gain
# one and lose one between two runs, and its own counter stands still:
#
# * unopened: a delivery adds one, an open takes one away.
# * soft bounces: a second try delivers, or bounces for good.
# * unsent: what is still in the queue is sent.
# * sent: whether bounced e-mails are in it is not documented, so all of them count.
# * opened: members only join, but a counter of opens may lag behind the others.
#
# The test sends of an A/B campaign have reports of their own, so the same holds for
# each. The statuses of lists have counters too, but lists are read whole in each run,
# so nothing is concluded from them.
# https://www.zoho.com/campaigns/help/developers/campaign-reports.html
EVIDENCE: t.Final[t.Mapping[str, Evidence]] = {
    "sentcontacts": Evidence(
        ("emails_sent_count", "delivered_count"),
        ("hardbounce_count", "softbounce_count", "unsent_count"),
    ),
    "openedcontacts": Evidence(("opens_count",), ("unopened", "unique_clicks_count")),
    "clickedcontacts": Evidence(("unique_clicks_count",)),
    "unopenedcontacts": Evidence(
        ("unopened",), ("delivered_count", "opens_count", "emails_sent_count")
    ),
    "optoutcontacts": Evidence(("unsub_count",)),
    "spamcontacts": Evidence(("spams_count", "complaints_count")),
    "senthardbounce": Evidence(("hardbounce_count",)),
    "sentsoftbounce": Evidence(
        ("softbounce_count",), ("hardbounce_count", "delivered_count")
    ),
    "unsentcontacts": Evidence(("unsent_count",), ("emails_sent_count",)),
}


ACTIONS: t.Final = tuple(EVIDENCE)


def read_counters(report: Row | None) -> Counts:
    """Return all counters of a report that are numbers.

    Args:
        report: The row of `campaignreports`, as it is on the wire; None if there is no
            report.
    """
    names = {name for each in EVIDENCE.values() for name in (*each.rows, *each.others)}
    return {name: _whole((report or {}).get(name)) for name in names}


class Counters(t.NamedTuple):
    """What the counters of a sending tell of one action."""

    values: list[int | None]
    """All that are evidence for it, in the order of `EVIDENCE`."""
    reported: int | None
    """How many rows it has, by the greatest counter; None if none tells that."""
    delivered: int | None = None
    """For `sentcontacts`, how many e-mails were delivered, if the rest bounced."""
    unsure: bool = False
    """Whether no counter tells how many rows it has, or two don't agree."""

    @classmethod
    def of(cls, action: str, counts: Counts) -> Counters:
        """Return what a report tells of an action."""
        names = EVIDENCE[action]
        numbers = [counts[name] for name in names.rows]
        known = [number for number in numbers if number is not None]
        reported = max(known, default=None)
        bounced = [counts["hardbounce_count"], counts["softbounce_count"]]
        delivered = None
        if action == "sentcontacts" and None not in (*numbers, *bounced):
            sent, less = t.cast("list[int]", numbers)
            explained = sent == less + sum(t.cast("list[int]", bounced))
            delivered = less if explained else None
        values = [counts[name] for name in (*names.rows, *names.others)]
        unsure = None in numbers or (len({*numbers}) > 1 and delivered is None)
        return cls(values, reported, delivered, unsure)

    @property
    def told(self) -> list[int | None] | None:
        """The values to remember; None if no counter tells of the action."""
        return None if self.reported is None else self.values


def _whole(value: object) -> int | None:
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() else None
