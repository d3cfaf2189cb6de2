"""Documentation, meltano.yml, settings, schemas and streams agree."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
import typing as t
from pathlib import Path

import pytest
import yaml

from scripts import docs
from tap_zohocampaigns import streams
from tap_zohocampaigns.api.codes import RULES
from tap_zohocampaigns.api.wire import counters
from tap_zohocampaigns.settings import tap as tap_settings
from tap_zohocampaigns.settings import target as target_settings
from tap_zohocampaigns.sync.schemas import load_schema
from tap_zohocampaigns.tap import TapZohoCampaigns
from tap_zohocampaigns.target.target import TargetZohoCampaigns

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = {path.name: path.read_text() for path in (ROOT / "docs").glob("*.md")}
MELTANO = yaml.safe_load((ROOT / "meltano.yml").read_text())


def own_settings(config_schema: dict[str, t.Any]) -> dict[str, dict[str, t.Any]]:
    """Return the schemas of the settings that are not the SDK's, by name."""
    return {
        name: schema
        for name, schema in config_schema["properties"].items()
        if not name.startswith(("stream_map", "faker", "flattening"))
    }


OWN_SETTINGS = {
    "tap-zohocampaigns": own_settings(tap_settings.SCHEMA),
    "target-zohocampaigns": own_settings(target_settings.SCHEMA),
}
PLUGINS = {
    plugin["name"]: plugin
    for kind in ("extractors", "loaders")
    for plugin in MELTANO["plugins"][kind]
}
SETTINGS = [
    (plugin, name) for plugin, schemas in OWN_SETTINGS.items() for name in schemas
]


def row_of(name: str, text: str) -> str:
    rows = [line for line in text.splitlines() if line.startswith(f"| `{name}` | ")]
    assert len(rows) == 1, name
    return rows[0]


@pytest.mark.parametrize(("plugin", "name"), SETTINGS)
def test_every_setting_is_in_its_table_with_default_and_bounds(
    plugin: str, name: str
) -> None:
    schema, page = OWN_SETTINGS[plugin][name], "settings.md"
    if OWN_SETTINGS["tap-zohocampaigns"].get(name) != schema:
        page = "target.md"
    elif plugin == "target-zohocampaigns":
        assert f"`{name}`" in PAGES["target.md"]
    row = row_of(name, PAGES[page])
    assert schema["description"] in row
    if "default" in schema:
        assert f"`{schema['default']}`".lower() in row.lower()
    for bound in ("minimum", "maximum"):
        if bound in schema:
            assert f"{schema[bound]:,}" in row


def test_settings_that_tap_and_target_share_are_equal() -> None:
    tap, target = OWN_SETTINGS.values()
    for name in tap.keys() & target.keys() - {"refresh_token"}:
        assert tap[name] == target[name]


@pytest.mark.parametrize(("plugin", "name"), SETTINGS)
def test_every_setting_is_in_meltano_yml(plugin: str, name: str) -> None:
    schema = OWN_SETTINGS[plugin][name]
    settings = {setting["name"]: setting for setting in PLUGINS[plugin]["settings"]}
    setting = settings[name]
    assert setting["label"]
    assert setting["description"] == schema["description"]
    assert setting.get("sensitive", False) is schema.get("secret", False)
    assert setting.get("value") == schema.get("default")
    kind = "options" if "enum" in schema else schema["type"][0]
    if schema.get("format") == "date-time":
        kind = "date_iso8601"
    assert setting["kind"] == kind
    options = [option["value"] for option in setting.get("options", ())]
    assert options == schema.get("enum", [])


@pytest.mark.parametrize("plugin_class", [TapZohoCampaigns, TargetZohoCampaigns])
def test_meltano_yml_lists_exactly_our_settings_and_capabilities(
    plugin_class: type[t.Any],
) -> None:
    plugin = PLUGINS[plugin_class.name]
    assert {setting["name"] for setting in plugin["settings"]} == OWN_SETTINGS[
        plugin_class.name
    ].keys()
    assert {*plugin["capabilities"]} == {*map(str, plugin_class.capabilities)}


def test_meltano_yml_deselects_streams_that_are_off_by_default() -> None:
    off_by_default = [
        stream.name for stream in streams.STREAMS if not stream.selected_by_default
    ]
    selected = MELTANO["plugins"]["extractors"][0]["select"]
    assert selected == ["*.*", *(f"!{name}.*" for name in off_by_default)]


def test_every_stream_has_a_schema_and_a_row_in_each_table() -> None:
    names = {stream.name for stream in streams.STREAMS}
    assert {path.stem for path in (ROOT / "schemas").glob("*.json")} == names
    for stream in streams.STREAMS:
        row = row_of(stream.name, PAGES["streams.md"])
        readme_row = row_of(stream.name, README)
        key: object = stream.replication_key
        if isinstance(key, str):
            assert f"`{key}`" in row
            assert f"`{key}`" in readme_row
        assert ("Off by default" in readme_row) is not stream.selected_by_default
        assert ", ".join(f"`{key}`" for key in stream.primary_keys) in row
        if stream.endpoint:
            assert stream.endpoint in row


@pytest.mark.parametrize("stream", streams.STREAMS, ids=lambda stream: stream.name)
def test_schemas_describe_every_field(stream: type[t.Any]) -> None:
    schema = load_schema(stream.name)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["additionalProperties"] is True
    assert schema["required"] == [*stream.primary_keys]
    for name, field in schema["properties"].items():
        assert field["description"].endswith("."), name
        assert ("null" in field["type"]) is (name not in schema["required"]), name
    if isinstance(stream.replication_key, str):
        assert stream.replication_key in schema["properties"]


def test_each_name_on_the_wire_belongs_to_one_field() -> None:
    for stream in streams.STREAMS:
        schema = load_schema(stream.name)
        names = [
            wire
            for name, field in schema["properties"].items()
            for wire in field.get("x-wire-names", [name])
        ] + schema.get("x-wire-redundant", [])
        assert len(names) == len({*names})


def test_schema_names_all_nine_actions() -> None:
    assert len({*counters.ACTIONS}) == 9
    text = json.dumps(load_schema("campaign_recipients"))
    assert all(action in text for action in counters.ACTIONS)


def test_readme_names_the_commands_scripts_and_extras() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    commands = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    assert "meltano run tap-zohocampaigns target-jsonl" in commands[0]
    assert "meltano run dbt:build report" in commands[1]
    assert "uv run --locked pytest" in commands[2]
    steps = (ROOT / ".ci/run").read_text().splitlines()
    # CI also runs the slow tests, which the README's command leaves out.
    for step in ("uv run --locked pytest", "uv run --locked pytest -m slow -n 3"):
        assert step in steps
    scripts = project["project"]["scripts"].keys()
    assert scripts == {*OWN_SETTINGS, "source-zohocampaigns"}
    assert all(f"`{name}`" in README or f"{name} " in README for name in scripts)
    extras = project["project"]["optional-dependencies"]
    assert all(f"tap-zohocampaigns[{name}]" in README for name in extras)


def test_generated_parts_of_the_docs_are_up_to_date() -> None:
    assert not docs.stale()


def test_docs_have_every_generated_block_once() -> None:
    text = "\n".join([README, *PAGES.values()])
    for name in docs.BLOCKS:
        assert text.count(f"<!-- generated: {name} -->") == 1
    assert text.count("<!-- generated: ") == len(docs.BLOCKS)
    assert text.count("<!-- end of generated -->") == len(docs.BLOCKS)


def test_docs_script_reports_and_rewrites_stale_pages(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    for name in ("README.md", ".env.example"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    monkeypatch.setattr(docs, "DOCS", tmp_path / "docs")
    assert docs.main(["--check"]) == 0
    page = tmp_path / "docs" / "error-codes.md"
    fresh = page.read_text()
    page.write_text(fresh.replace("`6303`", "`6304`"))
    (tmp_path / "docs" / "llms.txt").unlink()
    assert docs.main(["--check"]) == 1
    stderr = capsys.readouterr().err
    assert "docs/error-codes.md is stale" in stderr
    assert "docs/llms.txt is stale" in stderr
    assert docs.main([]) == 0
    assert page.read_text() == fresh
    assert docs.main(["--check"]) == 0


def test_every_code_of_the_rules_is_on_the_error_codes_page() -> None:
    rows = [row for row in PAGES["error-codes.md"].splitlines() if "| `" in row]
    for rule in RULES:
        for code in {*rule.codes.split()} - {"*"}:
            rows_of_code = [row for row in rows if row.startswith(f"| `{code}` | ")]
            assert rows_of_code, code
            assert (
                any(f"`{rule.endpoint}`" in row for row in rows_of_code)
                or not rule.endpoint
            )
            assert any(rule.check in row for row in rows_of_code)


def test_readme_links_to_every_page_and_no_link_is_broken() -> None:
    links = re.findall(r"\]\((?!https:)([^)#]+)\)", README)
    assert {f"docs/{name}" for name in PAGES} - {*links} == {"docs/index.md"}
    assert all((ROOT / link).is_file() for link in links)


def test_benchmarks_import_nothing_from_tests() -> None:
    for path in (ROOT / "benchmarks").glob("*.py"):
        assert "tests" not in re.findall(
            r"^\s*(?:from|import) (\w+)", path.read_text(), re.MULTILINE
        ), path
