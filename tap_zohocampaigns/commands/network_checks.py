"""Checks of the network: each host answers, and the clocks agree."""

from __future__ import annotations

import time
import typing as t
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from tap_zohocampaigns.api.errors import Redirected, ZohoError
from tap_zohocampaigns.api.transport import Transport
from tap_zohocampaigns.commands.checks import Check, Result

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from tap_zohocampaigns.api.hosts import Hosts

# Calls without credentials, which change nothing and use no quota.
_PATHS = {"api": "/api/v1.1/", "accounts": "/oauth/serverinfo"}
# With a greater difference, tokens seem to live too long or too short.
_MOST_SKEW = 60.0


def network_checks(
    hosts: Hosts,
    timeout: float,
    wall: Callable[[], float] = time.time,
    *,
    has_tokens: bool = True,
) -> list[Check]:
    """Return a check for each host, and one for the clock.

    Args:
        hosts: The hosts of the account.
        timeout: Seconds for a call.
        wall: Returns the seconds of the epoch.
        has_tokens: Whether the version of the API uses the token service.
    """
    transport = Transport(hosts, timeout, 1, time.monotonic)
    checks = []
    dates = []
    for name, path in _PATHS.items():
        if name == "accounts" and not has_tokens:
            continue
        url: str = getattr(hosts, name)
        host = urlsplit(url).netloc
        began = time.monotonic()
        try:
            reply = transport.send("GET", url, path, {})
        except Redirected:
            checks.append(Check(f"network to {host}", Result.OK, "It redirects"))
            continue
        except ZohoError as error:
            advice = f"correct `data_center` or `{name}_url`, or the proxy"
            checks.append(Check.of_error(f"network to {host}", error, advice))
            continue
        seconds = time.monotonic() - began
        text = f"HTTP {reply.status} in {seconds:.1f} s"
        checks.append(Check(f"network to {host}", Result.OK, text))
        if reply.date:
            dates.append(reply.date)
    if dates:
        checks.append(_clock(dates[0], wall()))
    return checks


def _clock(date: str, now: float) -> Check:
    try:
        skew = now - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return Check("clock", Result.WARNING, "Zoho's time can't be read.")
    text = f"This machine is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
    if abs(skew) > _MOST_SKEW:
        return Check("clock", Result.WARNING, text, "correct the clock, with NTP")
    return Check("clock", Result.OK, text)
