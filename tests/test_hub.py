"""The entries for Meltano Hub are up to date and valid."""

from __future__ import annotations

import typing as t

import pytest

from scripts import hub

# The part of the Hub's schemas that the entries use.
KEYS = {
    *("name", "variant", "namespace", "label", "description", "pip_url", "executable"),
    *("repo", "docs", "domain_url", "logo_url", "maintenance_status", "keywords"),
    *("usage", "capabilities", "settings_group_validation", "settings", "select"),
}
REQUIRED = {"name", "variant", "namespace", "label"}
KINDS = {
    *("password", "date_iso8601", "integer", "options", "object", "array", "boolean"),
    "string",
}
SETTING_KEYS = {"name", "label", "value", "kind", "description", "options"}
CAPABILITIES = {
    *("catalog", "discover", "state", "about", "stream-maps", "schema-flattening"),
    *("activate-version", "batch", "structured-logging", "target-schema"),
    *("hard-delete", "soft-delete", "datatype-failsafe", "record-flattening"),
    "validate-records",
}
ENTRIES = hub.entries()


def test_entries_are_up_to_date() -> None:
    for path, text in hub.build().items():
        assert path.read_text(encoding="utf-8") == text, "run `python -m scripts.hub`"


@pytest.mark.parametrize("path", ENTRIES)
def test_entries_are_valid(path: str) -> None:
    entry = ENTRIES[path]
    assert REQUIRED <= entry.keys() <= KEYS
    assert {*entry["capabilities"]} <= CAPABILITIES
    names = {setting["name"] for setting in entry["settings"]}
    for setting in entry["settings"]:
        assert setting.keys() <= SETTING_KEYS, setting["name"]
        assert setting["kind"] in KINDS
        for option in setting.get("options", ()):
            assert isinstance(option["value"], str)
    for group in entry["settings_group_validation"]:
        assert {*group} <= names
    assert (hub.ROOT / "packaging" / "logo.svg").is_file()


@pytest.mark.parametrize("path", ENTRIES)
def test_secrets_are_password_fields(path: str) -> None:
    kinds: dict[str, t.Any] = {s["name"]: s["kind"] for s in ENTRIES[path]["settings"]}
    secrets = {"client_secret", "refresh_token", "auth_token", "rate_limit_ledger"}
    # Only the target has it.
    secrets |= {"sent_ledger"} & kinds.keys()
    assert secrets == {name for name, kind in kinds.items() if kind == "password"}
