"""Answers made up from a shape report: right in form, with values of their own."""

from __future__ import annotations

import json
import re
import threading
import typing as t
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import escape, quoteattr

from tap_zohocampaigns.api.codes import RULES, Action
from tap_zohocampaigns.api.endpoints import READS
from tap_zohocampaigns.api.wire import java_text
from tap_zohocampaigns.sandbox import Reply

if t.TYPE_CHECKING:
    from tap_zohocampaigns.sandbox import Call

    Shape: t.TypeAlias = dict[str, t.Any]

_BEGIN = datetime(2025, 6, 2, 10, 20, 30, tzinfo=UTC)
_EPOCH_DIGITS = 13
# So many elements stand for each class of counts.
MANY = 3
_COUNTS = {"0": 0, "1": 1, "many": MANY}
_LISTS = ("array", "java list", "json list")
_MAPS = ("object", "java map", "json map")
_ELEMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_TOTALS = ("total_list_count", "total_record_count")
_WITH_LENGTH = re.compile(r"([^()]+)\((>?[0-9]+)(?:-[0-9]+)?\)")
_DIGITS = re.compile(r"digits\((>?[0-9]+)\)")
_OF_TIMES = re.compile(
    "yyyy|MM|Month|MONTH|month|Mon|MON|mon|Day|dd?|hh?|mm|ss|f+|A\\.?M\\.?|a\\.?m\\.?"
    "|<U\\+([0-9A-F]+)>|9+"
)


class ShapeAnswers:
    """Answers calls as the account of a report would."""

    def __init__(self, report: Shape) -> None:
        self._entries = report["endpoints"]
        self._number = 0
        self._params: dict[str, str] = {}
        # The service answers streams that are read side by side.
        self._answering = threading.Lock()
        fields = _rows("contact/allfields", self.body("contact/allfields")) or []
        self._labels = [str(field["DISPLAY_NAME"]).lower() for field in fields]

    def __call__(self, call: Call) -> Reply:
        """Return the reply to a call, with the page that it asks for."""
        with self._answering:
            return self._answer(call)

    def _answer(self, call: Call) -> Reply:
        entry = self._entries.get(call.endpoint, {})
        self._params = {**call.params, **_details(call.params)}
        body = self.body(call.endpoint)
        rows = _rows(call.endpoint, body)
        first = self._first()
        if body is None or (rows is not None and first and first >= len(rows)):
            return _encoded(_none(call.endpoint), entry.get("format", "json"))
        if rows is not None:
            size = int(self._params.get("range") or self._params.get("limit") or MANY)
            rows[:] = rows[first : first + size]
        return _encoded(body, entry["format"])

    def _first(self) -> int:
        if page := self._params.get("page"):
            return (int(page) - 1) * int(self._params["limit"])
        if start := self._params.get("from_index"):
            return int(start)
        return int(self._params.get("fromindex", "1")) - 1

    def count(self, endpoint: str) -> int:
        """Return how many rows an endpoint has."""
        return len(_rows(endpoint, self.body(endpoint)) or [])

    def body(self, endpoint: str) -> t.Any:
        """Return all that an endpoint has; None if the report has no shape of it."""
        self._number = 0
        shape = self._entries.get(endpoint, {}).get("body")
        return None if shape is None else self._value(shape, "", 0)

    def _value(self, shape: Shape, name: str, row: int) -> t.Any:
        """Make up a value; rows of a list take turns with what was seen."""
        for kind in _LISTS:
            if kind in shape:
                return self._list(kind, shape[kind], name)
        maps = [kind for kind in _MAPS if kind in shape]
        kinds = [(kind, "") for kind in maps] + [
            (kind, pattern)
            for kind in ("integer", "number", "text", "boolean", "null")
            for pattern in shape.get(kind, ())
        ]
        if not kinds:
            return None
        kind, pattern = kinds[row % len(kinds)]
        if kind in maps:
            return self._map(kind, shape[kind], row)
        return self._scalar(kind, pattern, name)

    def _list(self, kind: str, shape: Shape, name: str) -> t.Any:
        length = max(_COUNTS[count] for count in shape["count"])
        values = [self._value(shape["items"], name, row) for row in range(length)]
        if kind == "java list":
            return f"[{', '.join(map(str, values))}]"
        return json.dumps(values) if kind == "json list" else values

    def _map(self, kind: str, shape: Shape, row: int) -> t.Any:
        missing = shape.get("sometimes", ()) if row % 2 else ()
        values = {
            name: self._value(inner, name, row)
            for name, inner in shape["names"].items()
            if name not in missing
        }
        for pattern, other in shape.get("others", {}).items():
            length = max(_COUNTS[count] for count in other["count"])
            for number in range(length):
                is_label = pattern == "custom field"
                name = self._label(number) if is_label else self._text(pattern)
                values[name] = self._value(other["value"], "", row)
        if kind == "java map":
            pairs = ", ".join(f"{name}={value}" for name, value in values.items())
            return f"{{{pairs}}}"
        return json.dumps(values) if kind == "json map" else values

    def _label(self, number: int) -> str:
        """Return the label of a custom field, as `contact/allfields` has it."""
        known = self._labels[number : number + 1]
        return known[0] if known else f"label {number}"

    def _scalar(self, kind: str, pattern: str, name: str) -> t.Any:
        if kind == "null":
            return None
        text = self._params.get(name) if name in {"range", "fromindex"} else None
        text = text or (str(MANY) if name in _TOTALS else self._text(pattern))
        if kind in {"integer", "number"}:
            return json.loads(text)
        return True if kind == "boolean" else text

    def _text(self, pattern: str) -> str:
        """Make up a text of a pattern; each is different, as far as it can be."""
        self._number += 1
        number = self._number
        if pattern.startswith('"'):
            return str(json.loads(pattern))
        fixed = {
            # In small letters it is the form of a name.
            "true/false": "True",
            "spaces": " ",
            "email": f"person{number}@example.com",
            "url": f"https://example.com/{number}",
            "path": f"/{number}",
            "number": "1e30",
            **dict.fromkeys(("more", "deeper"), "x"),
            "uuid": f"00000000-0000-0000-0000-{number:012x}",
        }
        if pattern in fixed:
            return fixed[pattern]
        if _DIGITS.search(pattern):
            return _DIGITS.sub(lambda part: _digits(_length(part[1]), number), pattern)
        if match := _WITH_LENGTH.fullmatch(pattern):
            return _of_length(match[1], _length(match[2]), number)
        return _time(pattern, _BEGIN + timedelta(minutes=number))


def made_up(shape: Shape) -> t.Any:
    """Return a value that has a shape."""
    return ShapeAnswers({"endpoints": {"topics": {"body": shape}}}).body("topics")


def is_part(shape: t.Any, whole: t.Any) -> bool:
    """Return whether all that a shape has was seen in another one, too."""
    if not isinstance(shape, dict):
        return True
    return all(
        key in {"count", "sometimes"} or (key in whole and is_part(part, whole[key]))
        for key, part in shape.items()
    )


def _length(least: str) -> int:
    """Return a length of a class, such as `9` or `>20`."""
    return int(least.strip(">")) + least.startswith(">")


def _digits(length: int, number: int) -> str:
    if length == _EPOCH_DIGITS:
        return str(int(_BEGIN.timestamp() + 60 * number) * 1000)
    if length == 1:
        return str(number % 9 + 1)
    # It does not begin with 0, which no number does.
    return f"1{number % 10 ** (length - 1):0{length - 1}}"


def _of_length(kind: str, length: int, number: int) -> str:
    forms = {
        "text": ("v ", "x"),
        "key": ("v", "x"),
        "lower": ("x", "x"),
        "lower_snake": ("v_", "x"),
        "lower-hyphen": ("v-", "x"),
        "UPPER_SNAKE": ("V", "X"),
        "camelCase": ("vX", "x"),
    }
    prefixes = {"3z+hex": "a1", "hex": "a1", "#hex": ""}
    if kind in prefixes:
        start, prefix = kind.removesuffix("hex").strip("+"), prefixes[kind]
        return f"{start}{prefix}{number:0{length - len(prefix)}x}"
    prefix, filler = forms[kind]
    text = "" if kind == "lower" else str(number)
    return f"{prefix}{text}".ljust(length, filler)


def _time(pattern: str, time: datetime) -> str:
    has_half = re.search(r"(?i)a\.?m", pattern)
    hour = f"{time:%I}" if has_half else f"{time:%H}"
    words = {"Month": f"{time:%B}", "Mon": f"{time:%b}", "Day": f"{time:%A}"}
    values = {
        **words,
        **{name.upper(): word.upper() for name, word in words.items()},
        **{name.lower(): word.lower() for name, word in words.items()},
        "yyyy": f"{time:%Y}",
        "MM": f"{time:%m}",
        "dd": f"{time:%d}",
        "d": str(time.day),
        "hh": hour,
        "h": str(int(hour)),
        "mm": f"{time:%M}",
        "ss": f"{time:%S}",
    }

    def part(match: re.Match[str]) -> str:
        text = match[0]
        if match[1]:
            return chr(int(match[1], 16))
        return "7" * len(text) if text[0] in "9f" else values.get(text, text)

    return _OF_TIMES.sub(part, pattern)


def _details(params: t.Mapping[str, str]) -> dict[str, str]:
    text = params.get("details", "")
    pairs = java_text.parse_list(text)
    return dict(pair.replace('"', "").split(":", 1) for pair in pairs)


def _rows(endpoint: str, body: t.Any) -> list[t.Any] | None:
    """Return the list of rows in a body, to be changed; None if there is none."""
    body = (body or {}).get("response", body)
    for name in READS[endpoint].rows:
        rows = (body or {}).get(name)
        while isinstance(rows, dict) and len(rows) == 1:
            rows = next(iter(rows.values()))
        if isinstance(rows, list):
            return rows
    return None


def _none(endpoint: str) -> Shape:
    """Return the answer that there are no rows."""
    rule = next(
        rule
        for rule in RULES
        if rule.action in {Action.EMPTY, Action.SKIP} and rule.endpoint == endpoint
    )
    return {"status": "error", "code": rule.codes.split()[0], "message": rule.message}


def _encoded(body: t.Any, data_format: str) -> Reply:
    if data_format == "json":
        return Reply(200, json.dumps(body).encode())
    (inner,) = [body["response"]] if body.keys() == {"response"} else [body]
    return Reply(200, f"<response>{_xml(inner)}</response>".encode())


def _xml(value: t.Any) -> str:
    if not isinstance(value, dict):
        return escape("" if value is None else str(value))
    return "".join(
        _element(name, item)
        for name, items in value.items()
        for item in (items if isinstance(items, list) else [items])
    )


def _element(name: str, value: t.Any) -> str:
    inner = _xml(value)
    # An element without text is read as null, a field without text as "".
    if _ELEMENT.fullmatch(name) and value != "":
        return f"<{name}>{inner}</{name}>"
    return f"<fl val={quoteattr(name)}>{inner}</fl>"
