"""The shape of an answer: names, types, nesting and formats, without any value.

The shape of a place is an object. It has a key for each type that was seen there:

* `null`, `boolean`, `integer`, `number`, `text`: an object of patterns (see
  `patterns`). A word that the tap knows is kept, in quotation marks.
* `array`, `java list`, `json list`: `count` (classes of lengths: `0`, `1`, `many`) and
  `items`, the merged shape of all elements.
* `object`, `java map`, `json map`: `names`, the shapes of the names that the tap knows;
  `sometimes`, those that not every object has; `others`, the other names by their
  patterns.

Custom fields, addresses and keys can be names of an answer, too. So only a name that
the tap knows is kept. A field that Zoho has added can't be told from a custom field, so
it is shown as a pattern as well.

Where something is not known to this version, its object has `new`.
"""

from __future__ import annotations

import json
import re
import typing as t
from collections import Counter
from dataclasses import dataclass, field

from tap_zohocampaigns.api.wire import java_text, patterns
from tap_zohocampaigns.api.wire.types import is_nothing

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.wire.known import Known
    from tap_zohocampaigns.api.wire.types import Json, Row

_MOST_PATTERNS = 30
_MORE = "more"
MAX_DEPTH = 40
_CUSTOM_FIELD = "custom field"
_NUMBER_OF_CODE = re.compile(r"[0-9]{1,6}")


class _Place(t.NamedTuple):
    """Where a value stands in an answer."""

    known: Known
    name: str = ""
    """The name of the field, or of the list that has the value."""
    depth: int = 0
    is_head: bool = False
    """Whether code and message of the answer are here."""
    is_new: bool = False
    """Whether the place is below a new one, and is not marked as well."""

    def below(self, name: str, *, is_head: bool = False) -> _Place:
        """Return the place of an element, or of a field."""
        return _Place(self.known, name, self.depth + 1, is_head, self.is_new)


class Shape:
    """What was seen at one place of an answer."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self._patterns: dict[str, dict[str, bool]] = {}
        self._lists: dict[str, _List] = {}
        self._maps: dict[str, _Map] = {}

    def add(self, value: Json, place: _Place) -> None:
        """Add a value that was seen at this place."""
        is_new = not (place.is_new or place.known.fits(place.name, value))
        if place.depth > MAX_DEPTH:
            self._note("deeper", "deeper", is_new=True)
        elif isinstance(value, dict):
            self._add_map("object", value, place, is_new=is_new)
        elif isinstance(value, list):
            self._add_list("array", value, place, is_new=is_new)
        elif isinstance(value, str):
            self._add_text(value, place, is_new=is_new)
        elif value is None:
            self._note("null", "null", is_new=is_new)
        elif isinstance(value, bool):
            self._note("boolean", "true/false", is_new=is_new)
        else:
            kind = "integer" if isinstance(value, int) else "number"
            self._note(kind, patterns.of_number(value), is_new=is_new)

    def add_code(self, value: Json, place: _Place) -> None:
        """Add the code of an answer, which is kept if it looks like one."""
        if isinstance(value, bool) or not isinstance(value, str | int):
            self.add(value, place)
            return
        code = str(value).strip()
        kind = "text" if isinstance(value, str) else "integer"
        shown = shown_code(code, place.known)
        pattern = json.dumps(shown) if shown == code else shown
        self._note(kind, pattern, is_new=not place.known.knows_code(code))

    def _note(self, kind: str, pattern: str, *, is_new: bool) -> None:
        noted = self._patterns.setdefault(kind, {})
        if pattern not in noted and len(noted) >= _MOST_PATTERNS:
            pattern = _MORE
        noted[pattern] = noted.get(pattern, False) or is_new

    def _add_text(self, text: str, place: _Place, *, is_new: bool) -> None:
        kind, inner = _nested(text.strip())
        words = place.known.words.get(place.name)
        if isinstance(inner, dict):
            self._add_map(kind, inner, place, is_new=is_new)
        elif isinstance(inner, list):
            self._add_list(kind, inner, place, is_new=is_new)
        elif words and text in words:
            self._note("text", json.dumps(text), is_new=is_new)
        else:
            is_new |= bool(words and not (place.is_new or is_nothing(text)))
            self._note("text", patterns.of_text(text), is_new=is_new)

    def _add_list(
        self, kind: str, values: list[Json], place: _Place, *, is_new: bool
    ) -> None:
        noted = self._lists.setdefault(kind, _List())
        noted.counts.add(_class_of(len(values)))
        noted.is_new |= is_new
        for value in values:
            noted.items.add(value, place.below(place.name))

    def _add_map(self, kind: str, row: Row, place: _Place, *, is_new: bool) -> None:
        noted = self._maps.setdefault(kind, _Map())
        noted.seen += 1
        noted.is_new |= is_new
        others: Counter[str] = Counter()
        for name, value in row.items():
            if name not in place.known.names:
                pattern = noted.add_other(name, value, place)
                others[pattern] += 1
                continue
            noted.has[name] += 1
            shape = noted.names.setdefault(name, Shape())
            below = place.below(name, is_head=place.is_head and name == "response")
            if place.is_head and name.casefold() == "code":
                shape.add_code(value, below)
            else:
                shape.add(value, below)
        for pattern, number in others.items():
            noted.others[pattern].counts.add(_class_of(number))

    def as_json(self) -> Row:
        """Return the shape as an object of JSON."""
        shape: Row = {
            kind: {pattern: _mark(is_new=is_new) for pattern, is_new in seen.items()}
            for kind, seen in self._patterns.items()
        }
        shape |= {kind: noted.as_json() for kind, noted in self._lists.items()}
        shape |= {kind: noted.as_json() for kind, noted in self._maps.items()}
        return shape


@dataclass
class _List:
    """The lists that were seen at one place."""

    counts: set[str] = field(default_factory=set)
    items: Shape = field(default_factory=Shape)
    is_new: bool = False

    def as_json(self) -> Row:
        return {
            **_mark(is_new=self.is_new),
            "count": sorted(self.counts),
            "items": self.items.as_json(),
        }


@dataclass
class _Other:
    """The fields of one place whose names have the same pattern."""

    counts: set[str] = field(default_factory=set)
    value: Shape = field(default_factory=Shape)
    is_new: bool = False

    def as_json(self) -> Row:
        return {
            **_mark(is_new=self.is_new),
            "count": sorted(self.counts),
            "value": self.value.as_json(),
        }


@dataclass
class _Map:
    """The objects that were seen at one place."""

    seen: int = 0
    has: Counter[str] = field(default_factory=Counter)
    names: dict[str, Shape] = field(default_factory=dict)
    others: dict[str, _Other] = field(default_factory=dict)
    is_new: bool = False

    def add_other(self, name: str, value: Json, place: _Place) -> str:
        """Add a field whose name is not kept; return the pattern of the name."""
        is_map = place.name in place.known.maps
        is_label = not is_map and name.casefold() in place.known.labels
        pattern = _CUSTOM_FIELD if is_label else patterns.of_name(name)
        if pattern not in self.others and len(self.others) >= _MOST_PATTERNS:
            pattern = _MORE
        other = self.others.setdefault(pattern, _Other())
        is_new = not (is_label or is_map or place.is_new)
        other.is_new |= is_new
        # The value of an unknown name is not expected to be of any type.
        below = place.below("")
        other.value.add(value, below._replace(is_new=below.is_new or is_new))
        return pattern

    def as_json(self) -> Row:
        fields: Row = {
            **_mark(is_new=self.is_new),
            "names": {name: shape.as_json() for name, shape in self.names.items()},
        }
        if missing := {name for name in self.names if self.has[name] < self.seen}:
            fields["sometimes"] = sorted(missing)
        if self.others:
            fields["others"] = {
                pattern: other.as_json() for pattern, other in self.others.items()
            }
        return fields


def shown_code(code: str, known: Known) -> str:
    """Return a code if it looks like one of Zoho, else its pattern."""
    is_kept = _NUMBER_OF_CODE.fullmatch(code) or code in known.code_words
    return code if is_kept else patterns.of_text(code)


def shape_of(body: Json, known: Known) -> Row:
    """Return the shape of an answer, without any of its values.

    Args:
        body: The answer, as JSON or XML has it.
        known: What this version has seen of the endpoint.
    """
    shape = Shape()
    shape.add(body, _Place(known, is_head=True))
    return shape.as_json()


def _mark(*, is_new: bool) -> Row:
    return {"new": True} if is_new else {}


def _class_of(number: int) -> str:
    return str(number) if number <= 1 else "many"


def _nested(text: str) -> tuple[str, Json]:
    """Return the map or list that a text holds; None if it holds none."""
    ends = text[:1] + text[-1:]
    if ends not in {"{}", "[]"}:
        return "", None
    if '"' in text:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return "", None
        return ("json map" if isinstance(value, dict) else "json list"), value
    if ends == "[]":
        return "java list", java_text.parse_list(text)
    values = java_text.parse_map(text)
    # Else it is a text in braces.
    return "java map", values if values or not text[1:-1].strip() else None
