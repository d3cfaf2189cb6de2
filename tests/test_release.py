"""A release has one version everywhere, and a section in the changelog."""

from __future__ import annotations

import re
import tomllib
import typing as t
from datetime import date
from importlib.metadata import version
from itertools import pairwise

import pytest
import yaml

from scripts.hub import REPO, ROOT

if t.TYPE_CHECKING:
    from pathlib import Path

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
# Where a version is written by hand, in the form of a label or of a tag.
PLACES = [
    *sorted((ROOT / "packaging").glob("*/Dockerfile")),
    *(ROOT / "docs" / name for name in ("airbyte.md", "loaders.md")),
]
KINDS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]


def test_what_is_installed_has_the_version() -> None:
    assert version("tap-zohocampaigns") == VERSION
    lock = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    (ours,) = [each for each in lock if each["name"] == "tap-zohocampaigns"]
    assert ours["version"] == VERSION


@pytest.mark.parametrize("path", PLACES, ids=lambda path: str(path.relative_to(ROOT)))
def test_labels_and_tags_of_images_have_the_version(path: Path) -> None:
    found = re.findall(
        r"(?:image\.version=|airbyte\.version=|zohocampaigns(?:-meltano)?:)(\d[\w.]*)",
        path.read_text(),
    )
    assert {*found} == {VERSION}


def test_the_changelog_has_a_section_for_the_version() -> None:
    first, *released = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)
    assert first == "[Unreleased]"
    versions = []
    for heading in released:
        parts = re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", heading)
        assert parts, heading
        date.fromisoformat(parts[2])
        versions.append(parts[1])
    assert versions[0] == VERSION
    by_number = [[*map(int, each.split("."))] for each in versions]
    assert by_number == sorted(by_number, reverse=True)
    kinds = re.findall(r"^### (.*)$", CHANGELOG, re.MULTILINE)
    assert {*kinds} <= {*KINDS}


def test_the_changelog_links_each_version_to_what_it_changed() -> None:
    versions = re.findall(r"^## \[(\d[^]]*)\]", CHANGELOG, re.MULTILINE)
    expected = {"Unreleased": f"{REPO}/compare/v{versions[0]}...HEAD"}
    for new, old in pairwise(versions):
        expected[new] = f"{REPO}/compare/v{old}...v{new}"
    expected[versions[-1]] = f"{REPO}/releases/tag/v{versions[-1]}"
    links = re.findall(r"^\[([^]]+)\]: (\S+)$", CHANGELOG, re.MULTILINE)
    assert dict(links) == expected


def test_a_release_is_published_without_a_token() -> None:
    path = ROOT / ".github" / "workflows" / "release.yml"
    text = path.read_text()
    workflow = yaml.safe_load(text)
    # YAML reads the key `on` as true.
    assert workflow[True] == {"push": {"tags": ["v*"]}}
    assert workflow["permissions"] == {}
    build, publish = workflow["jobs"]["build"], workflow["jobs"]["publish"]
    # All tests come before, and the tag names the version that is built.
    commands = [step.get("run", "") for step in build["steps"]]
    tag, tests, built = (
        next(place for place, run in enumerate(commands) if text in run)
        for text in ("uv version --short", ".ci/run", "uv build")
    )
    assert tag < tests < built
    assert publish["needs"] == "build"
    assert publish["environment"] == "pypi"
    assert publish["permissions"] == {"id-token": "write"}
    last = publish["steps"][-1]
    assert last["uses"].startswith("pypa/gh-action-pypi-publish@")
    assert last["with"] == {"attestations": True}
    assert "secrets." not in text
    for job in (build, publish):
        for step in job["steps"]:
            if "uses" in step:
                assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"])


def test_the_docs_say_why_there_is_each_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    needed = {
        re.split(r"[><]", text)[0]
        for text in (
            *project["dependencies"],
            *(one for many in extras for one in many),
        )
    }
    text = (ROOT / "docs" / "architecture.md").read_text()
    section = text.partition("## Dependencies")[2].partition("## ")[0]
    assert {*re.findall(r"^\| `([\w-]+)` \| \w", section, re.MULTILINE)} == needed
