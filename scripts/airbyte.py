"""Write the entry for a registry of Airbyte connectors, and its icon.

    uv run --locked python -m scripts.airbyte

writes packaging/airbyte/metadata.yaml and icon.svg from the project, its streams and
its hosts. A test checks that they are up to date, and keep the rules of Airbyte's
format: https://docs.airbyte.com/connector-development/connector-metadata-file.
"""

from __future__ import annotations

import re
import sys
import tomllib
import typing as t
from urllib.parse import urlsplit

import yaml

from scripts.hub import REPO, ROOT
from tap_zohocampaigns.airbyte.spec import make_spec
from tap_zohocampaigns.api.hosts import DATA_CENTERS
from tap_zohocampaigns.settings import tap as tap_settings
from tap_zohocampaigns.streams import STREAMS

if t.TYPE_CHECKING:
    from pathlib import Path

FOLDER = ROOT / "packaging" / "airbyte"
NAME = "source-zohocampaigns"
# It stands for the connector on every platform, so it never changes.
DEFINITION_ID = "9923d1b5-bfd5-43e6-88fa-8e002a5ac789"
# Between two messages, the source may rest at a lock and then try one call again.
_WAITS = ("rate_limit_lock_seconds", "retry_max_seconds", "request_timeout")


def metadata() -> dict[str, t.Any]:
    """Return the entry, in the form of ConnectorMetadataDefinitionV0."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    settings = tap_settings.SCHEMA["properties"]
    data = {
        "name": make_spec().connectionSpecification["title"],
        "definitionId": DEFINITION_ID,
        "connectorType": "source",
        "connectorSubtype": "api",
        "dockerRepository": f"{project['name']}/{NAME}",
        "dockerImageTag": project["version"],
        "connectorBuildOptions": {"baseImage": base_image()},
        "documentationUrl": f"{REPO}/blob/main/docs/airbyte.md",
        "erdUrl": f"{REPO}/blob/main/docs/erd.md",
        "githubIssueLabel": NAME,
        "icon": "icon.svg",
        "license": project["license"],
        "releaseDate": "2026-12-01",
        "releaseStage": "beta",
        "supportLevel": "community",
        "tags": ["language:python"],
        "maxSecondsBetweenMessages": sum(settings[name]["default"] for name in _WAITS),
        "allowedHosts": {"hosts": allowed_hosts()},
        "suggestedStreams": {
            "streams": [each.name for each in STREAMS if each.selected_by_default]
        },
        "registryOverrides": {"oss": {"enabled": True}, "cloud": {"enabled": False}},
        "remoteRegistries": {"pypi": {"enabled": True, "packageName": project["name"]}},
    }
    return {"metadataSpecVersion": "1.0", "data": data}


def allowed_hosts() -> list[str]:
    """Return the hosts that the source may call: two of each data center."""
    urls = [url for hosts in DATA_CENTERS.values() for url in hosts]
    return [str(urlsplit(url).hostname) for url in urls]


def base_image() -> str:
    """Return the image that the Dockerfile for the platform ends with."""
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    *_, last = re.finditer(r"^FROM (\S+)", text, re.MULTILINE)
    return last[1]


def build() -> dict[Path, str]:
    """Return the text of each file."""
    return {
        FOLDER / "metadata.yaml": yaml.safe_dump(metadata(), sort_keys=False),
        # The registry looks for it beside the entry.
        FOLDER / "icon.svg": (FOLDER.parent / "logo.svg").read_text(encoding="utf-8"),
    }


def main() -> int:
    """Write the files; return the exit status."""
    for path, text in build().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
