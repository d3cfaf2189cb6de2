"""Selects which pending changes are sent."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.target.report import LEFT

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tap_zohocampaigns.target.changes import Change, Key
    from tap_zohocampaigns.target.pending import PendingChange


class Selection:
    """Leaves out what has not changed, and what exceeds a limit."""

    def __init__(
        self,
        find_unchanged: Callable[[Sequence[Change]], Mapping[Key, str]] | None,
        *,
        limit: int | None,
        max_writes: int | None,
    ) -> None:
        """Start with no change.

        Args:
            find_unchanged: Returns the keys of changes that need not be sent, with
                their outcomes; None if that is not known.
            limit: How many changes are sent, and the others left; None for all.
            max_writes: How many changes may be made; None for no limit.
        """
        self._find_unchanged = find_unchanged
        self._limit = limit
        self._max_writes = max_writes
        self._writes = self._selected = 0

    def select(
        self, batch: Sequence[PendingChange], last: Mapping[str, bytes]
    ) -> dict[Key, str]:
        """Return the outcomes of the changes that are not sent.

        Args:
            batch: The pending changes, in order.
            last: Contact -> digest of the last change that this run has made.

        Raises:
            FatalError: There are more than `max_writes`; none of them may be sent.
        """
        outcomes: dict[Key, str] = {}
        if self._find_unchanged:
            outcomes |= self._find_unchanged([pending.change for pending in batch])
        selected: list[Change] = []
        for pending in batch:
            change = pending.change
            if change.key in outcomes:
                continue
            if self._limit is not None and self._selected >= self._limit:
                outcomes[change.key] = LEFT
            else:
                self._selected += 1
                selected.append(change)
        self._check_max_writes(selected, last)
        return outcomes

    def _check_max_writes(
        self, changes: Sequence[Change], made: Mapping[str, bytes]
    ) -> None:
        if self._max_writes is None:
            return
        last, before = dict[str, bytes](), self._writes
        for change in changes:
            contact, digest = change.contact_id, change.digest
            if last.get(contact, made.get(contact)) != digest:
                last[contact] = digest
                self._writes += 1
        if self._writes > self._max_writes:
            words = f", and {before} were made before" if before else ""
            msg = (
                f"{self._writes - before} changes are pending, but `max_writes` allows "
                f"{self._max_writes} in one run{words}: none of the pending ones was "
                "sent; raise the setting if they are intended."
            )
            raise FatalError(msg)
