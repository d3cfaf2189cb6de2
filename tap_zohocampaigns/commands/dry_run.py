"""A client for dry runs: it makes small calls, and makes up the answers of others."""

from __future__ import annotations

import threading
import typing as t
from collections import Counter

from tap_zohocampaigns.api.endpoints import ENDPOINTS, DryRun
from tap_zohocampaigns.api.wire.counters import Counters, parse_counters
from tap_zohocampaigns.api.wire.envelope import Envelope
from tap_zohocampaigns.api.wire.parsers import parse_subscriber_counts
from tap_zohocampaigns.api.wire.shapes import as_objects

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.client import Client
    from tap_zohocampaigns.api.wire.counters import Counts
    from tap_zohocampaigns.api.wire.types import Row


class DryRunClient:
    """Calls the small endpoints, and makes up the answers of the others."""

    def __init__(self, client: Client) -> None:
        """Wrap the client that makes the calls."""
        self.ledger = client.ledger
        self.account_id = client.account_id
        self.granted_scopes = client.granted_scopes
        self.calls: Counter[str] = Counter()
        self.members: dict[str, int] = {}
        """Number of contacts, by segment ID, and by list key and status."""
        self._client = client
        self.action_calls: Counter[str] = Counter()
        """Calls for the recipients of each action."""
        self.action_rows: Counter[str] = Counter()
        """Rows of each action; a page that overlaps counts twice."""
        self.unsure = False
        """Whether some action has no counter of its rows, or counters that disagree."""
        self._counts: dict[str, Counts] = {}
        self._guard = threading.Lock()

    def call(
        self, endpoint: str, params: Row, tally: Counter[str] | None = None
    ) -> Envelope | None:
        """Return an answer of the kind that a sync would get."""
        with self._guard:
            self.calls[endpoint] += 1
        row = ENDPOINTS[endpoint]
        if row.dry_run is DryRun.CALL:
            envelope = self._client.call(endpoint, params, tally)
            if endpoint == "campaignreports":
                rows = as_objects(envelope.payload) if envelope else []
                counts = parse_counters(rows[0] if rows else None)
                self._counts[params["campaignkey"]] = counts
            elif endpoint == "getmailinglists" and envelope:
                for mailing_list in envelope.payload:
                    key = mailing_list.get("listkey")
                    for status, count in parse_subscriber_counts(mailing_list).items():
                        self.members[f"{key}/{status}"] = count or 0
            return envelope
        with self._guard:
            if tally is not None:
                tally[endpoint] += 1
        if row.dry_run is DryRun.ONE_ROW:
            # The content of the row does not matter.
            return Envelope("0", "", "success", {}, "")
        first, size = params["fromindex"], params["range"]
        last = min(first + size - 1, self._rows(endpoint, params))
        if action := params.get("action"):
            with self._guard:
                self.action_calls[action] += 1
                self.action_rows[action] += max(last - first + 1, 0)
        # One event per contact, where events are asked for. There may be more.
        events = (
            {"reports": [{"time": "Jan 01, 2000 12:00 AM"}]} if "type" in params else {}
        )
        rows = [{"contact_email": str(n), **events} for n in range(first, last + 1)]
        details = {"fromindex": first, "range": size}
        body: Row = {"requestdetails": details}
        return Envelope("0", "", "success", body, rows) if rows else None

    def _rows(self, endpoint: str, params: Row) -> int:
        if endpoint == "getsegmentcontacts":
            return self.members.get(params["cvid"], 0)
        if endpoint == "getlistsubscribers":
            return self.members.get(f"{params['listkey']}/{params['status']}", 0)
        counts = self._counts.get(params["campaignkey"], parse_counters(None))
        counters = Counters.of(params["action"], counts)
        self.unsure = self.unsure or counters.unsure
        return counters.reported or 0
