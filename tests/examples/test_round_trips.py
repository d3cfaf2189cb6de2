"""The trips of examples/round-trips: what they send is in effect, and is sent once."""

from __future__ import annotations

import typing as t
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import psycopg
import pytest

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tests.support.clean import (
    CleanMachine,
    account_settings,
    cache_folder,
    commands,
    variables,
    write_env,
)
from tests.support.postgres import postgres

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Pairs: t.TypeAlias = set[tuple[str, str]]

pytestmark = pytest.mark.slow

DORMANT_DAYS = 90
INSTALL, BUILD, DRY_RUNS, SEND = commands("round-trips")


@dataclass
class Trips:
    """The account, and the project that reads and changes it."""

    account: LivingAccount
    service: Service
    machine: CleanMachine
    project: Path
    database: str
    insiders: str
    reengagement: str

    def build(self) -> None:
        """Load the account and build the views."""
        self.machine.run(BUILD, self.project)

    def send(self, block: str, trip: str) -> str:
        """Run the command of a trip; return its log."""
        (command,) = [line for line in block.splitlines() if f"run {trip} " in line]
        return self.machine.run(command, self.project)

    def rows(self, trip: str) -> Pairs:
        """Return address and list of each row of a view."""
        view = trip.replace("-", "_")
        query = f"SELECT contact_email, list_key FROM to_zoho.{view}"  # noqa: S608
        with psycopg.connect(self.database) as connection:
            rows = connection.execute(query.encode()).fetchall()
        assert len({*rows}) == len(rows)
        return {(email, key) for email, key in rows}

    def active(self) -> Pairs:
        """Return address and list of all active members."""
        return {
            (member.contact.email.lower(), one.key)
            for one in self.account.lists()
            for member in self.account.contacts(one.key, "active")
        }

    def ever_in(self, list_key: str) -> set[str]:
        statuses = ("active", "unsub", "bounce")
        return {
            member.contact.email.lower()
            for status in statuses
            for member in self.account.contacts(list_key, status)
        }

    def mails(self, action: str) -> dict[str, list[tuple[str, datetime]]]:
        """Return campaign and time of the mails of each contact, by an action."""
        found = defaultdict(list)
        for campaign in self.account.campaigns():
            for key in (campaign.key, *campaign.children) if campaign.sent else ():
                for row in self.account.recipients(key, action):
                    email = row.contact.email.lower()
                    found[email].append((campaign.key, row.sent))
        return found


@pytest.fixture(scope="module")
def trips(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Iterator[Trips]:
    """Install the project as its README says, and build its views."""
    # Plugins of Meltano have the clock of the machine; the account stands still.
    now = datetime.now(UTC)
    account = LivingAccount(clock=lambda: now, contacts=1200)
    without_form = [one.key for one in account.lists() if not one.public]
    machine = CleanMachine(tmp_path_factory.mktemp("trips"), wheels, cache_folder())
    folder = machine.clone("examples/round-trips", "tap_zohocampaigns_dbt")
    project = folder / "examples" / "round-trips"
    with postgres("warehouse") as url, Service(account, quota_calls=100_000) as service:
        server = urlsplit(url)
        settings = {
            **account_settings(service),
            **{
                name.replace("TAP_", "TARGET_", 1): value
                for name, value in account_settings(service).items()
            },
            "PGHOST": str(server.hostname),
            "PGPORT": str(server.port),
            "PGUSER": str(server.username),
            "PGPASSWORD": str(server.password),
            "PGDATABASE": "warehouse",
            "INSIDERS_LIST_KEY": without_form[0],
            "REENGAGEMENT_LIST_KEY": without_form[1],
        }
        others = {name for name in settings if name.endswith("_URL")}
        assert settings.keys() - others == variables("round-trips")
        write_env(project, settings)
        machine.run(INSTALL, project)
        lists = without_form[:2]
        made = Trips(account, service, machine, project, f"{url}/warehouse", *lists)
        made.build()
        yield made


def test_trips(trips: Trips) -> None:
    active = trips.active()
    emails = {email for email, _ in active}
    bounced = {
        email
        for email, mails in trips.mails("senthardbounce").items()
        if len({campaign for campaign, _ in mails}) > 1
    }
    hard_bounced = {(email, key) for email, key in active if email in bounced}
    assert trips.rows("hard-bounced") == hard_bounced != set()

    opens, clicks = trips.mails("openedcontacts"), trips.mails("clickedcontacts")
    left_out = bounced | trips.mails("spamcontacts").keys()
    left_out |= trips.ever_in(trips.reengagement)
    last = {
        email: max(sent for _, sent in [*opens[email], *clicks.get(email, [])])
        for email in opens
    }
    now = datetime.now(UTC)
    dormant = {
        (email, trips.reengagement)
        for email in (emails & last.keys()) - left_out
        if (now.date() - last[email].date()).days > DORMANT_DAYS
    }
    assert trips.rows("dormant") == dormant != set()
    insiders = trips.rows("insiders")
    assert {email for email, _ in insiders} <= emails - trips.ever_in(trips.insiders)
    assert all(len(opens[email]) >= 3 for email, _ in insiders)
    assert insiders

    sent = {"hard-bounced": hard_bounced, "insiders": insiders, "dormant": dormant}
    trips.service.calls.clear()
    for trip, rows in sent.items():
        log = trips.send(DRY_RUNS, trip)
        assert f"{len(rows)} would be sent" in log
        assert not any(email in log for email, _ in rows)
    assert not trips.service.calls
    for trip in sent:
        trips.send(SEND, trip)
    expected = active - hard_bounced | insiders | dormant
    assert trips.active() == expected
    assert {trips.account.status(*pair) for pair in hard_bounced} == {"unsub"}

    # The second trip has nothing to do but to end the move.
    trips.build()
    assert [trips.rows(trip) for trip in sent] == [set()] * 3
    leaving = {
        (email, key)
        for email, key in expected
        if key != trips.reengagement and (email, trips.reengagement) in dormant
    }
    moved = trips.rows("moved")
    assert leaving <= moved
    trips.service.calls.clear()
    for trip in ("dormant", "moved"):
        trips.send(SEND, trip)
    writes = [call.endpoint for call in trips.service.calls]
    assert writes == ["json/listunsubscribe"] * len(moved)
    assert trips.active() == expected - moved
    assert {email for email, _ in dormant} <= {
        email for email, key in trips.active() if key == trips.reengagement
    }
