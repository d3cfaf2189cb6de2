"""The counters of `campaignreports`, and the actions whose changes they show."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.wire.types import Row

    Counts: t.TypeAlias = dict[str, int | None]


class Evidence(t.NamedTuple):
    """The counters that change when the members of an action change."""

    rows: tuple[str, ...]
    """Counters that may be its number of rows."""
    others: tuple[str, ...] = ()
    """Counters that change when members are exchanged and their number stays equal."""


# Some actions only gain members: clicked, opted out, complained, hard-bounced. Each new
# member moves the action's own counter. Other actions also lose members. They can gain
# one and lose one between two runs, and then their own counter stands still:
#
# * unopened: a delivery adds one, an open removes one.
# * soft bounces: a second try delivers the e-mail, or makes it a hard bounce.
# * unsent: e-mails in the queue are sent.
# * sent: whether bounced e-mails are counted is not documented, so all counters count.
# * opened: it only gains members, but its counter may lag behind the others.
#
# The test sends of an A/B campaign have their own reports, so the same holds for each.
# The statuses of lists have counters too, but lists are read whole in each run, so
# nothing is concluded from them.
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


def parse_counters(report: Row | None) -> Counts:
    """Parse the counters of a report; a counter that is not a number is None.

    Args:
        report: The row of `campaignreports`; None if there is no report.
    """
    names = {
        name
        for evidence in EVIDENCE.values()
        for name in (*evidence.rows, *evidence.others)
    }
    return {name: _whole((report or {}).get(name)) for name in names}


class Counters(t.NamedTuple):
    """The counters of one action of a sending."""

    values: list[int | None]
    """All counters that are evidence for it, in the order of `EVIDENCE`."""
    reported: int | None
    """Its number of rows by the greatest counter; None if no counter is known."""
    delivered: int | None = None
    """For `sentcontacts`: the number of delivered e-mails, if bounces explain the
    difference to the number sent."""
    unsure: bool = False
    """Whether no counter gives its number of rows, or two disagree."""

    @classmethod
    def of(cls, action: str, counts: Counts) -> Counters:
        """Return the counters of an action.

        Args:
            action: One of `ACTIONS`.
            counts: All counters of the report.
        """
        names = EVIDENCE[action]
        numbers = [counts[name] for name in names.rows]
        reported = max((n for n in numbers if n is not None), default=None)
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
    def to_remember(self) -> list[int | None] | None:
        """The values to compare with in the next run; None if no counter is known."""
        return None if self.reported is None else self.values


def _whole(value: object) -> int | None:
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() else None
