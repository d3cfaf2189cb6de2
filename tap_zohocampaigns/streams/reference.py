"""Reference data: what is set up in an account, in few rows and few calls."""

from __future__ import annotations

import typing as t
from math import gcd

from tap_zohocampaigns.api.errors import FatalError
from tap_zohocampaigns.sync.base import ZohoStream

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.parts import Part

# The service is known to give pages of so many rows.
_MOST = 200
# So many pages ahead there are no rows, unless `details` is ignored.
_FAR = (100, 300, 200)


class ReferenceStream(ZohoStream):
    """A stream whose rows come all at once, or in pages by the parameter `details`."""

    details = ""
    """The parameter that asks for a page: a format of `page`, `before` and `size`."""

    def records(self, part: Part) -> Iterator[list[Row]]:
        """Yield the rows page by page, each once, until a page has no new one.

        A page may have fewer rows than asked for, or all rows at once.

        Raises:
            FatalError: The service always gives the first page, and it is full.
        """
        name = self.primary_keys[-1]
        size = most = min(self.run.settings["page_size"], _MOST)
        number, before, without_key = 1, 0, 0
        seen: set[str] = set()
        page_counts = False
        while rows := self._page(part, number, before, size):
            by_key = {row[name]: row for row in rows if row.get(name)}
            if not (by_key or seen) and any(map(_has_values, rows)):
                msg = (
                    f"None of the rows of {self.endpoint} has its key, so they have a "
                    f"form that this version does not know: deselect `{self.name}`."
                )
                raise FatalError(msg)
            fresh = [row for key, row in by_key.items() if key not in seen]
            if before and not (fresh or page_counts):
                all_at_once = by_key and by_key.keys() >= seen and len(rows) != most
                page_counts = not all_at_once and self._ends(part, number, before, size)
                if not page_counts:
                    self._refuse_repetition(rows, most)
                    break
            if fresh:
                yield fresh
                seen |= by_key.keys()
            without_key += sum(not row.get(name) for row in rows)
            if not self.details:
                break
            before += len(rows)
            if len(rows) < size and "%(page)" in self.details:
                # The service computes the first row of a page from its number and
                # size, but gave fewer rows: use a size with a page that begins here.
                size = gcd(before, len(rows))
            number = before // size + 1
        if without_key:
            self.logger.warning(
                "Left out %d rows of %s without their key.", without_key, self.endpoint
            )

    def _page(self, part: Part, number: int, before: int, size: int) -> list[Row]:
        values = {"page": number, "before": before, "size": size}
        params = {"details": self.details % values} if self.details else {}
        envelope = self.call(self.endpoint, part.params | params)
        return self.converter.records(envelope.payload) if envelope else []

    def _ends(self, part: Part, number: int, before: int, size: int) -> bool:
        """Return whether there are no rows far ahead: then `details` counts."""
        return any(
            not self._page(part, number + far, before + far * size, size)
            for far in _FAR
        )

    def _refuse_repetition(self, rows: list[Row], most: int) -> None:
        """Fail if a page that is repeated may not have all rows."""
        if len(rows) == most:
            msg = (
                f"Zoho repeats the same page of {self.endpoint} whatever `details` "
                "asks for, so the rest can't be read."
            )
            raise FatalError(msg)


def _has_values(record: Row) -> bool:
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
    one_page_per_part = False


class Products(ReferenceStream):
    """The products that topics belong to."""

    name = "products"
    primary_keys = ("product_id",)
    endpoint = "topics/products"
    details = Topics.details
    one_page_per_part = False


class Workflows(ReferenceStream):
    """The open custom workflows."""

    name = "workflows"
    primary_keys = ("workflow_key",)
    endpoint = "workflow"
    # https://www.zoho.com/campaigns/help/developers/get-open-custom-workflows.html
    one_page_per_part = False
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
        """Yield the one row."""
        del part
        settings = self.run.settings
        record = {
            "account_id": self.inventory.client.account_id,
            "data_center": settings["data_center"],
            "time_zone": self.inventory.zone.key,
            "api_version": settings["api_version"],
        }
        yield [record | {"scopes": sorted(self.inventory.client.granted_scopes)}]
