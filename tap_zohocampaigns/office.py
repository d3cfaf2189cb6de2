"""The base of streams of what is set up in an account: few rows, told in few calls."""

from __future__ import annotations

import typing as t
from itertools import count

from tap_zohocampaigns.api.errors import Failed
from tap_zohocampaigns.client import ZohoStream

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.api.wire import Row
    from tap_zohocampaigns.client import Part

# Pages of so many rows are known to be given.
_MOST = 200


class OfficeStream(ZohoStream):
    """A stream whose rows come all at once, or in pages that `details` asks for."""

    details = ""
    """What asks for a page: its number `page`, or the rows `before` it, and `size`."""

    def records(self, part: Part) -> Iterator[list[Row]]:
        """Yield the rows of page after page, each once, until there is none new.

        A page may have fewer rows than it is asked for, or all rows there are.

        Raises:
            Failed: A row lacks its key, or the service gives the first page only.
        """
        size = min(self._zoho.settings["page_size"], _MOST)
        seen: set[str] = set()
        for page in count(1):
            asked = {"page": page, "before": len(seen), "size": size}
            params = {"details": self.details % asked} if self.details else {}
            envelope = self.call(self.endpoint, part.params | params)
            found = self._by_key(envelope.payload if envelope else [])
            fresh = [row for key, row in found.items() if key not in seen]
            if not fresh and len(found) == size:
                msg = (
                    f"Zoho repeats the same page of {self.endpoint} whatever `details` "
                    "asks for, so the rest can't be read."
                )
                raise Failed(msg)
            if fresh:
                yield fresh
            if not fresh or not self.details:
                return
            seen |= found.keys()

    def _by_key(self, rows: list[Row]) -> dict[str, Row]:
        records = self.converter.records(rows)
        (name,) = self.primary_keys
        if not all(record.get(name) for record in records):
            msg = f"A row of {self.endpoint} came without its key."
            raise Failed(msg)
        return {record[name]: record for record in records}
