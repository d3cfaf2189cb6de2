"""The charts of the page: Vega-Lite draws them when the page is written.

Colors are variables of the page's style sheet, so that one drawing fits light, dark and
paper. Each chart is drawn twice: wide, and narrow for phones.
"""

from __future__ import annotations

import typing as t

import vl_convert
from markupsafe import Markup, escape

from zohocampaigns_report.figures import kinds_of

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from zohocampaigns_report.figures import Bars, Points
    from zohocampaigns_report.marts import Rows

Spec: t.TypeAlias = dict[str, t.Any]

_WIDE: t.Final = 640
_NARROW: t.Final = 300
_LISTS: t.Final = 7
_COLORS: t.Final = [f"var(--c{number})" for number in range(1, _LISTS + 1)]
_PERCENT: t.Final = ".0%"
_DAY: t.Final = "%Y-%m-%d"
_SPARK_WIDTH, _SPARK_HEIGHT = 96, 24
_CONFIG: t.Final[Spec] = {
    # The page has a name for each chart, and a table of its figures.
    "aria": False,
    "background": None,
    "font": "system-ui, sans-serif",
    "axis": {
        "domainColor": "var(--line)",
        "gridColor": "var(--line)",
        "labelColor": "var(--ink)",
        "labelFontSize": 12,
        "tickColor": "var(--line)",
        "titleColor": "var(--ink)",
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    },
    "legend": {
        "columnPadding": 24,
        "columns": 3,
        "labelColor": "var(--ink)",
        "labelFontSize": 12,
        "labelLimit": 180,
        "orient": "top",
        "title": None,
    },
    "range": {"category": _COLORS},
    "view": {"stroke": None},
}

_BARS_BESIDE_NAMES: t.Final[Spec] = {
    "height": {"step": 24},
    "mark": {"type": "bar", "stroke": "var(--paper)"},
}


def rates(campaigns: Rows) -> Markup | None:
    """Draw open and click rates of campaigns by the day of their sending."""
    values = [
        {"day": f"{row['sent_time']:%Y-%m-%d}", "rate": row[name], "what": what}
        for row in campaigns
        if row["sent_time"]
        for name, what in (("open_rate", "Open rate"), ("click_rate", "Click rate"))
        if row[name] is not None
    ]
    return _draw(
        "Open rate and click rate of each campaign, by the day it was sent.",
        values,
        lambda width: {
            "height": 220,
            "mark": {"type": "line", "point": True, "strokeWidth": 1.5},
            "encoding": {
                "x": _days("day", width),
                "y": {
                    "field": "rate",
                    "type": "quantitative",
                    "axis": {"format": _PERCENT, "title": None},
                },
                "color": {"field": "what", "type": "nominal", "sort": None},
            },
        },
    )


def opens(unit: str, bars: Bars) -> Markup | None:
    """Draw the opens of all campaigns over time."""
    values = [{"day": f"{day:%Y-%m-%d}", "opens": count} for day, count in bars]
    return _draw(
        f"Opens of all campaigns in each {unit}.",
        values,
        lambda width: {
            "height": 200,
            "mark": {
                "type": "bar",
                "color": _COLORS[0],
                "width": _bar(width, unit, bars),
            },
            "encoding": {
                "x": _days("day", width),
                "y": {
                    "field": "opens",
                    "type": "quantitative",
                    "axis": {"title": None},
                },
            },
        },
    )


def growth(lists: Rows) -> Markup | None:
    """Draw the active contacts of the largest lists over time."""
    values = [
        {
            "day": f"{day:%Y-%m-%d}",
            "active": active,
            "list": row["label"],
            "key": row["list_key"],
        }
        for row in lists[:_LISTS]
        for day, active in row["counts"]
        if active is not None
    ]
    return _draw(
        "Active contacts of each list over time.",
        values,
        lambda width: {
            "height": 220,
            "mark": {"type": "line", "point": True, "strokeWidth": 1.5},
            "encoding": {
                "x": _days("day", width),
                "y": {
                    "field": "active",
                    "type": "quantitative",
                    "axis": {"title": None, "tickMinStep": 1},
                    "scale": {"zero": False},
                },
                # Two lists may have the same name.
                "detail": {"field": "key"},
                "color": {
                    "field": "list",
                    "type": "nominal",
                    "sort": None,
                    "legend": {"columns": 3 if width == _WIDE else 1},
                },
            },
        },
    )


def cohorts(rows: Rows) -> Markup | None:
    """Draw the engagement of each cohort, as shares of its contacts."""
    kinds = kinds_of(rows)
    values = [
        {"cohort": row["cohort"], "engagement": name, "order": place, "n": row[name]}
        for row in rows
        for place, name in enumerate(kinds)
        if row[name]
    ]
    return _draw(
        "Shares of engaged, lapsing, dormant and other contacts in each cohort.",
        values,
        lambda width: {
            **_BARS_BESIDE_NAMES,
            "encoding": {
                "x": {
                    "field": "n",
                    "type": "quantitative",
                    "stack": "normalize",
                    "axis": {"format": _PERCENT, "title": None},
                },
                "y": {"field": "cohort", "type": "nominal", "axis": {"title": None}},
                "order": {"field": "order", "type": "ordinal"},
                "color": {
                    "field": "engagement",
                    "type": "nominal",
                    "scale": {
                        "domain": kinds,
                        "range": _COLORS[: len(kinds)],
                    },
                    "legend": {"columns": len(kinds) if width == _WIDE else 2},
                },
            },
        },
    )


def bounces(domains: Rows) -> Markup | None:
    """Draw the hard and soft bounces of each domain, as shares of its mails."""
    values = [
        {"domain": row["email_domain"], "rate": row[name], "what": what}
        for row in domains
        for name, what in (("hard_rate", "Hard bounces"), ("soft_rate", "Soft bounces"))
        if row[name] is not None
    ]
    return _draw(
        "Share of mails that bounced, by the domain of the address.",
        values,
        lambda width: {
            **_BARS_BESIDE_NAMES,
            "encoding": {
                "x": {
                    "field": "rate",
                    "type": "quantitative",
                    "axis": {"format": ".1%", "title": None, "tickCount": 4},
                },
                "y": {
                    "field": "domain",
                    "type": "nominal",
                    "sort": None,
                    "axis": {"title": None, "labelLimit": width // 3},
                },
                "color": {
                    "field": "what",
                    "type": "nominal",
                    "scale": {"range": [_COLORS[1], _COLORS[4]]},
                },
            },
        },
    )


def spark(points: Points) -> Markup:
    """Draw how the opens of a campaign grew, in a line of text."""
    if not points[1:]:
        # A line has two ends.
        return Markup("—")
    days, count = points[-1][0], max(n for _, n in points) or 1
    line = " ".join(
        f"{2 + x / days * (_SPARK_WIDTH - 4):.1f},"
        f"{_SPARK_HEIGHT - 2 - n / count * (_SPARK_HEIGHT - 4):.1f}"
        for x, n in points
    )
    label = f"{points[-1][1]:,} opens within {_plural(days, 'day')}"
    return Markup(  # noqa: S704 (numbers only)
        f'<svg class="spark" role="img" aria-label="{label}"'
        f' viewBox="0 0 {_SPARK_WIDTH} {_SPARK_HEIGHT}"><title>{label}</title>'
        f'<polyline points="{line}"/></svg>'
    )


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _days(field: str, width: int) -> Spec:
    return {
        "field": field,
        "type": "temporal",
        "timeUnit": "utcyearmonthdate",
        "axis": {
            "title": None,
            "format": _DAY,
            "grid": False,
            "labelOverlap": "greedy",
            "labelFlush": True,
            "tickCount": 6 if width == _WIDE else 3,
        },
    }


def _bar(width: int, unit: str, bars: Bars) -> float:
    days = (bars[-1][0] - bars[0][0]).days if bars else 0
    places = days / {"day": 1, "week": 7, "month": 30}[unit] + 1
    # Axis and margins take a part of the width.
    return max(0.5, min(24, 0.7 * width / places))


def _draw(label: str, values: Rows, spec: Callable[[int], Spec]) -> Markup | None:
    """Return a wide and a narrow drawing; the style sheet shows one of them.

    There is none without values: its axes would have no end.
    """
    if not values:
        return None
    drawings = []
    for name, width in (("wide", _WIDE), ("narrow", _NARROW)):
        sized = {
            "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
            "width": width,
            "autosize": {"type": "fit-x", "contains": "padding"},
            "config": _CONFIG,
            "data": {"values": values},
            **spec(width),
        }
        svg = vl_convert.vegalite_to_svg(sized, vl_version="5.21")
        # What it is made of says nothing more to a screen reader.
        svg = svg.replace("<svg ", '<svg aria-hidden="true" ', 1)
        drawings.append(
            f'<div class="{name}" role="img" aria-label="{escape(label)}">{svg}</div>'
        )
    # vl-convert escapes the texts of its drawing.
    return Markup("".join(drawings))  # noqa: S704 (see above)
