"""The documented queries find only current rows in the warehouse."""

from __future__ import annotations

import json
import typing as t
from datetime import UTC, datetime

import psycopg
import pytest

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tests.support.meltano import meltano
from tests.support.taps import ROOT

if t.TYPE_CHECKING:
    from pathlib import Path

INCREMENTAL_PAGE = (ROOT / "docs" / "incremental.md").read_text()


def queries() -> list[str]:
    blocks = [
        block
        for block in INCREMENTAL_PAGE.split("```sql\n")
        if block.startswith("SELECT")
    ]
    return [block.split("```")[0].rstrip().rstrip(";") for block in blocks]


class Leaving(LivingAccount):
    """An account whose contacts may leave a segment or open a mail."""

    leavers: t.ClassVar[set[str]] = set()

    def members(self, cvid: str) -> t.Any:
        members = super().members(cvid)
        return [
            member for member in members if member.contact.email not in self.leavers
        ]

    def recipients(self, campaign_key: str, action: str) -> t.Any:
        rows = super().recipients(campaign_key, action)
        if action != "unopenedcontacts":
            return rows
        return [row for row in rows if row.contact.email not in self.leavers]

    def report(self, campaign_key: str) -> t.Any:
        return super().report(campaign_key) | {
            "unopened": len(self.recipients(campaign_key, "unopenedcontacts"))
        }


@pytest.mark.slow
@pytest.mark.parametrize("full", [False, True], ids=["incremental", "full table"])
def test_documented_queries_exclude_leavers_in_postgres(
    database: str, project: Path, monkeypatch: pytest.MonkeyPatch, *, full: bool
) -> None:
    now = datetime.now(UTC)
    account = Leaving(clock=lambda: now)
    schema = "everything" if full else "changes"
    names = ("segment_contacts", "campaign_recipients")
    assert len(queries()) == 4
    metadata = {name: {"replication-method": "FULL_TABLE"} for name in names}
    environment = {
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": schema,
        "TARGET_POSTGRES_HARD_DELETE": str(full).lower(),
        "TAP_ZOHOCAMPAIGNS__METADATA": json.dumps(metadata if full else {}),
    }
    with Service(account, quota_calls=10_000) as service:
        meltano(project, service, database, "--environment=prod", **environment)
        leavers = {
            member.contact.email
            for mailing_list in account.lists()
            for segment in account.segments(mailing_list.key)
            for member in account.members(segment.cvid)[::3]
        } | {
            row.contact.email
            for campaign in account.campaigns()[2:5]
            for row in account.recipients(campaign.key, "unopenedcontacts")[::3]
        }
        monkeypatch.setattr(Leaving, "leavers", leavers)
        meltano(project, service, database, "--environment=prod", **environment)
    members = {
        (segment.cvid, member.contact.email)
        for mailing_list in account.lists()
        for segment in account.segments(mailing_list.key)
        for member in account.members(segment.cvid)
    }
    current = {
        (campaign.key, row.contact.email)
        for campaign in account.campaigns()[2:5]
        for row in account.recipients(campaign.key, "unopenedcontacts")
    }
    with psycopg.connect(database, options=f"-c search_path={schema}") as connection:
        for query in queries()[2:]:
            assert connection.execute(query).fetchall()
        found_members, found_current = (
            {
                tuple(row)
                for row in connection.execute(
                    query.replace(f"{alias}.*", f"{alias}.{key}, {alias}.contact_email")
                )
            }
            for query, alias, key in zip(
                queries()[:2],
                ("member", "recipient"),
                ("cvid", "campaign_key"),
                strict=True,
            )
        )
        table = connection.execute("SELECT cvid, contact_email FROM segment_contacts")
        loaded = {tuple(row) for row in table}
    assert found_members == members
    keys = {key for key, _ in current}
    assert {pair for pair in found_current if pair[0] in keys} == current
    # Only a loader with hard deletes has exactly the current members.
    assert (loaded == members) is full
