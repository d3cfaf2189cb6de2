"""NEW."""

from __future__ import annotations


def java_map(text: str) -> dict[str, str]:
    """Read `{range=5, status=All}`, the text of a Java map, one level deep.

    A comma or an equals sign within a value can't be told from one between values: a
    piece without `=` is taken as more of the value before it.
    """
    found: dict[str, str] = {}
    name = ""
    for piece in java_list(text):
        head, equals, value = piece.partition("=")
        if equals:
            name = head.strip()
            found[name] = value.strip()
        elif name:
            found[name] += f", {piece}"
    return found


def java_list(text: str) -> list[str]:
    """Split `[a, {b=c, d=e}]` or a Java map at its own commas, not at those within."""
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
