from __future__ import annotations

import pytest

from tap_zohocampaigns.api import hosts
from tap_zohocampaigns.api.connect import account_name
from tap_zohocampaigns.api.errors import SettingError

SETTINGS = ("api_url", "accounts_url")


@pytest.mark.parametrize(
    ("center", "ending"),
    [
        ("us", "zoho.com"),
        ("eu", "zoho.eu"),
        ("in", "zoho.in"),
        ("au", "zoho.com.au"),
        ("jp", "zoho.jp"),
        ("cn", "zoho.com.cn"),
        ("ca", "zohocloud.ca"),
        ("sa", "zoho.sa"),
    ],
)
def test_each_data_center_has_two_hosts(center: str, ending: str) -> None:
    assert hosts.find({"data_center": center}) == (
        f"https://campaigns.{ending}",
        f"https://accounts.{ending}",
    )
    assert len(hosts.DATA_CENTERS) == 8


@pytest.mark.parametrize(
    ("url", "used"),
    [
        ("https://campaigns.zoho.uk", "https://campaigns.zoho.uk"),
        ("https://proxy.example/zoho/", "https://proxy.example/zoho"),
        ("https://host:8443", "https://host:8443"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1:80/", "http://127.0.0.1:80"),
        ("http://127.8.8.8", "http://127.8.8.8"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("HTTP://LOCALHOST", "HTTP://LOCALHOST"),
    ],
)
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_configured_host_overrules_that_of_the_data_center(
    setting: str, url: str, used: str
) -> None:
    pair = hosts.find({"data_center": "eu", setting: url})
    index = SETTINGS.index(setting)
    assert pair[index] == used
    assert pair[1 - index] == hosts.DATA_CENTERS["eu"][1 - index]


@pytest.mark.parametrize("empty", ["", None], ids=["empty", "none"])
def test_an_empty_setting_means_the_host_of_the_data_center(empty: str | None) -> None:
    config = {"data_center": "jp", "api_url": empty, "accounts_url": empty}
    assert hosts.find(config) == hosts.DATA_CENTERS["jp"]


@pytest.mark.parametrize(
    "url",
    [
        "campaigns.zoho.com",
        "//campaigns.zoho.com",
        "ftp://campaigns.zoho.com",
        "file:///etc/passwd",
        "http://campaigns.zoho.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://0.0.0.0",
        "http://10.0.0.1",
        "http://[fe80::1]",
        "http://2130706433",
        "https://",
        "https:///api",
        "https://host:99999",
        "https://host:port",
        "https://[::1",
        "https://planted:secret@campaigns.zoho.com",
        "https://planted@campaigns.zoho.com",
        "http://planted@localhost",
        "https://:secret@campaigns.zoho.com",
        "https://host/?planted=secret",
        "https://host/#planted",
        "https://good.example\\@planted.example",
        "http://localhost\\@planted.example",
    ],
)
@pytest.mark.parametrize("setting", SETTINGS)
def test_an_unsafe_host_is_an_error_that_names_the_setting_and_not_its_value(
    setting: str, url: str
) -> None:
    with pytest.raises(SettingError) as refused:
        hosts.find({"data_center": "us", setting: url})
    assert f"`{setting}`" in str(refused.value)
    assert "planted" not in str(refused.value)
    assert "secret" not in str(refused.value)


CREDENTIALS = {
    "client_id": "1000.X",
    "client_secret": "s",
    "refresh_token": "r",
    "api_version": "1.1",
}


@pytest.mark.parametrize(
    ("url", "account"),
    [
        ("", "a4fdbb7163ebb637"),
        ("https://campaigns.zoho.eu", "a4fdbb7163ebb637"),
        ("HTTPS://Campaigns.ZOHO.eu/", "a4fdbb7163ebb637"),
        ("https://campaigns.zoho.eu:443", "a4fdbb7163ebb637"),
        ("https://campaigns.zoho.eu.:0443/", "a4fdbb7163ebb637"),
        ("https://proxy.example/zoho/", "e3c60e8fcf1f4948"),
        ("https://PROXY.example:443/zoho", "e3c60e8fcf1f4948"),
    ],
)
def test_all_spellings_of_a_host_give_the_same_account(url: str, account: str) -> None:
    config = CREDENTIALS | {"data_center": "eu", "api_url": url}
    assert account_name(config) == account


@pytest.mark.parametrize(
    "url",
    [
        "https://campaigns.zoho.eu:8443",
        "https://campaigns.zoho.eu/other",
        "https://proxy.example/ZOHO",
        "http://localhost:8080",
        "http://[::1]:8080",
    ],
)
def test_another_host_gives_another_account(url: str) -> None:
    config = CREDENTIALS | {"data_center": "eu", "api_url": url}
    known = {"a4fdbb7163ebb637", "e3c60e8fcf1f4948"}
    assert account_name(config) not in known
    assert hosts.canonical(url) == url
