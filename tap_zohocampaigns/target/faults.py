"""Tells the fault of a record from one that all records of a stream have.

A setting that is missing, or a column of another name, would reject all of them, and
the state would pass them by. So the rejects of a stream wait, and states with them,
until one of its records can be sent; when none can, the run ends.
"""

from __future__ import annotations

import typing as t
from collections import Counter, defaultdict

from tap_zohocampaigns.api.errors import SettingError

if t.TYPE_CHECKING:
    from tap_zohocampaigns.target.changes import InvalidRecord
    from tap_zohocampaigns.target.outbox import Claim, Outbox
    from tap_zohocampaigns.target.rejects import Reject

# So many records that are all alike are no coincidence.
_MOST_ALIKE = 20
# Of a column, two say enough.
_MOST_ALIKE_COLUMNS = 2
_USUAL_WAY_OUT = "correct it in the tap, or with `stream_maps`"


class _Suspect(t.NamedTuple):
    """A reject of a stream of which nothing could be sent yet."""

    reject: Reject
    action: str
    claim: Claim
    invalid: InvalidRecord


class Faults:
    """Takes records that can't be sent."""

    def __init__(self, outbox: Outbox, most_waiting: int) -> None:
        """Take where rejects go, and how many may wait."""
        self._outbox = outbox
        self._most_waiting = most_waiting
        self._sound: set[str] = set()
        """Streams of which a record could be sent."""
        self._suspects: defaultdict[str, list[_Suspect]] = defaultdict(list)

    def add(self, reject: Reject, action: str, invalid: InvalidRecord) -> None:
        """Take a record that can't be sent.

        Raises:
            SettingError: As many as may wait have a fault, and no record was sound.
        """
        stream = reject.stream
        if stream in self._sound:
            self._outbox.refuse(reject, action)
            return
        suspects = self._suspects[stream]
        suspects.append(_Suspect(reject, action, self._outbox.hold(), invalid))
        if len(suspects) >= self._most_waiting:
            _judge(suspects)
            self.clear(stream)

    def clear(self, stream: str) -> None:
        """Note that a record of a stream can be sent: the others are at fault."""
        if stream not in self._sound:
            self._sound.add(stream)
            self._refuse(stream)

    def end(self) -> None:
        """Judge what waits, as nothing comes behind it.

        Raises:
            SettingError: All records of a stream have a fault, and many the same.
        """
        for suspects in self._suspects.values():
            _judge(suspects)
        for stream in [*self._suspects]:
            self._refuse(stream)

    def _refuse(self, stream: str) -> None:
        for one in self._suspects.pop(stream, ()):
            self._outbox.refuse(one.reject, one.action, one.claim)


def _judge(suspects: list[_Suspect]) -> None:
    reasons = Counter(one.reject.reason for one in suspects)
    for one in suspects:
        alike, invalid = reasons[one.reject.reason], one.invalid
        if alike >= (_MOST_ALIKE_COLUMNS if invalid.column else _MOST_ALIKE):
            msg = (
                f"No record of the stream `{one.reject.stream}` can be sent; "
                f"{alike} of {len(suspects)} have the same fault, that "
                f"{one.reject.reason.rstrip('.')}: {invalid.way_out or _USUAL_WAY_OUT}."
            )
            raise SettingError(msg)
