"""The SDK's own test suite, run with the sandbox in both formats."""

from __future__ import annotations

import typing as t

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from tap_zohocampaigns.tap import TapZohoCampaigns

# The suite warns about fields without values: XML has fewer fields than JSON, and
# fields may be empty.
pytestmark = pytest.mark.filterwarnings("ignore:Fields in transformed catalog")

CONFIG = {"data_center": "sandbox", "actions": ["spamcontacts", "clickedcontacts"]}


def whole_catalog() -> dict[str, t.Any]:
    """Return a catalog that selects all streams, also those that are off by default."""
    catalog = TapZohoCampaigns(config=CONFIG).catalog_dict
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = True
    return catalog


def suite(format_: str) -> type[t.Any]:
    return get_tap_test_class(
        TapZohoCampaigns,
        config=CONFIG | {"response_format": format_},
        suite_config=SuiteConfig(max_records_limit=None),
        catalog=whole_catalog(),
        # Otherwise the suite would read settings from the developer's environment.
        parse_env_config=False,
    )


TestJson = suite("json")
TestXml = pytest.mark.slow(suite("xml"))
