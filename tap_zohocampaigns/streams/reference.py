"""The base of streams of what is set up in an account: few rows, told in few calls."""

from __future__ import annotations

import typing as t

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.sync.base import Part, ZohoStream

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.api.wire.types import Row


import typing as t
from math import gcd

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.base import Part

# Pages of so many rows are known to be given.
_MOST = 200
# So many pages further on there is nothing, unless `details` is ignored.
_FAR = (100, 300, 200)


class ReferenceStream(ZohoStream):
    """A stream whose rows come all at once, or in pages that `details` asks for."""

    details = ""
    """What asks for a page: its number `page`, or the rows `before` it, and `size`."""

    def records(self, part: Part) -> Iterator[list[Row]]:
        """Yield the rows of page after page, each once, until there is none new.

        A page may have fewer rows than it is asked for, or all rows there are.

        Raises:
            FatalError: The service gives the first page only, and it is full.
        """
        name = self.primary_keys[-1]
        size = most = min(self._zoho.settings["page_size"], _MOST)
        number, before, without_key = 1, 0, 0
        seen: set[str] = set()
        heeded = False
        while rows := self._page(part, number, before, size):
            found = {row[name]: row for row in rows if row.get(name)}
            if not (found or seen) and any(map(_holds, rows)):
                msg = (
                    f"None of the rows of {self.endpoint} has its key, so they have a "
                    f"form that this version does not know: deselect `{self.name}`."
                )
                raise FatalError(msg)
            fresh = [row for key, row in found.items() if key not in seen]
            if before and not (fresh or heeded):
                all_at_once = found and found.keys() >= seen and len(rows) != most
                heeded = not all_at_once and self._heeds(part, number, before, size)
                if not heeded:
                    self._refuse_repetition(rows, most)
                    break
            if fresh:
                yield fresh
                seen |= found.keys()
            without_key += sum(not row.get(name) for row in rows)
            if not self.details:
                break
            before += len(rows)
            if len(rows) < size and "%(page)" in self.details:
                # A page with a number begins behind so many that are asked for, and
                # there may be no room for as many: take a size that begins right here.
                size = gcd(before, len(rows))
            number = before // size + 1
        if without_key:
            self.logger.warning(
                "Left out %d rows of %s without their key.", without_key, self.endpoint
            )

    def _page(self, part: Part, number: int, before: int, size: int) -> list[Row]:
        asked = {"page": number, "before": before, "size": size}
        params = {"details": self.details % asked} if self.details else {}
        envelope = self.call(self.endpoint, part.params | params)
        return self.converter.records(envelope.payload) if envelope else []

    def _heeds(self, part: Part, number: int, before: int, size: int) -> bool:
        """Return whether there is an end, further on than rows that have moved."""
        return any(
            not self._page(part, number + far, before + far * size, size)
            for far in _FAR
        )

    def _refuse_repetition(self, rows: list[Row], most: int) -> None:
        """Fail if a page that comes again and again may not be all there is."""
        if len(rows) == most:
            msg = (
                f"Zoho repeats the same page of {self.endpoint} whatever `details` "
                "asks for, so the rest can't be read."
            )
            raise FatalError(msg)


def _holds(record: Row) -> bool:
    return any(value is not None for value in record.values())


class ContactFields(ReferenceStream):
    """The fields that contacts can have."""

    name = "contact_fields"
    primary_keys = ("field_id",)
    endpoint = "contact/allfields"


class Tags(ReferenceStream):
    """The tags that contacts can have."""

    name = "tags"
    primary_keys = ("tag_id",)
    endpoint = "tag/getalltags"


class Topics(ReferenceStream):
    """The topics that contacts consent to."""

    name = "topics"
    primary_keys = ("topic_id",)
    endpoint = "topics"
    # https://www.zoho.com/campaigns/help/developers/get-topics.html
    details = "{from_index:%(before)d,range:%(size)d}"


class Products(ReferenceStream):
    """The products that topics belong to."""

    name = "products"
    primary_keys = ("product_id",)
    endpoint = "topics/products"
    details = Topics.details


class Workflows(ReferenceStream):
    """The open custom workflows."""

    name = "workflows"
    primary_keys = ("workflow_key",)
    endpoint = "workflow"
    # https://www.zoho.com/campaigns/help/developers/get-open-custom-workflows.html
    details = (
        '{"page":"%(page)d","limit":"%(size)d","sort_order":"asc","user":"all",'
        '"trigger_type":"open"}'
    )


class AccountRow(ZohoStream):
    """The account itself, in one row."""

    name = "account"
    primary_keys = ("account_id",)
    read_last = True

    def records(self, part: Part) -> Iterator[list[Row]]:
        """Yield what is known of the account."""
        del part
        settings = self._zoho.settings
        record = {
            "account_id": self.inventory.client.account_id,
            "data_center": settings["data_center"],
            "time_zone": self.inventory.zone.key,
            "api_version": settings["api_version"],
        }
        yield [record | {"scopes": sorted(self.inventory.client.granted_scopes)}]
