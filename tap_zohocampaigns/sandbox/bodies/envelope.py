"""Envelopes and errors, and the building blocks of JSON and XML."""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

if t.TYPE_CHECKING:
    from collections.abc import Mapping

V1_1 = "/api/v1.1/"
V1 = "/api/"

_HEAD = re.compile(rb"<(code|status|message)>[^<]*</\1>")


@dataclass(frozen=True, slots=True)
class Page:
    """What an answer says about its rows; `total` is the number of all rows."""

    uri: str
    fromindex: int
    range: int
    total: int


def version(uri: str) -> str:
    """Return the version of the API of a path."""
    return "1" if uri.startswith(V1) and not uri.startswith(V1_1) else "1.1"


def encode(body: Mapping[str, object]) -> bytes:
    """Write a JSON body."""
    return json.dumps(body, ensure_ascii=False).encode()


def success(uri: str, **more: object) -> dict[str, object]:
    """Return the JSON envelope of a success."""
    head = {"status": "success", "code": "0", "uri": uri, "version": version(uri)}
    return head | more


def java_map(entries: Mapping[str, object]) -> str:
    """Write `{range=5, status=All}`, as Java prints a map."""
    return f"{{{', '.join(f'{name}={value}' for name, value in entries.items())}}}"


def escaped(text: str) -> str:
    """Write a text inside an element."""
    # A parser turns a bare carriage return into a line feed.
    return escape(text, {"\r": "&#13;"})


def tag(name: str, text: object = "") -> str:
    """Write an XML element that holds a text."""
    inner = escaped(str(text))
    return f"<{name}>{inner}</{name}>" if inner else f"<{name}/>"


def block(name: str, *inner: str, attributes: str = "") -> str:
    """Write an XML element that holds elements."""
    opening = f"{name}{attributes}"
    return f"<{opening}>{''.join(inner)}</{name}>" if inner else f"<{opening}/>"


def fl(name: str, text: str = "") -> str:
    """Write a field, `<fl val="name">text</fl>`."""
    return field(name, escaped(text))


def fls(fields: Mapping[str, str]) -> list[str]:
    """Write fields in their order."""
    return [fl(name, text) for name, text in fields.items()]


def field(name: str, inner: str) -> str:
    """Write a field whose content is XML already."""
    label = quoteattr(name)
    return f"<fl val={label}>{inner}</fl>" if inner else f"<fl val={label}/>"


def response(uri: str, *inner: str) -> bytes:
    """Write an XML document."""
    return _document("uri", uri, version(uri), *inner)


def xml_success(uri: str, *inner: str) -> bytes:
    """Write the XML document of a success."""
    return response(uri, tag("status", "success"), tag("code", "0"), *inner)


def error(uri: str, code: str, message: str, *, as_json: bool) -> bytes:
    """Write a business error: lower-case names."""
    if as_json:
        body = {"status": "error", "code": code, "message": message}
        return encode({**body, "version": version(uri), "uri": uri})
    return response(
        uri, tag("status", "error"), tag("code", code), tag("message", message)
    )


def gateway_error(uri: str, code: str, message: str, *, as_json: bool) -> bytes:
    """Write an error of the gateway: `Code` and `URI` have capitals."""
    if as_json:
        body = {"message": message, "version": version(uri), "URI": uri, "Code": code}
        return encode({**body, "status": "error"})
    inner = tag("message", message) + tag("Code", code) + tag("status", "error")
    return _document("URI", uri, version(uri), inner)


def wrong_url(uri: str) -> bytes:
    """Write the answer to an unknown path: always XML."""
    inner = tag("code", "1004") + tag("message", "You have entered a wrong URL.")
    return _document("uri", uri, "1", inner)


def without_head(body: bytes, *, as_json: bool) -> bytes:
    """Return a success without its code, status and message; an error as it is."""
    if not as_json:
        error = b"<status>error</status>" in body
        return body if error else _HEAD.sub(b"", body)
    answer: dict[str, object] = json.loads(body)
    inner = answer.get("response", answer)
    if not isinstance(inner, dict) or inner.get("status") == "error":
        return body
    for name in ("code", "status", "message"):
        inner.pop(name, None)
    return encode(answer)


def _document(label: str, uri: str, version: str, *inner: str) -> bytes:
    opening = f'<response {label}={quoteattr(uri)} version="{version}">'
    return f"{opening}{''.join(inner)}</response>".encode()
