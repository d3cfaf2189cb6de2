"""Users install the wheel, not the checkout, so it must be complete."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tap_zohocampaigns.streams import STREAMS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
UV = str(Path(sys.executable).with_name("uv"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [UV, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT], check=True
    )
    return next(folder.glob("*.whl"))


def test_wheel_has_exactly_the_package_and_its_schemas(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    schemas = {name for name in names if name.endswith(".json")}
    assert schemas == {
        f"tap_zohocampaigns/schemas/{stream.name}.json" for stream in STREAMS
    }
    roots = {name.split("/")[0] for name in names}
    assert {root.split("-")[0] for root in roots} == {"tap_zohocampaigns"}
    assert not [name for name in names if "test" in name]


def test_installed_wheel_discovers_every_stream(wheel: Path, tmp_path: Path) -> None:
    environment = os.environ | {"VIRTUAL_ENV": str(tmp_path / "venv")}
    environment.pop("UV_PROJECT_ENVIRONMENT", None)
    subprocess.run(
        [UV, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv"],
        check=True,
        env=environment,
    )
    subprocess.run(
        [UV, "pip", "install", "--quiet", wheel], check=True, env=environment
    )
    version = subprocess.run(
        [tmp_path / "venv" / "bin" / "target-zohocampaigns", "--version"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert version.stdout.startswith("target-zohocampaigns v")
    done = subprocess.run(
        [tmp_path / "venv" / "bin" / "tap-zohocampaigns", "--discover"],
        check=True,
        capture_output=True,
        cwd=tmp_path,
    )
    entries = {
        entry["tap_stream_id"]: entry for entry in json.loads(done.stdout)["streams"]
    }
    assert entries.keys() == {stream.name for stream in STREAMS}
    for stream in STREAMS:
        assert entries[stream.name]["key_properties"] == [*stream.primary_keys]
