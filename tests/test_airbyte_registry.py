"""The entry for a registry of Airbyte is up to date and keeps the rules."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
import typing as t
import uuid
from datetime import date
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import yaml

from scripts import airbyte
from scripts.hub import REPO, ROOT
from tap_zohocampaigns.airbyte.spec import make_spec
from tap_zohocampaigns.api.hosts import DATA_CENTERS
from tap_zohocampaigns.streams import STREAMS
from tests.support.image import UV

if t.TYPE_CHECKING:
    from pathlib import Path

# Airbyte's own schema is in this package of theirs.
MODELS = "airbyte-connector-models==0.1.12"
ENTRY = yaml.safe_load((airbyte.FOLDER / "metadata.yaml").read_text())
DATA = ENTRY["data"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# The rules of ConnectorMetadataDefinitionV0, for what the entry uses.
REQUIRED = {
    *("name", "definitionId", "connectorType", "connectorSubtype", "releaseStage"),
    *("dockerRepository", "dockerImageTag", "license", "documentationUrl"),
    "githubIssueLabel",
}
OPTIONAL = {
    *("icon", "connectorBuildOptions", "erdUrl", "releaseDate", "supportLevel", "tags"),
    *("maxSecondsBetweenMessages", "allowedHosts", "suggestedStreams"),
    *("registryOverrides", "remoteRegistries"),
}
VALUES = {
    "connectorType": {"source", "destination"},
    "connectorSubtype": {"api", "database", "datalake", "file", "custom"},
    "releaseStage": {"alpha", "beta", "generally_available", "custom"},
    "supportLevel": {"community", "certified", "archived"},
}


def test_the_files_are_up_to_date() -> None:
    for path, text in airbyte.build().items():
        assert path.read_text() == text, "run `python -m scripts.airbyte`"


def test_the_entry_keeps_the_rules_of_the_format() -> None:
    assert ENTRY.keys() == {"metadataSpecVersion", "data"}
    assert ENTRY["metadataSpecVersion"] == "1.0"
    assert REQUIRED <= DATA.keys() <= REQUIRED | OPTIONAL
    for name, values in VALUES.items():
        assert DATA[name] in values
    assert str(uuid.UUID(DATA["definitionId"])) == DATA["definitionId"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", DATA["dockerImageTag"])
    date.fromisoformat(DATA["releaseDate"])
    for name in ("documentationUrl", "erdUrl"):
        page = DATA[name].removeprefix(f"{REPO}/blob/main/")
        assert (ROOT / page).is_file()
    assert DATA["dockerRepository"].endswith(f"/{DATA['githubIssueLabel']}")
    assert "language:python" in DATA["tags"]
    for registry in DATA["registryOverrides"].values():
        assert registry.keys() == {"enabled"}
    assert isinstance(DATA["maxSecondsBetweenMessages"], int)


def test_the_icon_is_a_square_drawing() -> None:
    drawing = ET.fromstring((airbyte.FOLDER / DATA["icon"]).read_text())  # noqa: S314
    left, top, width, height = drawing.attrib["viewBox"].split()
    assert (left, top, width) == ("0", "0", height)


def test_the_entry_is_that_of_the_project() -> None:
    assert DATA["dockerImageTag"] == PROJECT["version"]
    assert DATA["license"] == PROJECT["license"]
    assert DATA["remoteRegistries"]["pypi"]["packageName"] == PROJECT["name"]
    assert DATA["githubIssueLabel"] in PROJECT["scripts"]
    (status,) = [each for each in PROJECT["classifiers"] if "Status" in each]
    assert status.lower().endswith(DATA["releaseStage"])


def test_the_entry_agrees_with_the_spec() -> None:
    form = make_spec().connectionSpecification
    assert DATA["name"] == form["title"]
    # The sandbox is no host: it is inside the source.
    centers = {*form["properties"]["data_center"]["enum"]} - {"sandbox"}
    assert centers == DATA_CENTERS.keys()
    urls = {f"https://{host}" for host in DATA["allowedHosts"]["hosts"]}
    assert urls == {url for center in centers for url in DATA_CENTERS[center]}
    off = {each.name for each in STREAMS if not each.selected_by_default}
    suggested = {*DATA["suggestedStreams"]["streams"]}
    assert suggested == {each.name for each in STREAMS} - off


def test_the_entry_names_the_image_that_the_dockerfile_starts_from() -> None:
    base = DATA["connectorBuildOptions"]["baseImage"]
    lines = (airbyte.FOLDER / "Dockerfile").read_text().splitlines()
    assert f"FROM {base}" in lines
    name, _, tag = base.partition(":")
    assert name
    assert tag
    assert tag != "latest"


@pytest.mark.slow
def test_the_entry_is_valid_by_airbytes_own_schema(tmp_path: Path) -> None:
    subprocess.run(
        [
            *(UV, "pip", "install", "--quiet", "--no-deps", "--target", tmp_path),
            *("--python", sys.executable, MODELS),
        ],
        check=True,
        timeout=300,
    )
    (path,) = tmp_path.rglob("ConnectorMetadataDefinitionV0.json")
    # Its parts were put into one file; their own names mislead the references in it.
    names = re.compile(r'"\$id": "[^"]*",?')
    rules = jsonschema.Draft7Validator(
        json.loads(names.sub("", path.read_text())),
        format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER,
    )
    rules.validate(ENTRY)
    # It would find a mistake.
    assert not rules.is_valid(ENTRY | {"data": DATA | {"releaseStage": "done"}})
