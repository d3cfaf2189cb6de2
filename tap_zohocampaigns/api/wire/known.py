"""What this version has seen of the answers of an endpoint."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from tap_zohocampaigns.api.wire.casts import MISFITS
from tap_zohocampaigns.api.wire.types import is_nothing

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_zohocampaigns.api.wire.casts import Cast
    from tap_zohocampaigns.api.wire.types import Json


@dataclass(frozen=True)
class Known:
    """What this version has seen of the answers of an endpoint."""

    names: frozenset[str] = frozenset()
    """Names of fields, which are kept."""
    maps: frozenset[str] = frozenset()
    """Names of objects whose own names are data, such as countries."""
    labels: frozenset[str] = frozenset()
    """Labels of custom fields in small letters."""
    words: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Name -> the values that it can have, which are kept."""
    casts: Mapping[str, tuple[Cast, ...]] = field(default_factory=dict)
    """Name -> the casts of which one must accept each value."""
    knows_code: Callable[[str], bool] = lambda _: False
    """Returns whether the table of codes has a code for this endpoint."""
    code_words: frozenset[str] = frozenset()
    """Codes with letters that the table has."""

    def fits(self, name: str, value: Json) -> bool:
        """Return whether a value is of the type that its field has."""
        if name not in self.casts or is_nothing(value):
            return True
        return any(_accepts(cast, value) for cast in self.casts[name])


def _accepts(cast: Cast, value: Json) -> bool:
    try:
        cast(value)
    except MISFITS:
        return False
    return True
