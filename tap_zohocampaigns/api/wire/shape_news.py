"""What is new in an answer, or in its shape."""

from __future__ import annotations

import re
import typing as t

from tap_zohocampaigns.api.wire import patterns
from tap_zohocampaigns.api.wire.shape_report import MAX_DEPTH

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_zohocampaigns.api.wire.known import Known
    from tap_zohocampaigns.api.wire.types import Json

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,47}")


def news(shape: Json, place: str = "") -> Iterator[str]:
    """Yield the place of each mark `new` in a shape, or in any part of a report."""
    if not isinstance(shape, dict):
        return
    if shape.get("new") is True:
        yield place
    for name, part in shape.items():
        yield from news(part, f"{place}.{name}" if place else name)


def unknown_names(
    value: Json, known: Known, name: str = "", depth: int = 0
) -> Iterator[str]:
    """Yield the names in an answer that look like fields and are not known.

    They may be custom fields, so a report has only their patterns.

    Args:
        value: The answer, or a part of it.
        known: What this version has seen of the endpoint.
        name: The name of the part.
        depth: How deep the part is.
    """
    if depth > MAX_DEPTH:
        return
    if isinstance(value, list):
        for item in value:
            yield from unknown_names(item, known, name, depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in known.names:
                yield from unknown_names(item, known, key, depth + 1)
            elif not (name in known.maps or key.casefold() in known.labels):
                is_text = patterns.of_text(key).startswith("text(")
                if is_text and _IDENTIFIER.fullmatch(key):
                    yield key
                yield from unknown_names(item, known, "", depth + 1)
