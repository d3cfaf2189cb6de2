"""What programs import when they start."""

from __future__ import annotations

import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from tap_zohocampaigns.commands.group import SUBCOMMANDS, TapGroup, tap_command
from tap_zohocampaigns.singer.start import Later
from tests.support.source import SOURCE
from tests.support.tap_command import TAP

TARGET = str(Path(sys.executable).with_name("target-zohocampaigns"))
# What runs without a sandbox, a terminal, a Redis or batches do not need.
UNUSED = {
    "cryptography",
    "fsspec",
    "joblib",
    "psutil",
    "redis",
    "rich",
    "tap_zohocampaigns.sandbox",
    "upath",
}
PARALLEL = """
from tap_zohocampaigns.singer.start import fast_imports
with fast_imports():
    from singer_sdk import target_base
with target_base.parallel_config(backend="threading", n_jobs=2):
    print(target_base.Parallel()(target_base.delayed(abs)(n) for n in (-1, -2)))
from joblib import Parallel
print(type(Parallel).__name__)
"""


def imported(*command: str) -> set[str]:
    """Run a command of Python; return the modules that it imports."""
    result = subprocess.run(
        [sys.executable, "-X", "importtime", *command],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return set(re.findall(r"^import time:.*\| +([\w.]+)$", result.stderr, re.MULTILINE))


@pytest.mark.parametrize(
    "command",
    [
        (TAP, "--discover"),
        (TAP, "doctor", "--help"),
        (TARGET, "--help"),
        (SOURCE, "spec"),
    ],
    ids=["tap", "doctor", "target", "source"],
)
def test_commands_import_only_what_they_need(command: tuple[str, ...]) -> None:
    modules = imported(*command)
    assert "singer_sdk.tap_base" in modules
    assert not UNUSED & modules


def test_help_of_the_tap_imports_no_subcommand() -> None:
    modules = imported(TAP, "--help")
    assert "singer_sdk.tap_base" in modules
    assert not {command.module for command in SUBCOMMANDS.values()} & modules


def test_sdk_can_use_what_is_imported_later() -> None:
    result = subprocess.run(
        [sys.executable, "-c", PARALLEL], capture_output=True, text=True, check=True
    )
    assert result.stdout.split("\n") == ["[1, 2]", "type", ""]


def test_module_is_imported_when_it_is_called() -> None:
    assert Later("colorsys").rgb_to_hls(0, 0, 0) == (0, 0, 0)


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_help_of_a_subcommand_is_its_own(name: str) -> None:
    group = t.cast("TapGroup", tap_command())
    command = group.get_command(group.make_context("tap", []), name)
    assert command
    assert SUBCOMMANDS[name].short_help == command.get_short_help_str(1_000)
