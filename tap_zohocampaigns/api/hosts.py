"""The hosts of each data center: that of Campaigns, and that of the token service."""

from __future__ import annotations

import ipaddress
import typing as t
from urllib.parse import urlsplit

from tap_zohocampaigns.api.errors import SettingError

if t.TYPE_CHECKING:
    from collections.abc import Mapping


class Hosts(t.NamedTuple):
    """Base URLs, without a slash at the end."""

    api: str
    accounts: str


# The first six are on Zoho's page of data centers. Canada has its own domain. Saudi
# Arabia was seen to answer like the others.
DATA_CENTERS = {
    "us": Hosts("https://campaigns.zoho.com", "https://accounts.zoho.com"),
    "eu": Hosts("https://campaigns.zoho.eu", "https://accounts.zoho.eu"),
    "in": Hosts("https://campaigns.zoho.in", "https://accounts.zoho.in"),
    "au": Hosts("https://campaigns.zoho.com.au", "https://accounts.zoho.com.au"),
    "jp": Hosts("https://campaigns.zoho.jp", "https://accounts.zoho.jp"),
    "cn": Hosts("https://campaigns.zoho.com.cn", "https://accounts.zoho.com.cn"),
    "ca": Hosts("https://campaigns.zohocloud.ca", "https://accounts.zohocloud.ca"),
    "sa": Hosts("https://campaigns.zoho.sa", "https://accounts.zoho.sa"),
}

_PORTS = {"https": 443, "http": 80}


def find(config: Mapping[str, t.Any]) -> Hosts:
    """Return the hosts of the configured data center.

    Args:
        config: The settings; `api_url` and `accounts_url` overrule `data_center`.

    Raises:
        SettingError: A URL is not https, or holds credentials.
    """
    hosts = DATA_CENTERS.get(config["data_center"], DATA_CENTERS["us"])
    return Hosts(
        _checked("api_url", config.get("api_url")) or hosts.api,
        _checked("accounts_url", config.get("accounts_url")) or hosts.accounts,
    )


def canonical(url: str) -> str:
    """Return the canonical form of a base URL, so that equal hosts have equal texts."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if ":" in host:
        host = f"[{host}]"
    is_default = parts.port in {None, _PORTS[parts.scheme]}
    port = "" if is_default else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"


def _checked(setting: str, url: str | None) -> str | None:
    if not url:
        return None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    secure = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    if not host or not secure:
        msg = (
            f"Setting `{setting}` must be an https:// address of a host; http:// is "
            "for this machine only."
        )
        raise SettingError(msg)
    if parts.username or parts.password or parts.query or parts.fragment:
        msg = f"Setting `{setting}` must be an address alone: no password, no query."
        raise SettingError(msg)
    return url.rstrip("/")


def is_local(url: str) -> bool:
    """Return whether a URL leads to this machine."""
    return _is_loopback(urlsplit(url).hostname)


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
