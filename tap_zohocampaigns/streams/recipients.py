"""What recipients of campaigns did."""

from __future__ import annotations

import typing as t
from functools import partial

from tap_zohocampaigns.api.wire.counters import ACTIONS, Counters, parse_counters
from tap_zohocampaigns.sync.lookback import Look, choose_look, note_look
from tap_zohocampaigns.sync.notes import ActionProgress, DeletedSends, LineNote
from tap_zohocampaigns.sync.pagination import fingerprint
from tap_zohocampaigns.sync.recipients import (
    RecipientStream,
    WantedAction,
    row_of,
)
from tap_zohocampaigns.sync.units import Batch

if t.TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.parts import Part
    from tap_zohocampaigns.sync.units import Steps


class CampaignRecipients(RecipientStream):
    """Whom each campaign reached, and what they did.

    The line of an open campaign has `tests` (keys of its test sends), `named` (a
    fingerprint of the campaign at that time), `seen` (sending -> action -> what
    `note_look` returns, or `begun`) and `last` (the newest sending time).
    """

    name = "campaign_recipients"
    primary_keys = ("campaign_key", "action", "contact_email")
    replication_key = "sent_time"
    endpoint = "getcampaignrecipientsdata"
    identity = "contact_email"
    has_custom_fields = True

    @property
    def actions(self) -> Iterable[str]:
        """The actions to read."""
        return self.run.settings.get("actions") or ACTIONS

    def read_part(self, part: Part) -> Steps:
        """Read the actions of a campaign that may have changed, with its test sends."""
        key = part.owner
        line = self.known_line(key)
        closing = self.is_closing(part.fields, line)
        tests, named = self._tests(part.fields, line, closing=closing)
        yield Batch([], LineNote({"tests": tests, "named": named}))
        seen = {} if self.rewrites else line.get("seen", {})
        # Otherwise a counter of 0 would make rows disappear that were written before.
        trust = not (self.full or "reopened" in line)
        wanted = partial(self._wanted_of, key, seen, closing=closing, trust=trust)
        yield from self.read_sends([key, *tests], wanted)

    def _tests(
        self, campaign: Row, line: Row, *, closing: bool
    ) -> tuple[list[str], str]:
        """Return the keys of the test sends, and a fingerprint of the campaign.

        One test may be named later than the other. So Zoho is asked until there are
        two, if the campaign has changed, and at the closing look.
        """
        known: list[str] = line.get("tests", [])
        names = ("campaigntype", "campaign_status", "updated_time_gmt", "sent_time_gmt")
        named = fingerprint(tuple(str(campaign.get(name)) for name in names))
        if len(known) > 1 and named == line.get("named") and not closing:
            return known, named
        keys = self.inventory.test_sends(campaign, self)
        return [*dict.fromkeys([*known, *keys])], named

    def _wanted_of(
        self, key: str, seen: Row, sent_key: str, *, closing: bool, trust: bool
    ) -> Iterator[WantedAction]:
        """Yield the actions of one sending that may have changed."""
        lines = seen.get(sent_key, {})
        counts = parse_counters(row_of(self.report_of(sent_key)))
        for action in self.actions:
            counters, line = Counters.of(action, counts), lines.get(action)
            look = choose_look(line, counters, self.run.run_time, closing=closing)
            if look is Look.SKIP:
                continue
            remembered = counters.to_remember
            progress = self.begin_action(
                {"campaignkey": sent_key, "action": action},
                self.keys_of(key, sent_key, action),
                counters,
                None if remembered is None else (line or {}).get("begun"),
                {"count": remembered, "closing": closing},
            )
            expected = counters.reported
            if expected is None:
                expected = (line or {}).get("rows")
            is_read = look is Look.READ or not trust
            yield WantedAction(progress, is_read, expected)

    def write_campaign(
        self, part: Part, batches: Iterator[Batch], line: Row
    ) -> Generator[list[Row], None, bool]:
        """Yield the records of a campaign; return whether it may be closed."""
        line.setdefault("seen", {})
        line.setdefault("last", "")
        not_found: list[str] = []
        for records, note in batches:
            if isinstance(note, ActionProgress):
                yield from self._write_action(records, note, line)
            elif isinstance(note, LineNote):
                line |= note.fields
            elif isinstance(note, DeletedSends):
                not_found = note.keys
        line.pop("reopened", None)
        settled = self.note_not_found(part.owner, line, not_found)
        over = all(
            line["seen"].get(sent_key, {}).get(action, {}).get("final")
            for sent_key in [part.owner, *line.get("tests", ())]
            if sent_key not in not_found
            for action in self.actions
        )
        if not self.is_closing(part.fields, line):
            # Its window is open again, so this was not the closing look.
            for actions in line["seen"].values():
                for action_line in actions.values():
                    action_line.pop("final", None)
                    action_line.pop("looks", None)
        return over and settled

    def _write_action(
        self, records: list[Row], progress: ActionProgress, line: Row
    ) -> Iterator[list[Row]]:
        keys, begun = progress.part.keys, progress.begun
        seen: Row = line["seen"].setdefault(keys["campaign_key"], {})
        action_line: Row = seen.get(keys["action"], {})
        if not progress.ended:
            if begun["rows"] > len(records):
                self.checkpoint()  # the page before has been written
            line["last"] = self._newest(line["last"], records)
            yield self.add_keys(records, progress.part)
            seen[keys["action"]] = {**action_line, "begun": begun}
            return
        earlier = {name: action_line[name] for name in action_line.keys() - {"begun"}}
        seen[keys["action"]] = new = note_look(
            earlier or None,
            progress.counters,
            begun["rows"],
            self.run.run_time,
            closing=progress.closing,
        )
        snapshot = self.snapshot_of(progress)
        # If all rows have vanished, the next run asks once more.
        if "vanished" not in new:
            self.run.snapshots.write(snapshot)
        self.checkpoint()

    def _newest(self, last: str, records: list[Row]) -> str:
        times = (record.get(self.replication_key or "") for record in records)
        newest: str = max([last, *filter(None, times)])
        return newest
