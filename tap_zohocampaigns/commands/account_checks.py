"""Checks of the account: credentials, scopes, rights, time zone and page sizes."""

from __future__ import annotations

import time
import typing as t
from contextlib import suppress

from tap_zohocampaigns.api import hosts, versions
from tap_zohocampaigns.api.endpoints import READS
from tap_zohocampaigns.api.errors import (
    FatalError,
    Forbidden,
    MissingScope,
    NotFound,
    SettingError,
    ZohoError,
)
from tap_zohocampaigns.api.token_answers import interpret
from tap_zohocampaigns.api.transport import TOKEN_PATH, Transport
from tap_zohocampaigns.api.wire.campaigns import is_sent
from tap_zohocampaigns.api.wire.casts import as_key
from tap_zohocampaigns.api.wire.counters import ACTIONS
from tap_zohocampaigns.api.wire.envelope import parse_integer
from tap_zohocampaigns.api.wire.parsers import parse_segments
from tap_zohocampaigns.api.wire.shapes import as_objects
from tap_zohocampaigns.commands.checks import (
    AGAIN,
    DESCRIBE,
    LOGIN,
    Check,
    Result,
    set_variable,
)
from tap_zohocampaigns.commands.key_checks import missing_keys
from tap_zohocampaigns.singer.progress import counted
from tap_zohocampaigns.streams import STREAMS

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.api.wire.envelope import Envelope
    from tap_zohocampaigns.api.wire.types import Row
    from tap_zohocampaigns.tap import TapZohoCampaigns

# The cheapest call of each scope.
_PROBES: t.Final[dict[str, Row]] = {
    "getmailinglists": {"fromindex": 1, "range": 1},
    "recentcampaigns": {"status": "all", "fromindex": 1, "range": 1},
    "workflow": {"details": '{"page":1,"limit":1,"trigger_type":"open","user":"all"}'},
    "tag/getalltags": {},
}
# Seconds for each of the other data centers.
_SHORT = 10.0
_ZONE = "set the zone that Zoho Campaigns shows for your account; this is an example"
_SET_ZONE = set_variable("timezone", "America/New_York")
_RIGHTS = (
    "let an administrator give the user of the token the right in Zoho Campaigns, or "
    "log in as another user"
)
_LATER = "Zoho fails at the moment: check again later"
# Page sizes that the service does not report are multiples of it: 20, 50, 200.
_PAGE_STEP = 10


def account_checks(tap: TapZohoCampaigns, settings: Row) -> Iterator[Check]:
    """Yield the checks of credentials, and the others if these are accepted."""
    client = tap.inventory.client
    try:
        client.call("getmailinglists", _PROBES["getmailinglists"])
    except Forbidden:
        # Another scope may work: the credentials are accepted.
        pass
    except ZohoError as error:
        advice, command = _way_out(error, settings)
        yield Check.of_error("credentials", error, advice, command)
        return
    yield Check("credentials", Result.OK, "Zoho accepts them")
    if client.version.signer.renews:
        yield _token_store(tap)
    if settings["api_version"] == versions.LATEST:
        yield from _scopes(tap)
    yield from _page_sizes(tap, settings)
    missing = [*missing_keys(tap.inventory, settings)]
    yield from missing
    # Without the campaigns that a setting names, no times are read.
    if not missing:
        yield _time_zone(tap, settings)


def _time_zone(tap: TapZohoCampaigns, settings: Row) -> Check:
    try:
        zone = tap.inventory.known_zone
    except ZohoError as error:
        return Check.of_error("time zone", error, _LATER, AGAIN)
    if zone is None:
        text = "No times of the account show it, so they are taken for UTC"
        return Check("time zone", Result.WARNING, text, _ZONE, _SET_ZONE)
    source = "set by `timezone`" if settings.get("timezone") else "found from times"
    return Check("time zone", Result.OK, f"{zone.key}, {source}")


def _token_store(tap: TapZohoCampaigns) -> Check:
    client = tap.inventory.client
    if client.tokens.is_shared:
        return Check("access token", Result.OK, "All runs use the same one")
    text = "Each run requests its own; Zoho gives 10 in 10 minutes"
    if not client.ledger.is_shared:
        # The check of the ledger has reported the reason.
        return Check("access token", Result.OK, text)
    advice = "correct `rate_limit_ledger`: the token is kept in the same folder"
    return Check("access token", Result.WARNING, text, advice, DESCRIBE)


def _scopes(tap: TapZohoCampaigns) -> Iterator[Check]:
    for endpoint, params in _PROBES.items():
        scope = READS[endpoint].scope
        if not tap.inventory.version.has_call(endpoint):
            continue
        names = [
            s.name for s in STREAMS if s.endpoint and READS[s.endpoint].scope == scope
        ]
        try:
            tap.inventory.client.call(endpoint, params)
        except MissingScope:
            text = f"The token lacks it: {', '.join(names)} are left out"
            advice = "add the scope to the token, or deselect the streams"
            command = f"{LOGIN} --add-scope {scope}"
            yield Check(f"scope {scope}", Result.WARNING, text, advice, command)
        except Forbidden as error:
            yield _missing_right(endpoint, error)
        except ZohoError as error:
            yield Check.of_error(f"scope {scope}", error, _LATER, AGAIN)
        else:
            yield Check(f"scope {scope}", Result.OK, counted(len(names), "stream"))


def _page_sizes(tap: TapZohoCampaigns, settings: Row) -> Iterator[Check]:
    """Yield how many rows each paged endpoint gives; each is called once."""
    size = settings["page_size"]

    def check(endpoint: str, params: Row, rows: list[Row]) -> Iterator[Check]:
        """Yield the check of an endpoint, and add its rows to `rows`."""
        if not tap.inventory.version.has_call(endpoint, params):
            return
        try:
            envelope = tap.inventory.client.call(
                endpoint, {**params, "fromindex": 1, "range": size}
            )
            rows += as_objects(envelope.payload) if envelope else []
        except NotFound:
            # Whatever was deleted a moment ago has no page size.
            return
        except ZohoError as error:
            yield from _failed_answer(endpoint, error)
            return
        yield _page_size(endpoint, envelope, rows, size)

    lists: list[Row] = []
    campaigns: list[Row] = []
    yield from check("getmailinglists", {}, lists)
    yield from check("recentcampaigns", {"status": "all"}, campaigns)
    for endpoint, params in _contact_calls(lists, campaigns):
        yield from check(endpoint, params, [])


def _failed_answer(endpoint: str, error: ZohoError) -> Iterator[Check]:
    """Yield the check of an endpoint that gave no rows, unless one of scopes has it."""
    if isinstance(error, MissingScope) or endpoint in _PROBES:
        return
    if isinstance(error, Forbidden):
        yield _missing_right(endpoint, error)
    else:
        yield Check.of_error(f"answer of {endpoint}", error, _LATER, AGAIN)


def _missing_right(endpoint: str, error: Forbidden) -> Check:
    name = f"rights for {endpoint}"
    return Check(name, Result.WARNING, str(error), _RIGHTS, LOGIN)


def _contact_calls(lists: list[Row], campaigns: list[Row]) -> Iterator[tuple[str, Row]]:
    """Yield a call of each endpoint of contacts for which there is a key."""
    lists = [row for row in lists if as_key(row.get("listkey"))]
    if lists:
        largest = max(
            lists, key=lambda row: parse_integer(row.get("noofcontacts"), 0) or 0
        )
        yield "getlistsubscribers", {"listkey": largest["listkey"], "status": "active"}
    for row in lists:
        # The segments of one list may have another form.
        with suppress(FatalError):
            if cvids := [*parse_segments(row.get("segments")).by_id]:
                yield "getsegmentcontacts", {"cvid": cvids[0]}
                break
    keys = [as_key(row.get("campaign_key")) for row in campaigns if is_sent(row)]
    if key := next(filter(None, keys), None):
        params = {"campaignkey": key, "action": next(iter(ACTIONS))}
        yield "getcampaignrecipientsdata", params


def _page_size(
    endpoint: str, envelope: Envelope | None, rows: list[Row], size: int
) -> Check:
    used = envelope.used_range if envelope else None
    total = envelope.total if envelope else None
    is_page = rows and len(rows) % _PAGE_STEP == 0
    # A counter may lead. Page sizes are round numbers.
    if used is None and total is not None and is_page and len(rows) < min(total, size):
        used = len(rows)
    if used and used < size:
        text = f"Zoho gives {used} rows, not {size}"
        advice = "nothing is lost; with this setting, `plan` counts the calls rightly"
        command = set_variable("page_size", used)
        return Check(f"page size of {endpoint}", Result.WARNING, text, advice, command)
    known = used or len(rows) >= size
    text = f"{size} rows" if known else "Zoho does not say it"
    return Check(f"page size of {endpoint}", Result.OK, text)


def _way_out(error: ZohoError, settings: Row) -> tuple[str, str]:
    """Return an advice and a command for credentials that are not accepted."""
    if not isinstance(error, SettingError):
        return _LATER, AGAIN
    if settings["api_version"] != versions.LATEST:
        return "correct `auth_token` or `data_center`", DESCRIBE
    if "invalid_client" in str(error) and not settings.get("accounts_url"):
        known = [*_data_centers_of(settings)]
        if known:
            advice = f"set `data_center` to `{known[0]}`, which knows the client"
            return advice, set_variable("data_center", known[0])
    return "log in again, which makes a new token", LOGIN


def _data_centers_of(settings: Row) -> Iterator[str]:
    """Yield the other data centers whose token service knows the client.

    They get no secret: one that knows the client refuses the secret, not the client.
    """
    form = {
        "grant_type": "refresh_token",
        "client_id": settings["client_id"],
        "client_secret": "unknown",
        "refresh_token": "unknown",
    }
    for name, host in hosts.DATA_CENTERS.items():
        if name == settings["data_center"]:
            continue
        transport = Transport(host, _SHORT, 1, time.monotonic)
        try:
            reply = transport.send("POST", host.accounts, TOKEN_PATH, form)
            interpret(reply.status, reply.content, ())
        except SettingError as error:
            if "invalid_client)" not in str(error):
                yield name
        except ZohoError:
            continue
        else:
            yield name
