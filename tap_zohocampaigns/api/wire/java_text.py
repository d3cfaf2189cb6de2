"""The texts of Java maps and lists that some answers hold instead of JSON."""

from __future__ import annotations


def parse_map(text: str) -> dict[str, str]:
    """Parse the text of a Java map, such as `{range=5, status=All}`, one level deep.

    A comma or an equals sign inside a value looks like one between values. A piece
    without `=` is therefore added to the value before it.
    """
    values: dict[str, str] = {}
    name = ""
    for piece in parse_list(text):
        head, equals, value = piece.partition("=")
        if equals:
            name = head.strip()
            values[name] = value.strip()
        elif name:
            values[name] += f", {piece}"
    return values


def parse_list(text: str) -> list[str]:
    """Split `[a, {b=c, d=e}]` or a Java map at its own commas, not at nested ones."""
    text = text.strip()
    if text[:1] in {"[", "{"} and text[-1:] in {"]", "}"}:
        text = text[1:-1]
    pieces, start, depth = [], 0, 0
    for position, character in enumerate(text):
        if character in "[{":
            depth += 1
        elif character in "]}":
            depth -= 1
        elif character == "," and depth <= 0:
            pieces.append(text[start:position].strip())
            start = position + 1
    last = text[start:].strip()
    return [*pieces, last] if pieces or last else []
