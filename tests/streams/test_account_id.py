"""The setting `account_id`: first in each key."""

from __future__ import annotations

import typing as t

import pytest

from tap_zohocampaigns.airbyte.catalog import read_catalog
from tap_zohocampaigns.api.connect import account_name
from tap_zohocampaigns.api.errors import SettingError
from tap_zohocampaigns.api.tokens.file import FileTokens
from tap_zohocampaigns.api.tokens.opening import open_tokens
from tap_zohocampaigns.settings.tap import complete, problems
from tap_zohocampaigns.tap import TapZohoCampaigns
from tests.support.odd import ALL, assert_fits, described
from tests.support.taps import run_tap

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Service

    Record: t.TypeAlias = dict[str, t.Any]
    Short: t.TypeAlias = tuple[str, str, tuple[str, ...], str]


def test_records_have_the_account_first_in_their_key(service: Service) -> None:
    output = run_tap(service, *ALL, account_id="north-1")
    assert output.records.keys() == {*ALL}
    assert_fits(output)
    for message in output.messages:
        if message["type"] == "SCHEMA":
            assert message["key_properties"][0] == "account_id"
            assert message["key_properties"].count("account_id") == 1
            assert message["schema"]["required"][0] == "account_id"
            assert next(iter(message["schema"]["properties"])) == "account_id"
    for records in output.records.values():
        assert {row["account_id"] for row in records} == {"north-1"}


def test_without_the_setting_nothing_has_an_account(service: Service) -> None:
    output = run_tap(service, *ALL)
    for message in output.messages:
        if message["type"] == "SCHEMA" and message["stream"] != "account":
            assert "account_id" not in message["key_properties"]
            assert "account_id" not in message["schema"]["properties"]


@pytest.mark.parametrize(("then", "now"), [("", "a"), ("a", ""), ("a", "b")])
def test_the_setting_counts_not_the_catalog(
    service: Service, then: str, now: str
) -> None:
    config = service.config | {"rate_limit_ledger": "memory"}
    told: Record = {"account_id": then} if then else {}
    catalog = TapZohoCampaigns(config=config | told).catalog_dict
    settings: Record = {"account_id": now} if now else {}
    output = run_tap(service, "tags", "account", catalog=catalog, **settings)
    assert_fits(output)
    keys = {
        m["stream"]: m["key_properties"]
        for m in output.messages
        if m["type"] == "SCHEMA"
    }
    assert keys["tags"] == (["account_id", "tag_id"] if now else ["tag_id"])
    assert keys["account"] == ["account_id"]
    (row,) = output.records["account"]
    assert row["account_id"] == now or not now


def test_another_name_of_the_account_writes_everything_again(service: Service) -> None:
    first = run_tap(service, "segment_contacts", account_id="a")
    same = run_tap(service, "segment_contacts", account_id="a", state=first.state)
    other = run_tap(service, "segment_contacts", account_id="b", state=first.state)
    number = len(first.records["segment_contacts"])
    # Those that were added last are written once more.
    assert len(same.records["segment_contacts"]) < number
    assert len(other.records["segment_contacts"]) == number


@pytest.mark.parametrize("name", ["a", "A-b_9", "x" * 64])
def test_names_of_accounts(name: str) -> None:
    config = complete({"data_center": "sandbox", "account_id": name})
    assert not problems(config)
    assert account_name(config | {"client_id": "c"}) == name


@pytest.mark.parametrize("name", ["", "x" * 65, "a b", "a\n", "é", "a/b", 7, "\u0661"])
def test_what_is_no_name_of_an_account(name: object) -> None:
    (told,) = problems(complete({"data_center": "sandbox", "account_id": name}))
    assert "`account_id` must be" in told


def test_tokens_are_named_by_the_account_and_the_secrets(tmp_path: Path) -> None:
    config = {
        "client_id": "c",
        "client_secret": "s",
        "refresh_token": "r",
        "data_center": "us",
        "rate_limit_ledger": str(tmp_path / "calls"),
    }
    paths = set()
    for more in ({}, {"account_id": "a"}, {"account_id": "a", "refresh_token": "q"}):
        tokens = open_tokens(config | more)
        assert isinstance(tokens, FileTokens)
        paths.add(tokens._path.name)  # noqa: SLF001 (what it is called)
    assert len(paths) == 3
    assert sum("token-a-" in name for name in paths) == 2


def test_the_account_is_in_airbytes_keys(service: Service) -> None:
    tap, catalog = described(service, account_id="north")
    for each in catalog["streams"]:
        stream = each["stream"]
        assert stream["source_defined_primary_key"][0] == ["account_id"]
        assert next(iter(stream["json_schema"]["properties"])) == "account_id"
    assert read_catalog(catalog, tap)
    plain_tap, plain_catalog = described(service)
    for other, told in ((tap, plain_catalog), (plain_tap, catalog)):
        with pytest.raises(SettingError, match="another `account_id`"):
            read_catalog(told, other)
