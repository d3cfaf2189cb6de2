"""Rows of XML, taken out of a page before it is parsed.

A page is hundreds of rows, `<contact><fl val="name">text</fl>…</contact>`, and little
else. Regular expressions take such rows in a quarter of the time in which a parser and
a tree do. What they don't describe to the byte is left to the parser: it gets the page
with one marked row in the place of each run of rows, and judges the rest as ever.
"""

from __future__ import annotations

import re
import typing as t
from functools import lru_cache

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.wire import Json, Row

# In a private area of Unicode; a page that has it is left to the parser.
_MARK = "\ue000"

# The root is never taken for a row: a document has no second one.
_HEAD = re.compile(
    r"""(<\?xml\ version=(["'])1\.[01]\2
        (\ encoding=(["'])(?i:utf-8)\4)?\ ?\?>[ \t\n]*)?
    <[^<>!?]+>""",
    re.VERBOSE,
)
# Atomic, so that there is no going back; possessive repetitions of groups would be the
# same, were they not broken before Python 3.11.5.
# https://github.com/python/cpython/issues/106052
_SPACE = r"[ \t\n]*+"
_FIELD = rf'{_SPACE}<fl\ val="[^"<&\t\n]*+"(?:/>|>[^<]*+</fl>)'
_RUN = re.compile(
    rf"""<(?!fl>)(?P<tag>[A-Za-z_][\w.-]*+)>(?>(?:{_FIELD})+){_SPACE}</(?P=tag)>
    (?>(?:{_SPACE}<(?P=tag)>(?>(?:{_FIELD})+){_SPACE}</(?P=tag)>)*)""",
    re.ASCII | re.VERBOSE,
)
# Enough for what a run is known to be.
_FIELDS = re.compile(r'<fl val="([^"]*)"(?:/>|>([^<]*))')

# To look for rows of one shape pays for itself after some pages.
MANY = 100

_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
# Any other `&` is taken for itself.
_REFERENCE = re.compile(r"&(?:(amp|lt|gt|quot|apos)|#([0-9]+)|#x([0-9A-Fa-f]+));")
_CONTROLS = bytes({*range(0x20)} - {*b"\t\n"})
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class Unsure(ValueError):
    """Only a parser can tell what the document is."""


def take(content: bytes) -> tuple[bytes, list[list[Row]]]:
    """Take the runs of plain rows out of a document.

    If what is returned is well-formed, the document is, and means the same once the
    rows are put back.

    Returns:
        The document with a mark in the place of each run, and the rows of each.

    Raises:
        Unsure: There are none, or the document is not as plain as Zoho writes them.
    """
    text = _text(content) if b"<fl val=" in content else ""
    head = _HEAD.match(text)
    if not head:
        raise Unsure
    runs: list[list[Row]] = []
    pieces: list[str] = []
    end = 0
    for run in _RUN.finditer(text, head.end()):
        tag = run["tag"]
        mark = f'<{tag}><fl val="{_MARK}">{len(runs)}</fl></{tag}>'
        pieces += text[end : run.start()], mark
        runs.append(_rows(run[0], tag))
        end = run.end()
    rest = "".join([*pieces, text[end:]])
    if not runs:
        raise Unsure
    # What looked like rows may stand in a comment; a reference may spell the mark.
    if "<!" in rest or "&#" in rest or rest.find("<?", 1) > 0:
        raise Unsure
    return rest.encode(), runs


def put(value: Json, runs: list[list[Row]]) -> Json:
    """Return a value with the rows in the place of their marks."""
    if not isinstance(value, dict):
        return value
    fields: Row = {}
    for name, item in value.items():
        found: list[Json] = []
        for each in item if isinstance(item, list) else [item]:
            if isinstance(each, dict) and _MARK in each:
                found += runs[int(each[_MARK])]
            else:
                found.append(put(each, runs))
        fields[name] = found if len(found) > 1 else found[0]
    return fields


def _text(content: bytes) -> str:
    """Return the text of a document in UTF-8 that has only what XML allows in text."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise Unsure from None
    if (
        len(content.translate(None, _CONTROLS)) < len(content)
        or any(character in text for character in ("\ufffe", "\uffff", _MARK))
        # The search for one character is the faster by far.
        or ("]" in text and "]]>" in text)
    ):
        raise Unsure
    return text


def _rows(run: str, tag: str) -> list[Row]:
    """Return the rows of a run, which is known to hold nothing else."""
    rows = run.split(f"</{tag}>")[:-1]
    names = [name for name, _ in _FIELDS.findall(rows[0])]
    if len(rows) >= MANY:
        found = _shape(tag, *names).findall(run)
        if len(found) == len(rows):
            return [_row(names, texts) for texts in found]
    return [_row(*zip(*_FIELDS.findall(row), strict=True)) for row in rows]


def _row(names: t.Iterable[str], texts: t.Iterable[str]) -> Row:
    if "&" in "".join(texts):
        # Those too that another field of the same name takes the place of.
        texts = [_read(text) for text in texts]
    return dict(zip(names, texts))  # noqa: B905 (`strict` costs a fifth)


@lru_cache(64)
def _shape(tag: str, *names: str) -> re.Pattern[str]:
    """Return what finds the texts of rows that have these fields in this order."""
    fields = "".join(
        rf'<fl val="{re.escape(name)}"(?:/>|>([^<]*+)</fl>){_SPACE}' for name in names
    )
    tag = re.escape(tag)
    # The last group is empty: of one group alone, `findall` makes no tuples.
    return re.compile(f"<{tag}>{_SPACE}{fields}</{tag}>()")


def _read(text: str) -> str:
    return _REFERENCE.sub(_character, text) if "&" in text else text


def _character(reference: re.Match[str]) -> str:
    name, decimal, hexadecimal = reference.groups()
    if name:
        return _NAMED[name]
    try:
        character = chr(int(decimal) if decimal else int(hexadecimal, 16))
    except (OverflowError, ValueError):
        raise Unsure from None
    if _ILLEGAL.match(character):
        raise Unsure
    return character
