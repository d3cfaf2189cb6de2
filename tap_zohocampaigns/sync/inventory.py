"""The inventory of an account: what several streams need, read once a run."""

from __future__ import annotations

import logging
import re
import typing as t
from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tap_zohocampaigns.api import versions
from tap_zohocampaigns.api.errors import (
    FatalError,
    Forbidden,
    NotFound,
    SettingError,
)
from tap_zohocampaigns.api.wire.campaigns import is_sent, sent_time
from tap_zohocampaigns.api.wire.casts import as_key
from tap_zohocampaigns.api.wire.parsers import parse_segments
from tap_zohocampaigns.api.wire.shapes import as_objects
from tap_zohocampaigns.sync.once import Once
from tap_zohocampaigns.sync.pagination import Page, Paginator
from tap_zohocampaigns.sync.reading import Reading
from tap_zohocampaigns.sync.shared_calls import SharedCalls
from tap_zohocampaigns.sync.zone import account_zone

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_zohocampaigns.api.client import Client
    from tap_zohocampaigns.api.wire.envelope import Envelope
    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.sync.shared_calls import Caller

logger = logging.getLogger("tap-zohocampaigns.inventory")

INVENTORY_ENDPOINTS: t.Final = frozenset({"getmailinglists", "recentcampaigns"})
"""The calls by which streams learn which parts there are."""
_CHILD_KEY = re.compile(r"[a-z]_child_campaign_?key", re.IGNORECASE)


class Segment(t.NamedTuple):
    """A segment."""

    cvid: str
    list_key: str | None
    """Its list; unknown if only the setting `cvids` names the segment."""
    fields: Row
    """What its list says about it."""


class Report(t.NamedTuple):
    """The report of a campaign, and the day (UTC) of the answer."""

    envelope: Envelope
    day: str


class Inventory:
    """Lists, segments, campaigns and the time zone of the account; safe for threads."""

    def __init__(
        self,
        client: Client,
        config: Mapping[str, t.Any],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Read nothing yet.

        Args:
            client: Makes the calls.
            config: The settings, with their defaults.
            now: Returns the current time.
        """
        self.client = client
        self.version = versions.find(config)
        self.calls: Counter[str] = Counter()
        """The calls that were made for all streams."""
        self.incomplete: set[str] = set()
        """Endpoints that gave fewer rows than they reported."""
        self._shared = SharedCalls(now)
        self._config = config

    def check_credentials(self) -> None:
        """Make one cheap call, which fails if the credentials are not accepted."""
        self.client.call("getmailinglists", {"fromindex": 1, "range": 1}, self.calls)

    @Once
    def lists(self) -> list[Row]:
        """The rows of `getmailinglists`; those of `list_keys` if it is set."""
        rows = self._all("getmailinglists", "listkey")
        return self._narrowed("list_keys", "listkey", rows)

    @Once
    def campaigns(self) -> list[Row]:
        """The rows of `recentcampaigns`; those of `campaign_keys` if it is set."""
        rows = self._all("recentcampaigns", "campaign_key", status="all", sort="desc")
        return self._narrowed("campaign_keys", "campaign_key", rows)

    @property
    def sent_campaigns(self) -> list[Row]:
        """The campaigns that have recipients, newest first."""
        return sorted(filter(is_sent, self.campaigns), key=sent_time, reverse=True)

    @Once
    def segments(self) -> list[Segment]:
        """The segments of the lists; those of `cvids`, known or not, if it is set."""
        segments = []
        for mailing_list in self.lists:
            list_key = mailing_list["listkey"]
            of_list = parse_segments(mailing_list.get("segments"))
            segments += [
                Segment(cvid, list_key, fields)
                for cvid, fields in of_list.by_id.items()
            ]
            if number := of_list.without_id:
                logger.warning(
                    "Left out %d segments of the list %s without their ID.",
                    number,
                    list_key,
                )
        wanted = self._wanted_segments
        if not wanted:
            return segments
        by_id = {segment.cvid: segment for segment in segments}
        return [by_id.get(cvid) or Segment(cvid, None, {}) for cvid in wanted]

    @property
    def cvids(self) -> list[str]:
        """IDs of the segments to read. If `cvids` is set, no list is read for them."""
        return self._wanted_segments or [segment.cvid for segment in self.segments]

    @property
    def _wanted_segments(self) -> list[str]:
        return [*dict.fromkeys(self._config.get("cvids", ()))]

    def test_sends(self, campaign: Row, caller: Caller) -> list[str]:
        """Return the keys under which an A/B campaign sent its tests.

        The campaign's own key covers only the final sending.

        Args:
            campaign: A row of `recentcampaigns`.
            caller: The stream that needs them.
        """
        if str(campaign.get("campaigntype")).casefold() != "abtesting":
            return []
        if not self.knows_test_sends:
            return []
        try:
            envelope = self.details(campaign, caller)
        except NotFound as error:
            logger.warning("Test sends of an A/B campaign are left out: %s", error)
            return []
        splits = as_objects(envelope and envelope.body.get("AB-split-details"))
        keys = [
            key
            for split in splits
            for name, child in split.items()
            if _CHILD_KEY.fullmatch(name) and (key := as_key(child))
        ]
        if not keys:
            logger.warning("Zoho names no test sends of an A/B campaign.")
        return keys

    def details(self, campaign: Row, caller: Caller) -> Envelope | None:
        """Return the details of a campaign, which are asked for once a run."""
        kind = str(campaign.get("campaigntype")).casefold()
        params = {
            "campaignkey": campaign["campaign_key"],
            # With the wrong type, reports come back empty.
            "campaigntype": "abtesting" if kind == "abtesting" else "normal",
        }
        return self._shared.get("getcampaigndetails", params, caller)[0]

    def report(self, sent_key: str, caller: Caller) -> Report | None:
        """Return the report of a campaign or test send, asked for once a run."""
        params = {"campaignkey": sent_key}
        envelope, day = self._shared.get("campaignreports", params, caller)
        return Report(envelope, day) if envelope else None

    @Once
    def knows_test_sends(self) -> bool:
        """Whether Zoho says under which keys A/B campaigns sent their tests."""
        is_known = self.version.has_call("getcampaigndetails")
        if not is_known:
            logger.warning(
                "Test sends of A/B campaigns are left out, as the API of `api_version` "
                "does not name them."
            )
        return is_known

    @property
    def zone(self) -> ZoneInfo:
        """The zone of Zoho's texts, such as `02 Aug 2013, 12:39 PM`."""
        return self.known_zone or ZoneInfo("UTC")

    @Once
    def known_zone(self) -> ZoneInfo | None:
        """The zone that is set, or that the times show; None if they show none."""
        if name := self._config.get("timezone"):
            return ZoneInfo(name)
        return account_zone(
            _unless_forbidden(lambda: self.campaigns),
            lambda: _unless_forbidden(lambda: self.lists),
        )

    def _all(self, endpoint: str, key: str, **params: str) -> list[Row]:
        """Return the rows of all pages, with their key as a text.

        Raises:
            FatalError: No row has its key.
        """

        def ask(fromindex: int, size: int) -> Page:
            paged = {**params, "fromindex": fromindex, "range": size}
            envelope = self.client.call(endpoint, paged, self.calls)
            if envelope is None:
                return Page([])
            rows = [{**row, key: as_key(row.get(key))} for row in envelope.payload]
            return Page(rows, envelope.total, envelope.used_range)

        size, at_once = self._config["page_size"], self._config["concurrency"]
        reading = Reading(Paginator(size, lambda row: row[key], at_once), ask)
        rows = [row for page, _ in reading for row in page]
        if reading.short:
            self.incomplete.add(endpoint)
        if number := reading.without_key:
            if not rows:
                msg = (
                    f"None of the rows of {endpoint} has its key `{key}`, so they have "
                    "a form that this version does not know."
                )
                raise FatalError(msg)
            logger.warning(
                "Left out %d rows of %s without their key.", number, endpoint
            )
        return rows

    def _narrowed(self, setting: str, name: str, rows: list[Row]) -> list[Row]:
        """Return the rows that a setting names, or all if it is not set.

        Raises:
            SettingError: The account does not have one of them.
        """
        wanted = self._config.get(setting)
        if not wanted:
            return rows
        by_key = {row[name]: row for row in rows}
        for position, key in enumerate(wanted, start=1):
            if key not in by_key:
                msg = (
                    f"Setting `{setting}`: the account has nothing with key number "
                    f"{position} of it ({key[:8]}…); keys that the web pages show may "
                    "be cut."
                )
                raise SettingError(msg)
        return [by_key[key] for key in dict.fromkeys(wanted)]


def _unless_forbidden(rows: Callable[[], list[Row]]) -> list[Row]:
    try:
        return rows()
    except Forbidden:
        return []
