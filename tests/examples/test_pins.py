"""The versions that the examples pin: one of each package, and the project's own."""

from __future__ import annotations

import re
import tomllib
import typing as t

import pytest

from tests.support.taps import ROOT

if t.TYPE_CHECKING:
    from pathlib import Path

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
LOCKED = {each["name"]: each.get("version") for each in LOCK}
PACKAGES = r"\b([a-z][a-z-]*)(?:\[[a-z0-9,]+\])?==([\w.]+)"
KINDS = {".env", ".example", ".md", ".py", ".txt", ".yaml", ".yml", ""}
# What readers and their schedulers make in a copy of an example.
MADE = {".venv", ".meltano", "__pycache__", "output"}


def files() -> list[Path]:
    """Return the files that say what is installed."""
    examples = [
        path
        for path in (ROOT / "examples").rglob("*")
        if path.is_file() and path.suffix in KINDS and not MADE & {*path.parts}
    ]
    return sorted(
        [
            *examples,
            *(ROOT / "docs").glob("*.md"),
            *(ROOT / "packaging").glob("*/Dockerfile"),
            *(ROOT / ".github" / "workflows").glob("*.yml"),
            *(ROOT / "tests" / "examples").glob("*.py"),
        ]
    )


def found(pattern: str) -> dict[str, dict[str, list[str]]]:
    """Return what a pattern of name and version finds: name -> version -> files."""
    names: dict[str, dict[str, list[str]]] = {}
    for path in files():
        for name, version in re.findall(pattern, path.read_text(), re.MULTILINE):
            places = names.setdefault(name, {}).setdefault(version, [])
            places.append(str(path.relative_to(ROOT)))
    return names


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        # Packages; images, also those that are built on; actions; Meltano itself.
        (
            PACKAGES,
            {"tap-zohocampaigns", "meltano", "uv", "meltanolabs-target-postgres"},
        ),
        (r"^(?:FROM|\s+image:) (?:\S+/)?([a-z-]+):(\S+)", {"python", "postgres"}),
        (r"uses: ([\w./-]+)@(.*)$", {"actions/checkout"}),
        (r"^(requires_meltano): (\S+)", {"requires_meltano"}),
    ],
    ids=["packages", "images", "actions", "meltano"],
)
def test_all_files_name_the_same_version(pattern: str, names: set[str]) -> None:
    versions = found(pattern)
    assert names <= versions.keys()
    assert {n: each for n, each in versions.items() if len(each) > 1} == {}


def test_packages_have_the_versions_of_the_project_and_of_its_lock() -> None:
    pinned = found(PACKAGES)
    assert [*pinned["tap-zohocampaigns"]] == [PROJECT["version"]]
    known = {name: {*each} for name, each in pinned.items() if name in LOCKED}
    assert known == {name: {LOCKED[name]} for name in known}
    assert {"meltano", "uv"} <= known.keys()


def test_tags_of_our_images_are_the_version() -> None:
    tags = found(r"\b(zoho-campaigns):(\d[\w.]*)")["zoho-campaigns"]
    assert [*tags] == [PROJECT["version"]]


def test_what_an_example_installs_is_pinned() -> None:
    loose = found(r"((?:meltano|tap-zohocampaigns)\[[a-z0-9,]+\])(?!==)(.{0,9})")
    in_examples = [
        place
        for each in loose.values()
        for places in each.values()
        for place in places
        if place.startswith("examples")
    ]
    assert in_examples == []
