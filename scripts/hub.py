"""Write the entries for Meltano Hub from `meltano.yml`.

    uv run --locked python -m scripts.hub

writes packaging/meltano-hub/. A test checks that they are up to date, and keep the
rules of the Hub's schema: https://github.com/meltano/hub/tree/main/schemas.
"""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "packaging" / "meltano-hub"
VARIANT = "tap-zohocampaigns"
REPO = "https://github.com/tap-zohocampaigns/tap-zohocampaigns"
_LOGO = f"{REPO}/raw/main/packaging/logo.svg"
_TEXTS: t.Final = {
    "extractors": {
        "label": "Zoho Campaigns",
        "description": (
            "Mailing lists, segments, campaigns, reports and recipients of Zoho "
            "Campaigns."
        ),
        "keywords": ["api", "email-marketing", "meltano_sdk", "zoho", "campaigns"],
        "usage": (
            "## Get a refresh token\n\n"
            "`tap-zohocampaigns login` gets one for a self client, a server-based or a "
            "non-browser client.\n\n"
            "## When a run fails\n\n"
            "`tap-zohocampaigns doctor` checks everything that a sync needs, and "
            "`tap-zohocampaigns plan` says how many calls one would cost."
        ),
    },
    "loaders": {
        "label": "Zoho Campaigns",
        "description": (
            "Subscribes, unsubscribes and blocks the contacts that a warehouse names."
        ),
        "keywords": ["api", "email-marketing", "meltano_sdk", "zoho", "reverse-etl"],
        "usage": (
            "## Dry runs\n\n"
            "The target makes dry runs until `dry_run` is false. The log says how many "
            "records would be sent.\n\n"
            "## Scopes\n\n"
            "`tap-zohocampaigns login --target` asks for the scopes of the target."
        ),
    },
}


def entries() -> dict[str, dict[str, t.Any]]:
    """Return the entries: path below the folder -> content."""
    meltano = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    found = {}
    for kind, texts in _TEXTS.items():
        (plugin,) = [
            plugin
            for plugin in meltano["plugins"][kind]
            if plugin["name"].endswith("-zohocampaigns")
        ]
        path = f"{kind}/{plugin['name']}/{VARIANT}.yml"
        found[path] = _entry(plugin, texts)
    return found


def _entry(plugin: dict[str, t.Any], texts: dict[str, t.Any]) -> dict[str, t.Any]:
    entry = {
        "name": plugin["name"],
        "variant": VARIANT,
        "namespace": plugin["namespace"],
        "pip_url": "tap-zohocampaigns",
        "executable": plugin["executable"],
        "repo": REPO,
        "docs": f"{REPO}/tree/main/docs",
        "domain_url": "https://www.zoho.com/campaigns/",
        "logo_url": _LOGO,
        "maintenance_status": "active",
        **texts,
        "capabilities": plugin["capabilities"],
        "settings_group_validation": plugin["settings_group_validation"],
        "settings": [_setting(setting) for setting in plugin["settings"]],
    }
    if "select" in plugin:
        entry["select"] = plugin["select"]
    return entry


def _setting(setting: dict[str, t.Any]) -> dict[str, t.Any]:
    setting = dict(setting)
    if setting.pop("sensitive", False):
        setting["kind"] = "password"
    return setting


def build() -> dict[Path, str]:
    """Return the text of each entry."""
    return {
        FOLDER / path: yaml.safe_dump(
            entry, sort_keys=False, allow_unicode=True, width=100
        )
        for path, entry in entries().items()
    }


def main() -> int:
    """Write the entries; return the exit status."""
    for path, text in build().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
