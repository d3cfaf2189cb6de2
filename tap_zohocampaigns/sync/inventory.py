"""What several streams have to know of the account; each part is read once a run."""

from __future__ import annotations

import logging
import re
import threading
import typing as t
from collections import Counter
from concurrent.futures import Future
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tap_zohocampaigns.api import versions
from tap_zohocampaigns.api.errors import FatalError, Forbidden, NotFound, SettingError
from tap_zohocampaigns.api.wire import zones
from tap_zohocampaigns.api.wire.campaigns import is_sent, sent_time
from tap_zohocampaigns.api.wire.casts import as_key
from tap_zohocampaigns.api.wire.parsers import parse_segments
from tap_zohocampaigns.api.wire.shapes import as_objects
from tap_zohocampaigns.sync.pagination import Page, Paginator

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_zohocampaigns.api.client import Client
    from tap_zohocampaigns.api.wire.envelope import Envelope
    from tap_zohocampaigns.api.wire.types import Row

    Call: t.TypeAlias = Callable[[str, Row], Envelope | None]

Value = t.TypeVar("Value")

logger = logging.getLogger("tap-zohocampaigns.account")

_CHILD_KEY = re.compile(r"[a-z]_child_campaign_?key", re.IGNORECASE)


class once(t.Generic[Value]):  # noqa: N801 (used as `property` is)
    """A property that one thread works out, while others wait for it."""

    def __init__(self, work: Callable[[Inventory], Value]) -> None:
        """Take what works it out."""
        self._work = work
        self._name = work.__name__

    def __get__(self, account: Inventory, owner: type[Inventory]) -> Value:
        """Return the value."""
        with account.guards.setdefault(self._name, threading.RLock()):
            if self._name not in account.known:
                account.known[self._name] = self._work(account)
            return t.cast("Value", account.known[self._name])


class Segment(t.NamedTuple):
    """A segment as its list tells of it; `list_key` is unknown for a configured one."""

    cvid: str
    list_key: str | None
    about: Row


class Report(t.NamedTuple):
    """The report of a campaign, and the day (UTC) on which Zoho gave it."""

    envelope: Envelope
    day: str


class Inventory:
    """Lists, segments, campaigns and the time zone of the account."""

    def __init__(
        self,
        client: Client,
        config: Mapping[str, t.Any],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Remember how to read; nothing is read yet.

        Args:
            client: Makes the calls.
            config: The settings, with their defaults.
            now: Tells the time of day.
        """
        self.client = client
        self.version = versions.find(config)
        self.calls: Counter[str] = Counter()
        """The calls that were made for all streams."""
        self.incomplete: set[str] = set()
        """Calls that gave fewer rows than Zoho says there are."""
        self.guards: dict[str, t.ContextManager[bool]] = {}
        self.known: dict[str, t.Any] = {}
        self._answers: dict[tuple[str, str], Future[tuple[Envelope | None, str]]] = {}
        self._config = config
        self._now = now

    def check_credentials(self) -> None:
        """Make one cheap call, which fails if the credentials are not accepted."""
        self.client.call("getmailinglists", {"fromindex": 1, "range": 1}, self.calls)

    @once
    def lists(self) -> list[Row]:
        """The mailing lists as they come on the wire, narrowed by `list_keys`."""
        return self._narrowed("list_keys", "listkey", self._all("getmailinglists"))

    @once
    def campaigns(self) -> list[Row]:
        """The campaigns as they come on the wire, narrowed by `campaign_keys`."""
        found = self._all("recentcampaigns", status="all", sort="desc")
        return self._narrowed("campaign_keys", "campaign_key", found)

    @property
    def sent_campaigns(self) -> list[Row]:
        """The campaigns that have recipients, newest first."""
        return sorted(
            filter(is_sent, self.campaigns),
            key=sent_time,
            reverse=True,
        )

    @once
    def segments(self) -> list[Segment]:
        """The segments of the lists, narrowed by `cvids`, and others that it names."""
        found = []
        for mailing_list in self.lists:
            list_key = mailing_list["listkey"]
            segments = parse_segments(mailing_list.get("segments"))
            found += [
                Segment(cvid, list_key, told) for cvid, told in segments.by_id.items()
            ]
            if number := segments.without_id:
                logger.warning(
                    "Left out %d segments of the list %s without their ID.",
                    number,
                    list_key,
                )
        wanted = self._wanted_segments
        if not wanted:
            return found
        known = {segment.cvid: segment for segment in found}
        return [known.get(cvid) or Segment(cvid, None, {}) for cvid in wanted]

    @property
    def cvids(self) -> list[str]:
        """IDs of the segments to read; when `cvids` names them no list is read."""
        return self._wanted_segments or [segment.cvid for segment in self.segments]

    @property
    def _wanted_segments(self) -> list[str]:
        return [*dict.fromkeys(self._config.get("cvids", ()))]

    def test_sends(self, campaign: Row, call: Call) -> list[str]:
        """Return the keys under which an A/B campaign sent its tests.

        The campaign's own key covers the final sending only.

        Args:
            campaign: As it comes on the wire.
            call: Calls an endpoint.
        """
        if str(campaign.get("campaigntype")).casefold() != "abtesting":
            return []
        if not self.names_tests:
            return []
        try:
            envelope = self.details(campaign, call)
        except NotFound as gone:
            logger.warning("Test sends of an A/B campaign are left out: %s", gone)
            return []
        details = as_objects(envelope and envelope.body.get("AB-split-details"))
        keys = [
            str(as_key(child))
            for detail in details
            for name, child in detail.items()
            if _CHILD_KEY.fullmatch(name) and as_key(child)
        ]
        if not keys:
            logger.warning("Zoho names no test sends of an A/B campaign.")
        return keys

    def details(self, campaign: Row, call: Call) -> Envelope | None:
        """Return the details of a campaign; Zoho is asked once a run."""
        kind = str(campaign.get("campaigntype")).casefold()
        params = {
            "campaignkey": campaign["campaign_key"],
            # Of the wrong type, reports come back empty.
            "campaigntype": "abtesting" if kind == "abtesting" else "normal",
        }
        return self._shared("getcampaigndetails", params, call)[0]

    def report(self, sent_key: str, call: Call) -> Report | None:
        """Return the report of a campaign or a test send; Zoho is asked once a run."""
        params = {"campaignkey": sent_key}
        envelope, day = self._shared("campaignreports", params, call)
        return Report(envelope, day) if envelope else None

    def _shared(
        self, endpoint: str, params: Row, call: Call
    ) -> tuple[Envelope | None, str]:
        """Return an answer that several streams need, and its day.

        One of them asks, and others wait.
        """
        mine: Future[tuple[Envelope | None, str]] = Future()
        future = self._answers.setdefault((endpoint, params["campaignkey"]), mine)
        if future is mine:
            try:
                answer = call(endpoint, params)
                mine.set_result((answer, self._now().date().isoformat()))
            except BaseException as error:
                mine.set_exception(error)
                raise
        return future.result()

    @once
    def names_tests(self) -> bool:
        """Whether Zoho can be asked under which keys A/B campaigns sent their tests."""
        told = self.version.reads("getcampaigndetails")
        if not told:
            logger.warning(
                "Test sends of A/B campaigns are left out, as the API of `api_version` "
                "does not name them."
            )
        return told

    @once
    def zone(self) -> ZoneInfo:
        """The zone of the texts that Zoho writes, such as `02 Aug 2013, 12:39 PM`."""
        if name := self._config.get("timezone"):
            return ZoneInfo(name)
        pairs, hints = self._clues()
        found = zones.find_zone(pairs, hints)
        if found is None or not found.is_clear:
            found = zones.find_zone([*pairs, *self._clues_of_lists()], hints)
        if found is None:
            logger.warning(
                "The account's time zone can't be found, so times are taken for UTC; "
                "set `timezone` to correct them."
            )
            return ZoneInfo("UTC")
        agree = found.pairs - found.disagree
        if agree:
            # Where half of them disagree, it is little more than a guess.
            logger.log(
                logging.INFO if agree > found.disagree else logging.WARNING,
                "Times are in %s, as %d of %d pairs of times of campaigns and lists "
                "show (%d disagree); if that is wrong, set `timezone`.",
                found.zone.key,
                agree,
                found.pairs,
                found.disagree,
            )
        else:
            logger.info(
                "Times are in %s, as campaigns were planned there, and none of %d "
                "pairs of times shows a zone; if that is wrong, set `timezone`.",
                found.zone.key,
                found.pairs,
            )
        return found.zone

    def _clues(self) -> tuple[list[zones.Pair], list[str]]:
        """Return what campaigns tell of the zone: pairs, and names of zones."""
        try:
            campaigns = self.campaigns
        except Forbidden:
            return [], []
        hints = Counter(
            str(name) for c in campaigns if (name := c.get("sent_time_zone"))
        )
        pairs = [
            zones.Pair(str(campaign.get(f"{what}_time_gmt")), str(text))
            for campaign in campaigns
            for what in ("sent", "created", "updated")
            if (text := campaign.get(f"{what}_date_string"))
        ]
        return pairs, [name for name, _ in hints.most_common()]

    def _clues_of_lists(self) -> list[zones.Pair]:
        """Return what lists tell of the zone."""
        try:
            lists = self.lists
        except Forbidden:
            return []
        return [
            zones.Pair(str(row.get("created_time_gmt")), str(row["date"]))
            for row in lists
            if row.get("date")
        ]

    def _all(self, endpoint: str, **params: str) -> list[Row]:
        def ask(fromindex: int, size: int) -> Page:
            paged = {**params, "fromindex": fromindex, "range": size}
            envelope = self.client.call(endpoint, paged, self.calls)
            if envelope is None:
                return Page([])
            rows = [{**row, key: as_key(row.get(key))} for row in envelope.payload]
            return Page(rows, envelope.total, envelope.used_range)

        key = {"getmailinglists": "listkey"}.get(endpoint, "campaign_key")
        size, at_once = self._config["page_size"], self._config["concurrency"]

        pages = Paginator(size, lambda row: row[key], at_once)
        reading = pages.read(ask)
        found = [row for rows, _ in reading for row in rows]
        if reading.short:
            self.incomplete.add(endpoint)
        if number := reading.without_key:
            if not found:
                msg = (
                    f"None of the rows of {endpoint} has its key `{key}`, so they have "
                    "a form that this version does not know."
                )
                raise FatalError(msg)
            logger.warning(
                "Left out %d rows of %s without their key.", number, endpoint
            )
        return found

    def _narrowed(self, setting: str, name: str, found: list[Row]) -> list[Row]:
        wanted = self._config.get(setting)
        if not wanted:
            return found
        known = {row[name]: row for row in found}
        for position, key in enumerate(wanted, start=1):
            if key not in known:
                msg = (
                    f"Setting `{setting}`: the account has nothing with key number "
                    f"{position} of it ({key[:8]}…); keys that the web pages show may "
                    "be cut."
                )
                raise SettingError(msg)
        return [known[key] for key in dict.fromkeys(wanted)]
