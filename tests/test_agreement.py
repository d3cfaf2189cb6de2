"""Documentation, meltano.yml, settings, schemas and streams tell the same story."""

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


def ours(schema: dict[str, t.Any]) -> dict[str, dict[str, t.Any]]:
    """Return the settings that are not the SDK's."""
    return {
        name: about
        for name, about in schema["properties"].items()
        if not name.startswith(("stream_map", "faker", "flattening"))
    }


OURS = {
    "tap-zohocampaigns": ours(tap_settings.SCHEMA),
    "target-zohocampaigns": ours(target_settings.SCHEMA),
}
PLUGINS = {
    plugin["name"]: plugin
    for kind in ("extractors", "loaders")
    for plugin in MELTANO["plugins"][kind]
}
NAMES = [(plugin, name) for plugin, known in OURS.items() for name in known]


def row_of(name: str, text: str) -> str:
    rows = [line for line in text.splitlines() if line.startswith(f"| `{name}` | ")]
    assert len(rows) == 1, name
    return rows[0]


@pytest.mark.parametrize(("plugin", "name"), NAMES)
def test_every_setting_is_in_its_table_with_default_and_bounds(
    plugin: str, name: str
) -> None:
    about, page = OURS[plugin][name], "settings.md"
    if OURS["tap-zohocampaigns"].get(name) != about:
        page = "target.md"
    elif plugin == "target-zohocampaigns":
        assert f"`{name}`" in PAGES["target.md"]
    row = row_of(name, PAGES[page])
    assert about["description"] in row
    if "default" in about:
        assert f"`{about['default']}`".lower() in row.lower()
    for bound in ("minimum", "maximum"):
        if bound in about:
            assert f"{about[bound]:,}" in row


def test_settings_of_both_mean_the_same() -> None:
    tap, target = OURS.values()
    for name in tap.keys() & target.keys() - {"refresh_token"}:
        assert tap[name] == target[name]


@pytest.mark.parametrize(("plugin", "name"), NAMES)
def test_every_setting_is_in_meltano_yml(plugin: str, name: str) -> None:
    about = OURS[plugin][name]
    setting = {one["name"]: one for one in PLUGINS[plugin]["settings"]}[name]
    assert setting["label"]
    assert setting["description"] == about["description"]
    assert setting.get("sensitive", False) is about.get("secret", False)
    assert setting.get("value") == about.get("default")
    kind = "options" if "enum" in about else about["type"][0]
    if about.get("format") == "date-time":
        kind = "date_iso8601"
    assert setting["kind"] == kind
    options = [option["value"] for option in setting.get("options", ())]
    assert options == about.get("enum", [])


@pytest.mark.parametrize("singer", [TapZohoCampaigns, TargetZohoCampaigns])
def test_meltano_yml_has_no_setting_more_and_the_same_capabilities(
    singer: type[t.Any],
) -> None:
    plugin = PLUGINS[singer.name]
    assert {setting["name"] for setting in plugin["settings"]} == OURS[
        singer.name
    ].keys()
    assert {*plugin["capabilities"]} == {*map(str, singer.capabilities)}


def test_meltano_yml_leaves_out_what_is_off_by_default() -> None:
    costly = [each.name for each in streams.STREAMS if not each.selected_by_default]
    selected = MELTANO["plugins"]["extractors"][0]["select"]
    assert selected == ["*.*", *(f"!{name}.*" for name in costly)]


def test_every_stream_has_a_schema_and_a_row_in_each_table() -> None:
    names = {stream.name for stream in streams.STREAMS}
    assert {path.stem for path in (ROOT / "schemas").glob("*.json")} == names
    for stream in streams.STREAMS:
        row = row_of(stream.name, PAGES["streams.md"])
        short = row_of(stream.name, README)
        key: object = stream.replication_key
        if isinstance(key, str):
            assert f"`{key}`" in row
            assert f"`{key}`" in short
        assert ("Off by default" in short) is not stream.selected_by_default
        assert ", ".join(f"`{key}`" for key in stream.primary_keys) in row
        if stream.endpoint:
            assert stream.endpoint in row


@pytest.mark.parametrize("stream", streams.STREAMS, ids=lambda stream: stream.name)
def test_a_schema_is_a_data_dictionary(stream: type[t.Any]) -> None:
    schema = load_schema(stream.name)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["additionalProperties"] is True
    assert schema["required"] == [*stream.primary_keys]
    for name, about in schema["properties"].items():
        assert about["description"].endswith("."), name
        assert ("null" in about["type"]) is (name not in schema["required"]), name
    if isinstance(stream.replication_key, str):
        assert stream.replication_key in schema["properties"]


def test_no_name_on_the_wire_stands_for_two_fields() -> None:
    for stream in streams.STREAMS:
        schema = load_schema(stream.name)
        names = [
            wire
            for field, about in schema["properties"].items()
            for wire in about.get("x-wire-names", [field])
        ] + schema.get("x-wire-redundant", [])
        assert len(names) == len({*names})


def test_the_actions_are_those_of_zohos_page() -> None:
    assert len({*counters.ACTIONS}) == 9
    text = json.dumps(load_schema("campaign_recipients"))
    assert all(action in text for action in counters.ACTIONS)


def test_the_readme_names_the_commands_that_work() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    commands = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    assert "meltano run tap-zohocampaigns target-jsonl" in commands[0]
    assert "uv run --locked pytest" in commands[1]
    steps = (ROOT / ".ci/run").read_text().splitlines()
    # What the README's command leaves out is run too.
    for step in ("uv run --locked pytest", "uv run --locked pytest -m slow"):
        assert step in steps
    scripts = project["project"]["scripts"].keys()
    assert scripts == {*OURS, "source-zohocampaigns"}
    assert all(f"`{name}`" in README or f"{name} " in README for name in scripts)
    extras = project["project"]["optional-dependencies"]
    assert all(f"tap-zohocampaigns[{name}]" in README for name in extras)


def test_the_pages_have_no_stale_block() -> None:
    assert not docs.stale()


def test_every_generated_block_is_on_a_page() -> None:
    text = "\n".join([README, *PAGES.values()])
    for name in docs.BLOCKS:
        assert text.count(f"<!-- generated: {name} -->") == 1
    assert text.count("<!-- generated: ") == len(docs.BLOCKS)
    assert text.count("<!-- end of generated -->") == len(docs.BLOCKS)


def test_a_stale_page_is_named_and_written(
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
    told = capsys.readouterr().err
    assert "docs/error-codes.md is stale" in told
    assert "docs/llms.txt is stale" in told
    assert docs.main([]) == 0
    assert page.read_text() == fresh
    assert docs.main(["--check"]) == 0


def test_every_code_of_the_rules_is_in_the_table() -> None:
    rows = [row for row in PAGES["error-codes.md"].splitlines() if "| `" in row]
    for rule in RULES:
        for code in {*rule.codes.split()} - {"*"}:
            mine = [row for row in rows if row.startswith(f"| `{code}` | ")]
            assert mine, code
            assert any(f"`{rule.endpoint}`" in row for row in mine) or not rule.endpoint
            assert any(rule.check in row for row in mine)


def test_every_relative_link_of_the_readme_has_its_target() -> None:
    links = re.findall(r"\]\((?!https:)([^)#]+)\)", README)
    assert {f"docs/{name}" for name in PAGES} - {*links} == {"docs/index.md"}
    assert all((ROOT / link).is_file() for link in links)


def test_benchmarks_import_nothing_from_tests() -> None:
    for path in (ROOT / "benchmarks").glob("*.py"):
        assert "tests" not in re.findall(
            r"^\s*(?:from|import) (\w+)", path.read_text(), re.MULTILINE
        ), path
