"""What recipients do: of each action of a campaign, what may have changed is read."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.api.wire.shapes import as_objects
from tap_zohocampaigns.sync.base import Part

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.incremental import PartSnapshot


import typing as t
from dataclasses import replace
from functools import partial

from tap_zohocampaigns.api.wire.counters import ACTIONS, Counters, parse_counters
from tap_zohocampaigns.sync.campaigns import RecipientStream
from tap_zohocampaigns.sync.incremental import PartSnapshot
from tap_zohocampaigns.sync.lookback import Look, choose_look, note_look
from tap_zohocampaigns.sync.pagination import Cursor, fingerprint
from tap_zohocampaigns.sync.prefetch import Batch

if t.TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.inventory import Report

    Records: t.TypeAlias = list[Row]


class ActionProgress(t.NamedTuple):
    """How far an action of a sending has been read."""

    part: Part
    counters: Counters
    begun: Row
    """When it was begun, and where to go on, as the state has it."""
    closing: bool
    ended: bool = False
    without_key: int = 0


class CampaignStream(RecipientStream):
    """A stream of what recipients do: of each action, what has moved is read again."""

    @property
    def actions(self) -> Iterable[str]:
        """The actions to read."""
        return self._zoho.settings.get("actions") or ACTIONS

    def read(self, part: Part) -> Iterator[Batch]:
        """Read what has moved of a campaign, its test sends too."""
        key = part.owner
        line = self.known_line(key)
        closing = self.is_closing(part.about, line)
        tests, named = self._tests(part.about, line, closing=closing)
        yield Batch([], {"tests": tests, "named": named})
        seen = {} if self.rewrites else line.get("seen", {})
        # Else a counter of 0 would take away what was written before.
        trust = not (self.full or "reopened" in line)
        read = partial(self._read_send, key, seen, closing=closing, trust=trust)
        gone = yield from self.read_sends([key, *tests], read)
        yield Batch([], gone)

    def _tests(
        self, campaign: Row, line: Row, *, closing: bool
    ) -> tuple[list[str], str]:
        """Return the keys of the test sends, and a fingerprint of the campaign.

        A test may be named after the other. So Zoho is asked until there are two, when
        the campaign has changed, and at the end.
        """
        known: list[str] = line.get("tests", [])
        names = ("campaigntype", "campaign_status", "updated_time_gmt", "sent_time_gmt")
        named = fingerprint(tuple(str(campaign.get(name)) for name in names))
        if len(known) > 1 and named == line.get("named") and not closing:
            return known, named
        found = self.inventory.test_sends(campaign, self.call)
        return [*dict.fromkeys([*known, *found])], named

    def _read_send(
        self, key: str, seen: Row, sent_key: str, *, closing: bool, trust: bool
    ) -> Iterator[Batch]:
        """Read what has moved of one sending of a campaign."""
        known = seen.get(sent_key, {})
        counts = parse_counters(row_of(self.report_of(sent_key)))
        for action in self.actions:
            counters, noted = Counters.of(action, counts), known.get(action)
            look = choose_look(noted, counters, self._zoho.run_time, closing=closing)
            if look is Look.SKIP:
                continue
            params = {"campaignkey": sent_key, "action": action}
            part = Part(params, self.keys_of(key, sent_key, action))
            begun = self._begin_action(noted or {}, counters, closing=closing)
            part = replace(part, keys=part.keys | {"snapshot_time": begun["at"]})
            progress = ActionProgress(part, counters, begun, closing)
            if look is Look.READ or not trust:
                expected = counters.reported
                if expected is None:
                    expected = (noted or {}).get("rows")
                progress = yield from self._read_action(progress, expected)
            yield Batch([], progress._replace(ended=True))

    def _begin_action(self, noted: Row, counters: Counters, *, closing: bool) -> Row:
        """Return where an earlier run was stopped, or where to begin."""
        now = {"count": counters.to_remember, "closing": closing}
        begun: Row | None = noted.get("begun")
        if begun is None or counters.to_remember is None or begun != begun | now:
            begun = {"at": self._zoho.run_time, **now}
            begun |= {"rows": 0, "start": 1, "tail": []}
        return begun

    def _read_action(
        self, progress: ActionProgress, expected: int | None
    ) -> Generator[Batch, None, ActionProgress]:
        begun = progress.begun
        place = Cursor(begun["start"], tuple(begun["tail"]))
        reading = self.paged(progress.part, place, expected)
        for records, (start, tail) in reading:
            rows = begun["rows"] + len(records)
            begun = begun | {"rows": rows, "start": start, "tail": [*tail]}
            progress = progress._replace(begun=begun)
            yield Batch(records, progress)
        return progress._replace(without_key=reading.without_key)

    def take(
        self, part: Part, batches: Iterator[Batch], line: Row
    ) -> Generator[Records, None, bool]:
        """Yield what has moved of a campaign; return whether nothing is left open."""
        line.setdefault("seen", {})
        line.setdefault("last", "")
        gone: list[str] = []
        for records, about in batches:
            if isinstance(about, ActionProgress):
                yield from self._take_action(records, about, line)
            elif isinstance(about, dict):
                line |= about
            else:
                gone = about
        line.pop("reopened", None)
        settled = self.note_gone(part.owner, line, gone)
        over = all(
            line["seen"].get(sent_key, {}).get(action, {}).get("final")
            for sent_key in [part.owner, *line.get("tests", ())]
            if sent_key not in gone
            for action in self.actions
        )
        if not self.is_closing(part.about, line):
            # The last look is another one.
            for actions in line["seen"].values():
                for noted in actions.values():
                    noted.pop("final", None)
                    noted.pop("looks", None)
        return over and settled

    def _take_action(
        self, records: Records, progress: ActionProgress, line: Row
    ) -> Iterator[Records]:
        keys, begun = progress.part.keys, progress.begun
        seen: Row = line["seen"].setdefault(keys["campaign_key"], {})
        noted: Row = seen.get(keys["action"], {})
        if not progress.ended:
            if begun["rows"] > len(records):
                self.checkpoint()  # the page before has been written
            line["last"] = self._latest(line["last"], records)
            yield self.add_keys(records, progress.part)
            seen[keys["action"]] = {**noted, "begun": begun}
            return
        seen[keys["action"]] = now = note_look(
            {name: noted[name] for name in noted.keys() - {"begun"}} or None,
            progress.counters,
            begun["rows"],
            self._zoho.run_time,
            closing=progress.closing,
        )
        rows, reported = begun["rows"], progress.counters.reported
        snapshot = PartSnapshot(self.name, keys, rows, reported, progress.without_key)
        self.tell_without_key(snapshot)
        # Rows that have all vanished are asked for once more before they are gone.
        if "vanished" not in now:
            self._zoho.snapshots.write(snapshot)
        self.checkpoint()

    def _latest(self, last: str, records: Records) -> str:
        times = (record.get(self.replication_key or "") for record in records)
        newest: str = max([last, *filter(None, times)])
        return newest


def row_of(report: Report | None) -> Row | None:
    """Return the one row of a report; None if there is none."""
    rows = as_objects(report.envelope.payload) if report else []
    return rows[0] if rows else None


class CampaignRecipients(CampaignStream):
    """Whom each campaign reached, and what they did."""

    name = "campaign_recipients"
    primary_keys = ("campaign_key", "action", "contact_email")
    replication_key = "sent_time"
    endpoint = "getcampaignrecipientsdata"
    identity = "contact_email"
    has_custom_fields = True
