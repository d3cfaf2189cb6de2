"""NEW."""

from __future__ import annotations

import json
import typing as t
from copy import deepcopy
from importlib import resources
from pathlib import Path

_INSTALLED = resources.files("tap_zohocampaigns") / "schemas"


_CHECKOUT = Path(__file__).parents[2] / "schemas"


def load_schema(name: str) -> dict[str, t.Any]:
    """Return the schema of a stream, with its annotations for the wire."""
    # An editable installation has the folder beside the package, a wheel within.
    folder = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    text = (folder / f"{name}.json").read_text(encoding="utf-8")
    return t.cast("dict[str, t.Any]", json.loads(text))


def published(schema: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return a schema as a warehouse sees it: without annotations for the wire."""
    schema = deepcopy(schema)
    for level in (schema, *schema["properties"].values()):
        for name in [name for name in level if name.startswith("x-wire-")]:
            del level[name]
    return schema
