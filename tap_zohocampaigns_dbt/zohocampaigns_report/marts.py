"""What the page is made of: rows of the marts, and of nothing else."""

from __future__ import annotations

import os
import re
import typing as t
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import duckdb
import psycopg2

Row: t.TypeAlias = dict[str, t.Any]
Rows: t.TypeAlias = list[Row]

# dbt resolves the path of the database from this folder, so the page does too.
PACKAGE: t.Final = Path(__file__).parents[1]
_DUCKDB: t.Final = "../output/zohocampaigns.duckdb"
_SCHEMA: t.Final = "zohocampaigns_marts"
# No document can have them, and the library that draws aborts at some.
_NOT_TEXT: t.Final = re.compile(
    "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
_BUILD: t.Final = "Run `dbt build` first."

# They run on DuckDB and on PostgreSQL. What one account did not read is null for all.
QUERIES: t.Final = {
    "campaigns": """
        select account_id, campaign_key, campaign_name, sent_time, sent, delivered,
            unique_opens, unique_clicks, unsubscribes, complaints, bounces, open_rate,
            click_rate
        from campaigns
        where sent_time is not null or sent is not null
        order by sent_time desc nulls last, campaign_key
    """,
    "unsent": """
        select count(*) as campaigns
        from campaigns
        where sent_time is null and sent is null
    """,
    "reports": """
        select account_id, main_campaign_key, campaign_key, reported_on,
            days_since_sent, days_since_last_report, open_count, new_open_count
        from campaign_daily
        order by reported_on
    """,
    "first_opens": """
        select account_id, main_campaign_key,
            cast(first_open_time as date) as opened_on,
            count(distinct contact_email) as contacts
        from recipients
        where first_open_time is not null
        group by account_id, main_campaign_key, cast(first_open_time as date)
        order by opened_on
    """,
    "list_growth": """
        select account_id, list_key, list_name, counted_on, active, unsubscribed,
            bounced, joined, left_list
        from list_growth
        order by counted_on
    """,
    "cohorts": """
        select cast(extract(year from added_time) as integer) as added_year,
            cast(extract(month from added_time) as integer) as added_month,
            engagement, count(*) as contacts, count(lists) as with_lists,
            case when count(delivered) = count(*) then sum(delivered) end as delivered,
            case when count(opened) = count(*) then sum(opened) end as opened
        from contacts
        group by 1, 2, engagement
    """,
    "domains": """
        select email_domain,
            case when count(contacts) = count(*) then sum(contacts) end as contacts,
            case when count(sent) = count(*) then sum(sent) end as sent,
            case when count(delivered) = count(*) then sum(delivered) end as delivered,
            case when count(hard_bounces) = count(*) then sum(hard_bounces) end
                as hard_bounces,
            case when count(soft_bounces) = count(*) then sum(soft_bounces) end
                as soft_bounces,
            case when count(bounces) = count(*) then sum(bounces) end as bounces,
            case when count(complaints) = count(*) then sum(complaints) end
                as complaints
        from deliverability
        group by email_domain
        order by sum(coalesce(sent, contacts)) desc nulls last, email_domain
    """,
    "parts": """
        select account_id, stream, count(*) as parts, min(snapshot_time) as oldest,
            max(snapshot_time) as newest, sum(rows_read) as rows_read,
            sum(rows_loaded) as rows_loaded, sum(rows_without_key) as rows_without_key,
            sum(case when missing_in_warehouse > 0 then missing_in_warehouse else 0 end)
                as missing_in_warehouse,
            sum(case when missing_in_read > 0 then missing_in_read else 0 end)
                as missing_in_read
        from reconciliation
        where not is_deleted
        group by account_id, stream
        order by account_id, stream
    """,
    "differences": """
        select account_id, snapshot_id, rows_read, rows_loaded, rows_reported,
            missing_in_warehouse, missing_in_read
        from reconciliation
        where missing_in_warehouse <> 0 or missing_in_read <> 0
        order by abs(coalesce(missing_in_warehouse, 0))
            + abs(coalesce(missing_in_read, 0)) desc, snapshot_id
    """,
    "deleted": """
        select count(*) as parts
        from reconciliation
        where is_deleted
    """,
}
# Only this one has addresses.
CONTACTS: t.Final = """
    select contact_email, status, engagement, sent, opened, clicked, last_open_time
    from contacts
    order by last_open_time desc nulls last, contact_email
    limit
"""


class MartsError(Exception):
    """The marts can't be read. The text says what to do."""


def read(target: str, contacts: int = 0) -> dict[str, Rows]:
    """Return the rows of each query.

    Args:
        target: `duckdb` or `postgres`, as in the profile of dbt.
        contacts: How many contacts are read, with their addresses.

    Raises:
        MartsError: The database or a mart is missing, or can't be opened.
    """
    queries = {**QUERIES, "contacts": f"{CONTACTS} {contacts:d}"}
    connect = _postgres if target == "postgres" else _duckdb
    try:
        with closing(connect()) as connection, closing(connection.cursor()) as cursor:
            return {name: _rows(cursor, query) for name, query in queries.items()}
    except (duckdb.CatalogException, psycopg2.errors.UndefinedTable) as error:
        what = str(error).strip().splitlines()[0]
        msg = f"A mart is missing. {_BUILD} The database says: {what}"
        raise MartsError(msg) from error
    except (duckdb.Error, psycopg2.Error) as error:
        msg = f"The marts can't be read: {str(error).strip()}"
        raise MartsError(msg) from error


def _duckdb() -> duckdb.DuckDBPyConnection:
    file = (PACKAGE / os.environ.get("ZOHOCAMPAIGNS_DUCKDB", _DUCKDB)).resolve()
    if not file.is_file():
        msg = f"There is no database {file}. {_BUILD}"
        raise MartsError(msg)
    return duckdb.connect(str(file), read_only=True)


def _postgres() -> psycopg2.extensions.connection:
    # The same variables and defaults as in the profile of dbt.
    connection = psycopg2.connect(
        host=os.environ.get("PGHOST", "localhost"),
        port=os.environ.get("PGPORT", "5432"),
        user=os.environ.get("PGUSER", "postgres"),
        password=os.environ.get("PGPASSWORD", ""),
        dbname=os.environ.get("PGDATABASE", "postgres"),
    )
    with connection.cursor() as cursor:
        cursor.execute(f"set search_path to {_SCHEMA}")
    return connection


def _rows(cursor: t.Any, query: str) -> Rows:  # noqa: ANN401 (of either database)
    cursor.execute(query)
    names = [column[0] for column in cursor.description]
    return [
        {name: _plain(value) for name, value in zip(names, row, strict=True)}
        for row in cursor.fetchall()
    ]


def _plain(value: object) -> object:
    """Return a value that databases have in common, and documents can have."""
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    return _NOT_TEXT.sub("\ufffd", value) if isinstance(value, str) else value
