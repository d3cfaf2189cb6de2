"""Figures of odd accounts are right or null. All accounts are in one schema."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from zoneinfo import ZoneInfo

import psycopg
import pytest

from tests.dbt.conftest import load_both
from tests.support.dbt import (
    MARTS,
    as_texts,
    build,
    duckdb_tables,
    host_of,
    postgres_tables,
)
from tests.support.fixed_account import DRAFT
from tests.support.odd_accounts import (
    AB,
    ALL_MAILS,
    DOT,
    FLO,
    NEWS,
    OLD,
    TESTS,
    MailedAccount,
    OddRun,
    mails,
)

if t.TYPE_CHECKING:
    from pathlib import Path

    from tests.support.dbt import Rows

    Tables: t.TypeAlias = dict[str, Rows]

pytestmark = pytest.mark.slow

REPORTS = ("campaign_reports", "campaign_reach", "campaign_locations")
RECIPIENTS = ("campaign_recipients", "recipient_events")
WITHOUT_NEWS = MailedAccount(shown=(DRAFT, AB, OLD))
ONE_TEST = replace(AB, children=AB.children[:1])
NO_OPENS = mails(TESTS[1], openedcontacts=(), unopenedcontacts=(FLO, DOT))
RUNS = {
    "whole": OddRun(),
    "east": OddRun(MailedAccount(zone=ZoneInfo("Pacific/Auckland"))),
    "xml": OddRun(settings={"response_format": "xml"}),
    "few_actions": OddRun(settings={"actions": ["openedcontacts", "clickedcontacts"]}),
    "no_reports": OddRun(settings={"actions": ["openedcontacts"]}, left_out=REPORTS),
    "no_bounces": OddRun(
        settings={"actions": ["sentcontacts", "openedcontacts"]}, left_out=REPORTS
    ),
    "no_recipients": OddRun(left_out=(*RECIPIENTS, "segment_contacts")),
    "no_lists": OddRun(left_out=("list_subscribers", "segment_contacts")),
    "deleted": OddRun(later=(WITHOUT_NEWS, WITHOUT_NEWS)),
    "version_1": OddRun(version="1"),
    "one_test": OddRun(MailedAccount(shown=(DRAFT, NEWS, ONE_TEST, OLD))),
    "winner": OddRun(MailedAccount(mails=ALL_MAILS | NO_OPENS)),
    "no_winner": OddRun(MailedAccount(mails=ALL_MAILS | NO_OPENS), left_out=RECIPIENTS),
    "empty": OddRun(MailedAccount(active=(), left=())),
}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, database: str) -> list[Tables]:
    """Return the marts of all accounts on DuckDB and on PostgreSQL."""
    folder = tmp_path_factory.mktemp("odd")
    files = folder / "output"
    files.mkdir()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE DATABASE odd")
    host, database = host_of(database), database.replace("/postgres?", "/odd?")
    messages = "".join(run.messages(name) for name, run in RUNS.items())
    load_both(messages, files, database)
    # Sessions in zones far from UTC, on either side.
    build_models(folder, ZOHOCAMPAIGNS_FILES=str(files), TZ="Asia/Kolkata")
    build_models(
        folder,
        *("--target", "postgres"),
        PGHOST=host,
        PGDATABASE="odd",
        PGTZ="America/Los_Angeles",
    )
    with psycopg.connect(database) as connection:
        on_postgres = postgres_tables(connection, "zohocampaigns_marts", MARTS)
    return [duckdb_tables(folder, MARTS), on_postgres]


def build_models(folder: Path, *arguments: str, **environment: str) -> None:
    build(folder, "--exclude-resource-type", "unit_test", *arguments, **environment)


@pytest.fixture
def marts(both: list[Tables]) -> Tables:
    return both[0]


def of(rows: Rows, account_id: str, **values: object) -> Rows:
    """Return the rows of an account that have these values."""
    wanted = {"account_id": account_id, **values}
    return [row for row in rows if wanted.items() <= row.items()]


def columns(rows: Rows, *names: str) -> list[t.Any]:
    """Return some columns of the only row."""
    (row,) = rows
    return [row[name] for name in names]


def test_duckdb_and_postgres_have_equal_marts(both: list[Tables]) -> None:
    for name in MARTS:
        on_duckdb, on_postgres = (
            sorted(sorted(as_texts(row).items()) for row in tables[name])
            for tables in both
        )
        assert on_duckdb, name
        assert on_duckdb == on_postgres, name


def test_accounts_in_one_schema_do_not_mix(marts: Tables) -> None:
    names = ("sent", "delivered", "unique_opens", "unique_clicks", "unsubscribes")
    for account_id in ("whole", "east", "xml", "no_lists", "version_1", "one_test"):
        rows = of(marts["campaigns"], account_id, campaign_key=NEWS.key)
        assert columns(rows, *names) == [5, 4, 3, 1, 1], account_id
        names_of_contacts = {
            row["contact_email"].partition("@")[0]
            for row in of(marts["contacts"], account_id)
        }
        assert names_of_contacts == {"ann", "bea", "cy", "dot", "eve", "flo"}
    assert not any(of(marts[name], "default") for name in MARTS)


def test_the_zone_of_the_account_changes_nothing(marts: Tables) -> None:
    for name in MARTS:
        west, east = (
            sorted(
                sorted((as_texts(row) | {"account_id": ""}).items())
                for row in of(marts[name], account_id)
            )
            for account_id in ("whole", "east")
        )
        assert west == east, name


@pytest.mark.parametrize(
    ("account_id", "expected"),
    [
        # What is not read comes from Zoho's report.
        ("few_actions", [5, 4, 3, 0.75, 1, 1]),
        ("no_recipients", [5, 4, 3, 0.75, 1, 1]),
        # Without a report, nothing shows it.
        ("no_reports", [None, None, 3, None, None, None]),
        ("no_bounces", [5, None, 3, None, None, None]),
        # The last report is all that is left.
        ("deleted", [5, 4, 3, 0.75, 1, 1]),
    ],
)
def test_campaigns(marts: Tables, account_id: str, expected: list[t.Any]) -> None:
    names = (
        *("sent", "delivered", "unique_opens", "open_rate"),
        *("unsubscribes", "hard_bounces"),
    )
    rows = of(marts["campaigns"], account_id, campaign_key=NEWS.key)
    assert columns(rows, *names) == expected
    (draft,) = of(marts["campaigns"], account_id, campaign_key=DRAFT.key)
    assert draft["sent"] is None


@pytest.mark.parametrize(
    ("account_id", "expected"),
    [
        ("whole", [5, 5, 2, 0, 2, None]),
        ("few_actions", [5, 5, 2, 0, 2, None]),
        ("no_recipients", [5, 5, 2, 0, 2, None]),
        ("winner", [5, 5, 1, 0, 2, "a"]),
        # How many got each test is not known.
        ("no_winner", [5, 5, 1, 0, 2, None]),
        # A test send is missing, so no sum is whole.
        ("version_1", [None, None, None, None, 0, None]),
        ("one_test", [None, None, None, None, 1, None]),
    ],
)
def test_ab_campaigns(marts: Tables, account_id: str, expected: list[t.Any]) -> None:
    names = (
        *("sent", "delivered", "unique_opens", "hard_bounces"),
        *("ab_variants", "ab_winner"),
    )
    rows = of(marts["campaigns"], account_id, campaign_key=AB.key)
    assert columns(rows, *names) == expected


def test_days_since_a_test_send_are_its_own(marts: Tables) -> None:
    for key, days in ((NEWS.key, 3), (AB.key, 3), (TESTS[0].key, 5)):
        rows = of(marts["campaign_daily"], "whole", campaign_key=key)
        assert columns(rows, "days_since_sent") == [days]
    # Without its rows, nothing says when it was sent.
    rows = of(marts["campaign_daily"], "no_recipients", campaign_key=TESTS[0].key)
    assert columns(rows, "days_since_sent") == [None]


def test_days_to_opens_count_from_the_first_mail(marts: Tables) -> None:
    names = ("days_to_50_percent_opens", "opens_timed_by")
    rows = of(marts["campaigns"], "whole", campaign_key=NEWS.key)
    assert columns(rows, *names) == [0.25, "events"]
    for account_id, key in (
        ("few_actions", NEWS.key),
        ("version_1", AB.key),
        ("one_test", AB.key),
        ("no_recipients", AB.key),
    ):
        rows = of(marts["campaigns"], account_id, campaign_key=key)
        assert columns(rows, *names) == [None, None], account_id


def test_flags_of_actions_that_are_not_read_are_null(marts: Tables) -> None:
    names = ("is_opened", "is_clicked", "is_hard_bounce", "is_delivered", "is_unopened")
    where = {"campaign_key": NEWS.key, "contact_email": "bea@example.com"}
    rows = of(marts["recipients"], "few_actions", **where)
    assert columns(rows, *names) == [True, False, None, None, None]
    rows = of(marts["recipients"], "whole", **where)
    assert columns(rows, *names) == [True, False, False, True, False]


def test_nobody_is_a_non_opener_if_opens_or_bounces_are_not_read(
    marts: Tables,
) -> None:
    for account_id in ("few_actions", "no_reports", "no_bounces", "no_recipients"):
        assert not of(marts["non_openers"], account_id)
    found = of(marts["non_openers"], "whole", campaign_key=NEWS.key)
    assert [row["contact_email"] for row in found] == ["cy@example.com"]


@pytest.mark.parametrize(
    ("account_id", "expected"),
    [
        ("whole", [3, 3, 3, 1, 0, "engaged"]),
        # Whom mails reached is not known of anybody.
        ("few_actions", [None, None, 3, 1, None, None]),
        ("no_reports", [None, None, 3, None, None, None]),
        ("no_bounces", [3, None, 3, None, None, None]),
        ("no_recipients", [None] * 6),
        ("deleted", [2, 2, 2, 0, 0, "engaged"]),
    ],
)
def test_mails_of_a_contact(
    marts: Tables, account_id: str, expected: list[t.Any]
) -> None:
    names = ("sent", "delivered", "opened", "clicked", "hard_bounces", "engagement")
    rows = of(marts["contacts"], account_id, contact_email="ann@example.com")
    assert columns(rows, *names) == expected


@pytest.mark.parametrize(
    ("account_id", "expected"),
    [
        ("whole", ["active", "bounced", None, "unsubscribed"]),
        # Who is in no list may have left it in any way.
        ("empty", [None, "bounced", None, "unsubscribed"]),
        # Without lists, campaigns only show who has left by them.
        ("no_lists", [None, "bounced", None, "unsubscribed"]),
    ],
)
def test_status_of_contacts(
    marts: Tables, account_id: str, expected: list[t.Any]
) -> None:
    found = {
        row["contact_email"].partition("@")[0]: row["status"]
        for row in of(marts["contacts"], account_id)
    }
    assert [found[name] for name in ("ann", "dot", "eve", "flo")] == expected


def test_lists_and_segments_of_contacts(marts: Tables) -> None:
    names = ("lists", "active_lists", "segments")
    for account_id, name, expected in (
        ("whole", "ann", [1, 1, 1]),
        ("whole", "flo", [1, 0, 0]),
        ("whole", "eve", [0, 0, 0]),
        ("empty", "ann", [0, 0, 0]),
        ("no_lists", "ann", [None, None, None]),
        ("no_recipients", "ann", [1, 1, None]),
    ):
        email = f"{name}@example.com"
        rows = of(marts["contacts"], account_id, contact_email=email)
        assert columns(rows, *names) == expected, (account_id, name)


def test_a_contact_has_its_last_name_only(marts: Tables) -> None:
    names = ("first_name", "last_name", "company_name")
    for account_id in ("whole", "no_lists", "version_1"):
        rows = of(marts["contacts"], account_id, contact_email="ann@example.com")
        assert columns(rows, *names) == ["Ann", "Smith", None], account_id
    where = {"campaign_key": OLD.key, "contact_email": "ann@example.com"}
    rows = of(marts["recipients"], "whole", **where)
    assert columns(rows, *names) == ["Zoe", "Zander", "Zoo"]


def test_deliverability(marts: Tables) -> None:
    names = ("contacts", "sent", "delivered", "bounces", "complaints", "opens")
    for account_id, expected in (
        ("whole", [6, 12, 11, 1, 0, 6]),
        ("few_actions", [None, None, None, None, None, 6]),
        ("no_reports", [None, None, None, None, None, 6]),
        ("no_bounces", [None, 12, None, None, None, 6]),
    ):
        rows = of(marts["deliverability"], account_id)
        assert columns(rows, *names) == expected, account_id
    assert not of(marts["deliverability"], "no_recipients")


def test_empty_lists(marts: Tables) -> None:
    names = ("active", "unsubscribed", "net", "contacts_added")
    for account_id, expected in (
        ("empty", [0, 0, None, 0]),
        ("no_lists", [3, 1, None, None]),
        ("version_1", [3, None, None, None]),
    ):
        rows = of(marts["list_growth"], account_id)
        assert columns(rows, *names) == expected, account_id


def test_a_deleted_campaign_has_no_recipients(marts: Tables) -> None:
    for name in ("recipients", "non_openers"):
        assert not of(marts[name], "deleted", campaign_key=NEWS.key)
        assert of(marts[name], "deleted")
