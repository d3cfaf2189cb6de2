"""Checks of the network: name, proxy, TLS and answer of each host, and the clock."""

from __future__ import annotations

import time
import typing as t
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from tap_zohocampaigns.api.causes import Cause
from tap_zohocampaigns.api.errors import Redirected, Transient, ZohoError
from tap_zohocampaigns.api.transport import Transport
from tap_zohocampaigns.commands.checks import (
    DESCRIBE,
    Check,
    Result,
    set_variable,
    unset_variable,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_zohocampaigns.api.hosts import Hosts
    from tap_zohocampaigns.api.transport import Reply

# Calls without credentials, which change nothing and use no quota.
_PATHS = {"api": "/api/v1.1/", "accounts": "/oauth/serverinfo"}
# With a greater difference, tokens seem to live too long or too short.
_MOST_SKEW = 60.0
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
# What failed, and what to do about it: an advice and a command.
_FAULTS: t.Final[dict[Cause | None, tuple[str, str, str]]] = {
    Cause.PROXY: (
        "proxy",
        "correct the proxy of the environment, or do without it",
        "unset https_proxy HTTPS_PROXY all_proxy ALL_PROXY",
    ),
    Cause.DNS: ("DNS", "", ""),
    Cause.CERTIFICATE: (
        "TLS",
        "name the certificates of your network, if it has some of its own",
        f"export REQUESTS_CA_BUNDLE={_BUNDLE}",
    ),
    Cause.TLS: ("TLS", "", ""),
    Cause.TIMEOUT: (
        "network",
        "check the firewall; if the network is slow, allow more time",
        set_variable("request_timeout", 300),
    ),
}


def network_checks(
    hosts: Hosts,
    timeout: float,
    wall: Callable[[], float] = time.time,
    *,
    has_tokens: bool = True,
) -> list[Check]:
    """Return the checks of each host, and one of the clock.

    Args:
        hosts: The hosts of the account.
        timeout: Seconds for a call.
        wall: Returns the seconds of the epoch.
        has_tokens: Whether the version of the API uses the token service.
    """
    transport = Transport(hosts, timeout, 1, time.monotonic)
    checks: list[Check] = []
    dates: list[str] = []
    for name, path in _PATHS.items():
        if name == "accounts" and not has_tokens:
            continue
        url: str = getattr(hosts, name)
        began = time.monotonic()
        try:
            reply = transport.send("GET", url, path, {})
        except Redirected:
            reply = None
        except ZohoError as error:
            checks.append(_fault(name, url, error))
            continue
        checks += _answered(transport, url, reply, time.monotonic() - began)
        if reply and reply.date:
            dates.append(reply.date)
    if dates:
        checks.append(_clock(dates[0], wall()))
    return checks


def _answered(
    transport: Transport, url: str, reply: Reply | None, seconds: float
) -> Iterator[Check]:
    """Yield what an answer proves; without a reply it was a redirect."""
    parts = urlsplit(url)
    if transport.uses_proxy(url):
        yield Check(f"proxy of {parts.netloc}", Result.OK, "That of the environment")
    else:
        yield Check(f"DNS of {parts.netloc}", Result.OK, "The name is known")
    if parts.scheme == "https":
        yield Check(f"TLS of {parts.netloc}", Result.OK, "The certificate is trusted")
    what = f"HTTP {reply.status}" if reply else "It redirects,"
    yield Check(f"network of {parts.netloc}", Result.OK, f"{what} in {seconds:.1f} s")


def _fault(name: str, url: str, error: ZohoError) -> Check:
    cause = error.cause if isinstance(error, Transient) else None
    kind, advice, command = _FAULTS.get(cause, ("network", "", ""))
    if not advice:
        advice = f"correct `data_center`, or `{name}_url` if it is set"
        command = DESCRIBE if cause is None else unset_variable(f"{name}_url")
    return Check.of_error(f"{kind} of {urlsplit(url).netloc}", error, advice, command)


def _clock(date: str, now: float) -> Check:
    correct = "sudo timedatectl set-ntp true"
    try:
        skew = now - parsedate_to_datetime(date).timestamp()
    except ValueError:
        text = "Zoho's time can't be read."
        return Check(
            "clock", Result.WARNING, text, "compare it with another", "date -u"
        )
    text = f"This machine is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
    if abs(skew) > _MOST_SKEW:
        advice = "correct the clock, with NTP"
        return Check("clock", Result.WARNING, text, advice, correct)
    return Check("clock", Result.OK, text)
