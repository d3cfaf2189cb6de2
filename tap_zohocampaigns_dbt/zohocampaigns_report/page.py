"""The page: one HTML file with its style, its script and its drawings."""

from __future__ import annotations

import base64
import hashlib
import typing as t
from datetime import UTC, date, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from zohocampaigns_report import charts, figures

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from zohocampaigns_report.marts import Rows

_FOLDER: t.Final = Path(__file__).parent
_NOTHING: t.Final = "—"
_DIFFERENCES: t.Final = 20


def number(value: float | None) -> str:
    """Return a number such as 12,345."""
    return _NOTHING if value is None else f"{value:,}"


def percent(value: float | None) -> str:
    """Return a share such as 23.4%."""
    return _NOTHING if value is None else f"{value:.1%}"


def day(value: date | None) -> str:
    """Return a day such as 2026-03-20."""
    return _NOTHING if value is None else f"{value:%Y-%m-%d}"


def minute(value: datetime | None) -> str:
    """Return a time such as 2026-03-20 15:04."""
    return _NOTHING if value is None else f"{value:%Y-%m-%d %H:%M}"


def write(marts: Mapping[str, Rows], now: datetime) -> str:
    """Return the page as HTML.

    Args:
        marts: The rows of each query.
        now: When it is written.
    """
    script = (_FOLDER / "page.js").read_text(encoding="utf-8")
    digest = hashlib.sha256(script.encode()).digest()
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "percent": percent,
        "day": day,
        "minute": minute,
    }
    # Both are files of this package.
    style = (_FOLDER / "page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html.jinja").render(
        **context(marts),
        now=now.astimezone(UTC),
        # The browser runs this script and no other, whatever a name contains.
        script=Markup(script),  # noqa: S704 (see above)
        script_hash=f"sha256-{base64.b64encode(digest).decode()}",
        style=Markup(style),  # noqa: S704 (see above)
    )


def context(marts: Mapping[str, Rows]) -> dict[str, t.Any]:
    """Return what the template shows."""
    parts = marts["parts"]
    accounts = {row["account_id"] for row in parts}

    def label(row: Mapping[str, t.Any], name: str, key: str) -> str:
        text = row[name] or row[key]
        return f"{row['account_id']}: {text}" if len(accounts) > 1 else text

    lines = figures.opens_of_campaigns(marts)
    campaigns = [
        {
            **row,
            "label": label(row, "campaign_name", "campaign_key"),
            "spark": charts.spark(lines.get(figures.key_of(row), [])),
        }
        for row in marts["campaigns"]
    ]
    lists = [
        {**row, "label": label(row, "list_name", "list_key")}
        for row in figures.lists(marts["list_growth"])
    ]
    unit, bars = figures.opens_over_time(marts)
    cohorts = figures.cohorts(marts["cohorts"])
    domains = figures.domains(marts["domains"])
    return {
        "campaigns": campaigns,
        "rates_chart": charts.rates(campaigns),
        "opens_unit": unit,
        "opens_bars": bars,
        "opens_by_events": bool(marts["first_opens"]),
        "opens_chart": charts.opens(unit, bars),
        "lists": lists,
        "growth_chart": charts.growth(lists),
        "cohorts": cohorts,
        "engagement": figures.kinds_of(cohorts),
        "cohorts_chart": charts.cohorts(cohorts),
        "domains": domains,
        "bounces_chart": charts.bounces(domains),
        "parts": parts,
        "has_accounts": len(accounts) > 1,
        "differences": marts["differences"][:_DIFFERENCES],
        "more_differences": max(len(marts["differences"]) - _DIFFERENCES, 0),
        "left_out": figures.left_out(marts),
        "contacts": marts["contacts"],
        "last_read": max(filter(None, (row["newest"] for row in parts)), default=None),
        "totals": {
            "active": figures.total(lists, "active"),
            "sent": figures.total(campaigns, "sent"),
            "open_rate": figures.rate_of_all(campaigns, "unique_opens", "delivered"),
            "click_rate": figures.rate_of_all(campaigns, "unique_clicks", "delivered"),
        },
    }
