"""The figures of the page, worked out from rows of the marts."""

from __future__ import annotations

import typing as t
from collections import Counter, defaultdict
from datetime import date, timedelta

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from zohocampaigns_report.marts import Row, Rows

UNKNOWN: t.Final = "unknown"
ENGAGEMENT: t.Final = (
    *("engaged", "lapsing", "dormant", "never opened", "not reached"),
    UNKNOWN,
)
_DOMAINS: t.Final = 15
# Points of a campaign with one report: the sending, and the report.
_ONE: t.Final = 2
# From how many days on bars are weeks, and months.
_DAYS_IN_WEEKS: t.Final = 120
_DAYS_IN_MONTHS: t.Final = 800
# From how many months on cohorts are quarters, and years.
_MONTHS_IN_QUARTERS: t.Final = 12
_MONTHS_IN_YEARS: t.Final = 48
Points: t.TypeAlias = list[tuple[int, int]]
"""Days since the sending, and opens until then."""
Bars: t.TypeAlias = list[tuple[date, int]]
"""First days of spans, and opens in them."""
Campaign: t.TypeAlias = tuple[str, str]
"""Account and key of a campaign."""


def key_of(row: Row, name: str = "campaign_key") -> Campaign:
    """Return the account and the key of a row's campaign."""
    return row["account_id"], row[name]


def rate(part: float | None, whole: float | None) -> float | None:
    """Return a share, or None if it can't be told."""
    return None if part is None or not whole else part / whole


def total(rows: Iterable[Row], name: str) -> int:
    """Return the sum of a column; nulls count as 0."""
    return sum(row[name] or 0 for row in rows)


def known_total(rows: Iterable[Row], name: str) -> int | None:
    """Return the sum of a column, or None if it has nulls."""
    values = [row[name] for row in rows]
    return None if None in values else sum(values)


def rate_of_all(rows: Rows, part: str, whole: str) -> float | None:
    """Return a share over all rows that have both numbers."""
    known = [row for row in rows if row[part] is not None and row[whole] is not None]
    return rate(total(known, part), total(known, whole))


def opens_of_campaigns(marts: Mapping[str, Rows]) -> dict[Campaign, Points]:
    """Return how opens of each campaign grew: days since the sending, and opens.

    The first opens of contacts are taken if they were read, else the daily reports.
    """
    points = _growth_of_reports(marts["reports"])
    sent = {key_of(row): row for row in marts["campaigns"]}
    by_events: dict[Campaign, Points] = {}
    for row in marts["first_opens"]:
        key = key_of(row, "main_campaign_key")
        if key in sent and (start := sent[key]["sent_time"]):
            line = by_events.setdefault(key, [(0, 0)])
            # A first day starts with the sending.
            days = max((row["opened_on"] - start.date()).days + 1, 1)
            line.append((days, line[-1][1] + row["contacts"]))
    return points | by_events


def _growth_of_reports(reports: Rows) -> dict[Campaign, Points]:
    known: dict[Campaign, dict[str, int]] = defaultdict(dict)
    points: dict[Campaign, dict[int, int]] = defaultdict(lambda: {0: 0})
    for row in reports:
        if row["days_since_sent"] is None or row["open_count"] is None:
            continue
        key = key_of(row, "main_campaign_key")
        # A test send that is closed has no more reports; its opens still count.
        known[key][row["campaign_key"]] = row["open_count"]
        points[key][max(row["days_since_sent"], 1)] = sum(known[key].values())
    # One report says nothing of how opens grew.
    return {
        key: sorted(line.items()) for key, line in points.items() if len(line) > _ONE
    }


def opens_over_time(marts: Mapping[str, Rows]) -> tuple[str, Bars]:
    """Return the opens of all campaigns: day, week or month, and its first days."""
    opens: Counter[date] = Counter()
    for row in marts["first_opens"]:
        opens[row["opened_on"]] += row["contacts"]
    if not opens:
        for row in marts["reports"]:
            # A first report has all opens since the sending, so it tells no day.
            if row["days_since_last_report"] is not None and row["new_open_count"]:
                opens[row["reported_on"]] += row["new_open_count"]
    unit = _unit(opens)
    bars: Counter[date] = Counter()
    for day, count in opens.items():
        bars[_start(day, unit)] += count
    return unit, sorted(bars.items())


def _unit(days: Iterable[date]) -> str:
    ordered = sorted(days)
    span = (ordered[-1] - ordered[0]).days if ordered else 0
    if span > _DAYS_IN_MONTHS:
        return "month"
    return "week" if span > _DAYS_IN_WEEKS else "day"


def _start(day: date, unit: str) -> date:
    if unit == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if unit == "week" else day


def lists(growth: Rows) -> Rows:
    """Return one row for each list: its last count, and changes since the first."""
    by_list: dict[tuple[str, str], Rows] = defaultdict(list)
    for row in growth:
        by_list[row["account_id"], row["list_key"]].append(row)
    found = []
    for rows in by_list.values():
        first, last = rows[0], rows[-1]
        later = rows[1:]
        known = first["active"] is not None and last["active"] is not None
        found.append(
            {
                **last,
                "first_counted_on": first["counted_on"],
                "net": last["active"] - first["active"] if known else None,
                "joined": known_total(later, "joined") if later else None,
                "left_list": known_total(later, "left_list") if later else None,
                "counts": [(row["counted_on"], row["active"]) for row in rows],
            }
        )
    return sorted(found, key=lambda row: -(row["active"] or 0))


def cohorts(rows: Rows) -> Rows:
    """Return one row for each span in which contacts were added, oldest first."""
    months = [
        row["added_year"] * 12 + row["added_month"] - 1
        for row in rows
        if row["added_year"] is not None
    ]
    span = max(months) - min(months) if months else 0
    by_cohort: dict[str, Rows] = defaultdict(list)
    for row in rows:
        by_cohort[_cohort(row["added_year"], row["added_month"], span)].append(row)
    found: Rows = []
    for name, members in sorted(by_cohort.items()):
        kinds: Counter[str] = Counter(dict.fromkeys(ENGAGEMENT, 0))
        for row in members:
            kinds[row["engagement"] or UNKNOWN] += row["contacts"]
        opened, delivered = (
            known_total(members, column) for column in ("opened", "delivered")
        )
        found.append(
            {
                "cohort": name,
                "contacts": total(members, "contacts"),
                "open_rate": rate(opened, delivered),
                **kinds,
            }
        )
    return found


def kinds_of(cohorts: Rows) -> list[str]:
    """Return the kinds of engagement to show: "unknown" only if there are any."""
    return [
        kind for kind in ENGAGEMENT if kind != UNKNOWN or total(cohorts, UNKNOWN) > 0
    ]


def _cohort(year: int | None, month: int, span: int) -> str:
    if year is None:
        return UNKNOWN
    if span > _MONTHS_IN_YEARS:
        return f"{year}"
    if span > _MONTHS_IN_QUARTERS:
        return f"{year} Q{(month + 2) // 3}"
    return f"{year}-{month:02}"


def domains(rows: Rows) -> Rows:
    """Return the domains with most mails, then one row for all others."""
    shown, others = rows[:_DOMAINS], rows[_DOMAINS:]
    if others:
        names = others[0].keys() - {"email_domain"}
        rest = {name: known_total(others, name) for name in names}
        shown = [*shown, {**rest, "email_domain": f"other domains ({len(others):,})"}]
    return [
        {
            **row,
            "email_domain": row["email_domain"] or UNKNOWN,
            "bounce_rate": rate(row["bounces"], row["sent"]),
            "hard_rate": rate(row["hard_bounces"], row["sent"]),
            "soft_rate": rate(row["soft_bounces"], row["sent"]),
            "complaint_rate": rate(row["complaints"], row["delivered"]),
        }
        for row in shown
    ]


def left_out(marts: Mapping[str, Rows]) -> list[str]:
    """Return sentences about what the page and the marts don't have."""
    notes = []
    if count := marts["unsent"][0]["campaigns"]:
        notes.append(f"Campaigns that were not sent, such as drafts: {count:,}.")
    if count := sum(row["sent"] is None for row in marts["campaigns"]):
        notes.append(f"Sent campaigns of which no numbers were read: {count:,}.")
    if count := marts["deleted"][0]["parts"]:
        notes.append(f"Parts that are not in the account any more: {count:,}.")
    if count := total(marts["parts"], "rows_without_key"):
        notes.append(f"Rows without their key, which were not loaded: {count:,}.")
    if not marts["first_opens"]:
        notes.append("The stream recipient_events: the day of each open is not known.")
    if not total(marts["cohorts"], "with_lists"):
        notes.append(
            "The stream list_subscribers: when contacts were added is known only of"
            " members of segments."
        )
    return notes
