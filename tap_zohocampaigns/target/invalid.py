"""Decides whether invalid records are rejected, or end the run.

A missing setting or a renamed column makes every record of a stream invalid. If all of
them were rejected, the state would go on and the records would be lost. So the invalid
records of a stream are held back, and states with them, until a record of the stream
is valid. If none is, the run ends with an error.
"""

from __future__ import annotations

import typing as t
from collections import Counter, defaultdict

from tap_zohocampaigns.api.errors import SettingError

if t.TYPE_CHECKING:
    from tap_zohocampaigns.target.changes import InvalidRecord
    from tap_zohocampaigns.target.outbox import Outbox
    from tap_zohocampaigns.target.pending import Claim
    from tap_zohocampaigns.target.rejects import Reject

# So many invalid records with one reason are no coincidence.
_MOST_ALIKE = 20
# If the reason is a column, two are enough.
_MOST_ALIKE_COLUMNS = 2
_USUAL_ADVICE = "correct it in the tap, or with `stream_maps`"


class _Held(t.NamedTuple):
    """An invalid record of a stream without a valid record so far."""

    reject: Reject
    action: str
    claim: Claim
    error: InvalidRecord


class InvalidRecords:
    """Rejects invalid records of streams that have valid ones too."""

    def __init__(self, outbox: Outbox, most_held: int) -> None:
        """Start with none.

        Args:
            outbox: Rejects records.
            most_held: How many records of a stream are held back.
        """
        self._outbox = outbox
        self._most_held = most_held
        self._valid: set[str] = set()
        """Streams with a valid record."""
        self._held: defaultdict[str, list[_Held]] = defaultdict(list)

    def reject_or_hold(self, reject: Reject, action: str, error: InvalidRecord) -> None:
        """Reject an invalid record, or hold it back.

        Raises:
            SettingError: `most_held` records of the stream are invalid, none is valid,
                and many have the same reason.
        """
        stream = reject.stream
        if stream in self._valid:
            self._outbox.reject(reject, action)
            return
        held = self._held[stream]
        held.append(_Held(reject, action, self._outbox.reserve(), error))
        if len(held) >= self._most_held:
            _check(held)
            self.note_valid(stream)

    def note_valid(self, stream: str) -> None:
        """Note a valid record of a stream: its invalid ones are rejected now."""
        if stream not in self._valid:
            self._valid.add(stream)
            self._reject(stream)

    def finish(self) -> None:
        """Reject what is held back, since no record follows.

        Raises:
            SettingError: No record of a stream is valid, and many have the same reason.
        """
        for held in self._held.values():
            _check(held)
        for stream in [*self._held]:
            self._reject(stream)

    def _reject(self, stream: str) -> None:
        for held in self._held.pop(stream, ()):
            self._outbox.reject(held.reject, held.action, held.claim)


def _check(held: list[_Held]) -> None:
    """Raise an error if one reason explains too many records."""
    reasons = Counter(record.reject.reason for record in held)
    for record in held:
        alike, error = reasons[record.reject.reason], record.error
        if alike >= (_MOST_ALIKE_COLUMNS if error.column else _MOST_ALIKE):
            msg = (
                f"No record of the stream `{record.reject.stream}` can be sent; "
                f"{alike} of {len(held)} have the same fault: "
                f"{record.reject.reason.rstrip('.')}; {error.advice or _USUAL_ADVICE}."
            )
            raise SettingError(msg)
