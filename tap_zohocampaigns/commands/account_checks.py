"""Checks of the account: credentials, scopes, time zone and page sizes."""

from __future__ import annotations

import time
import typing as t

from tap_zohocampaigns.api import hosts, versions
from tap_zohocampaigns.api.endpoints import READS
from tap_zohocampaigns.api.errors import Forbidden, SettingError, ZohoError
from tap_zohocampaigns.api.token_answers import interpret
from tap_zohocampaigns.api.transport import TOKEN_PATH, Transport
from tap_zohocampaigns.commands.checks import Check, Result
from tap_zohocampaigns.singer.progress import counted
from tap_zohocampaigns.streams import STREAMS

if t.TYPE_CHECKING:
    from collections.abc import Iterator

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
_PAGED = ("getmailinglists", "recentcampaigns")


def account_checks(tap: TapZohoCampaigns, settings: Row) -> Iterator[Check]:
    """Yield the checks of credentials, and the others if these are accepted."""
    client = tap.inventory.client
    try:
        client.call("getmailinglists", _PROBES["getmailinglists"])
    except Forbidden:
        # Another scope may work: the credentials are accepted.
        pass
    except ZohoError as error:
        yield Check.of_error("credentials", error, _advice(error, settings))
        return
    yield Check("credentials", Result.OK, "Zoho gives an access token")
    if settings["api_version"] == versions.LATEST:
        yield from _scopes(tap)
    yield from _page_sizes(tap, settings)
    try:
        zone = tap.inventory.zone
    except ZohoError as error:
        yield Check.of_error("time zone", error, "set `timezone`")
    else:
        source = "set by `timezone`" if settings.get("timezone") else "found from times"
        yield Check("time zone", Result.OK, f"{zone.key}, {source}")


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
        except Forbidden:
            text = f"The token lacks it: {', '.join(names)} are left out"
            advice = f"`tap-zohocampaigns login --add-scope {scope}`, or deselect them"
            yield Check(f"scope {scope}", Result.WARNING, text, advice)
        except ZohoError as error:
            yield Check.of_error(f"scope {scope}", error, "run `doctor` again later")
        else:
            yield Check(f"scope {scope}", Result.OK, counted(len(names), "stream"))


def _page_sizes(tap: TapZohoCampaigns, settings: Row) -> Iterator[Check]:
    wanted = settings["page_size"]
    for endpoint in _PAGED:
        params = {**_PROBES[endpoint], "range": wanted}
        try:
            envelope = tap.inventory.client.call(endpoint, params)
        except ZohoError:
            # The check of its scope has reported it.
            continue
        size = envelope.used_range if envelope else None
        if size and size < wanted:
            text = f"Zoho gives {size} rows, not {wanted}"
            advice = f"nothing is lost; `page_size: {size}` saves no call"
            yield Check(f"page size of {endpoint}", Result.WARNING, text, advice)
        else:
            yield Check(f"page size of {endpoint}", Result.OK, f"{wanted} rows")


def _advice(error: ZohoError, settings: Row) -> str:
    if not isinstance(error, SettingError):
        return "run `doctor` again later"
    if settings["api_version"] != versions.LATEST:
        return "correct `auth_token` or `data_center`"
    if "invalid_client" in str(error) and not settings.get("accounts_url"):
        known = [*_data_centers_of(settings)]
        if known:
            return f"set `data_center: {known[0]}`, which knows the client"
    return "get a new token with `tap-zohocampaigns login`"


def _data_centers_of(settings: Row) -> Iterator[str]:
    """Yield the other data centers whose token service knows the client."""
    names = ("client_id", "client_secret", "refresh_token")
    form = {"grant_type": "refresh_token", **{name: settings[name] for name in names}}
    for name, host in hosts.DATA_CENTERS.items():
        if name == settings["data_center"]:
            continue
        transport = Transport(host, _SHORT, 1, time.monotonic)
        try:
            reply = transport.send("POST", host.accounts, TOKEN_PATH, form)
            interpret(reply.status, reply.content, (form["client_secret"],))
        except SettingError as error:
            if "invalid_client)" not in str(error):
                yield name
        except ZohoError:
            continue
        else:
            yield name
