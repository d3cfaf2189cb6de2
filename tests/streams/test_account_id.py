"""The setting `account_id` adds a column that comes first in every key."""

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
from tests.support.odd import ALL, assert_records_match_schemas, tap_with_full_catalog
from tests.support.taps import run_tap

if t.TYPE_CHECKING:
    from pathlib import Path

    from tap_zohocampaigns.sandbox import Service

    Record: t.TypeAlias = dict[str, t.Any]


def test_account_id_is_the_first_column_of_every_key(service: Service) -> None:
    output = run_tap(service, *ALL, account_id="north-1")
    assert output.records.keys() == {*ALL}
    assert_records_match_schemas(output)
    for message in output.messages:
        if message["type"] == "SCHEMA":
            assert message["key_properties"][0] == "account_id"
            assert message["key_properties"].count("account_id") == 1
            assert message["schema"]["required"][0] == "account_id"
            assert next(iter(message["schema"]["properties"])) == "account_id"
    for records in output.records.values():
        assert {row["account_id"] for row in records} == {"north-1"}


def test_streams_have_no_account_id_without_the_setting(service: Service) -> None:
    output = run_tap(service, *ALL)
    for message in output.messages:
        if message["type"] == "SCHEMA" and message["stream"] != "account":
            assert "account_id" not in message["key_properties"]
            assert "account_id" not in message["schema"]["properties"]


@pytest.mark.parametrize(("old_id", "new_id"), [("", "a"), ("a", ""), ("a", "b")])
def test_setting_overrides_the_account_id_of_the_catalog(
    service: Service, old_id: str, new_id: str
) -> None:
    config = service.config | {"rate_limit_ledger": "memory"}
    old_settings: Record = {"account_id": old_id} if old_id else {}
    catalog = TapZohoCampaigns(config=config | old_settings).catalog_dict
    new_settings: Record = {"account_id": new_id} if new_id else {}
    output = run_tap(service, "tags", "account", catalog=catalog, **new_settings)
    assert_records_match_schemas(output)
    keys = {
        message["stream"]: message["key_properties"]
        for message in output.messages
        if message["type"] == "SCHEMA"
    }
    assert keys["tags"] == (["account_id", "tag_id"] if new_id else ["tag_id"])
    assert keys["account"] == ["account_id"]
    (row,) = output.records["account"]
    assert row["account_id"] == new_id or not new_id


def test_a_changed_account_id_writes_every_record_again(service: Service) -> None:
    first = run_tap(service, "segment_contacts", account_id="a")
    same = run_tap(service, "segment_contacts", account_id="a", state=first.state)
    other = run_tap(service, "segment_contacts", account_id="b", state=first.state)
    count = len(first.records["segment_contacts"])
    # The newest members are always written again.
    assert len(same.records["segment_contacts"]) < count
    assert len(other.records["segment_contacts"]) == count


@pytest.mark.parametrize("account_id", ["a", "A-b_9", "x" * 64])
def test_valid_account_ids_are_accepted(account_id: str) -> None:
    config = complete({"data_center": "sandbox", "account_id": account_id})
    assert not problems(config)
    assert account_name(config | {"client_id": "c"}) == account_id


@pytest.mark.parametrize(
    "account_id", ["", "x" * 65, "a b", "a\n", "é", "a/b", 7, "\u0661"]
)
def test_invalid_account_ids_are_rejected(account_id: object) -> None:
    (problem,) = problems(
        complete({"data_center": "sandbox", "account_id": account_id})
    )
    assert "`account_id` must be" in problem


def test_token_files_are_named_after_the_account_and_the_credentials(
    tmp_path: Path,
) -> None:
    config = {
        "client_id": "c",
        "client_secret": "s",
        "refresh_token": "r",
        "data_center": "us",
        "rate_limit_ledger": str(tmp_path / "calls"),
    }
    paths = set()
    for settings in (
        {},
        {"account_id": "a"},
        {"account_id": "a", "refresh_token": "q"},
    ):
        tokens = open_tokens(config | settings)
        assert isinstance(tokens, FileTokens)
        paths.add(tokens._path.name)  # noqa: SLF001 (the file name)
    assert len(paths) == 3
    assert sum("token-a-" in name for name in paths) == 2


def test_account_id_is_the_first_key_in_the_airbyte_catalog(service: Service) -> None:
    tap, catalog = tap_with_full_catalog(service, account_id="north")
    for entry in catalog["streams"]:
        stream = entry["stream"]
        assert stream["source_defined_primary_key"][0] == ["account_id"]
        assert next(iter(stream["json_schema"]["properties"])) == "account_id"
    assert read_catalog(catalog, tap)
    plain_tap, plain_catalog = tap_with_full_catalog(service)
    for other_tap, other_catalog in ((tap, plain_catalog), (plain_tap, catalog)):
        with pytest.raises(SettingError, match="another `account_id`"):
            read_catalog(other_catalog, other_tap)
