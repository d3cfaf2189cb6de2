"""Rows taken out of a page are those that a parser finds in it."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tap_zohocampaigns.api import rows, wire
from tap_zohocampaigns.api.errors import ZohoError
from tests import samples

Mutation = tuple[str, int, int, bytes]


def page(inner: str, prolog: str = "") -> bytes:
    """Return a page of contacts with this in it."""
    text = f"<response><code>0</code><contacts>{inner}</contacts></response>"
    return (prolog + text).encode()


def contact(*fields: str) -> str:
    return f"<contact>{''.join(fields)}</contact>"


def field(text: str, name: str = "a") -> str:
    return f'<fl val="{name}">{text}</fl>'


def outcome(text: bytes) -> str:
    """Return all that an answer or an error says, in its order."""
    try:
        return json.dumps(wire.read(text))
    except ZohoError as error:
        return f"{type(error).__name__}: {error}"


def parsed(text: bytes) -> str:
    """Return what is read when no row is taken."""

    def refuse(_: bytes) -> None:
        raise rows.Unsure

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "take", refuse)
        return outcome(text)


ROWS = contact(field("1"), field("2", "b")) * 3
PROLOGS = [
    *[""] * 4,
    '<?xml version="1.0" encoding="UTF-8"?>\n',
    "<?xml version='1.1' encoding='utf-8' ?>",
    '<?xml version="1.0" encoding="iso-8859-1"?>',
]
TEXTS = [
    "",
    "1",
    "x y\n",
    "A & B",
    "&lt;b&gt;",
    "&amp;lt;",
    "O&#39;Brien",
    "]] >",
    "中",
]
FIELDS = st.one_of(
    st.builds(field, st.sampled_from(TEXTS), st.sampled_from(["a", "b", "c d>", "é"])),
    st.just('<fl val="a"/>'),
)


@st.composite
def pages(draw: st.DrawFn) -> bytes:
    """Return pages as Zoho writes them, most of whose rows have the same fields."""
    space = draw(st.sampled_from(["", "", "\n", "\n\t"]))
    shapes = draw(st.lists(st.lists(FIELDS, min_size=1, max_size=3), min_size=1))
    found = [contact(space, space.join(shape), space) for shape in shapes]
    return page(space.join(found), draw(st.sampled_from(PROLOGS)))


PIECES = [
    *(" ", "\n", "\t", "\r", "\x00", "\x0b", "\x7f", "\x85", "\u2028", "\ufeff", "é"),
    *("\ufffe", "\uffff", "\ue000", "&#xE000;", "&#0;", "&#13;", "&#65;", "&#xD800;"),
    *("&", "&amp;", "&lt;", "&nbsp;", "&#" + "9" * 5000 + ";", '"', "'", "<", ">", "/"),
    *("]", "]]>", "<![CDATA[", "<!--", "-->", "<?x", "?>", "<!DOCTYPE a>", "="),
    *("<a>", "</a>", "<br/>", "<a/>", "<fl>", '<fl val="a">', '<fl val="a"/>', "</fl>"),
    *("<contact>", "</contact>", "<contact/>", '<contact a="b">', "<x:y>"),
    *("<contacts>", "</contacts>", "</response>", "<a>" * 37, "</a>" * 37, ROWS),
]
RAW = [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xbc"]
MUTATIONS = st.tuples(
    st.sampled_from(["insert", "insert", "cut", "replace", "repeat"]),
    st.integers(0, 2000),
    st.integers(0, 30),
    st.sampled_from([*(piece.encode() for piece in PIECES), *RAW]),
)


def mutated(text: bytes, mutation: Mutation) -> bytes:
    kind, place, length, piece = mutation
    start = place % (len(text) + 1)
    head, cut, tail = text[:start], text[start : start + length], text[start + length :]
    new = {"insert": piece + cut, "cut": b"", "replace": piece, "repeat": cut + cut}
    return head + new[kind] + tail


@given(
    st.one_of(
        pages(),
        st.sampled_from([samples.RECIPIENTS_XML, samples.SEGMENT_CONTACTS_XML]),
    ),
    st.lists(MUTATIONS, max_size=3),
    st.sampled_from([1, 2, rows.MANY]),
)
@example(page(ROWS), [], 1)
def test_rows_are_read_as_a_parser_reads_them(
    text: bytes, mutations: list[Mutation], many: int
) -> None:
    for mutation in mutations:
        text = mutated(text, mutation)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "MANY", many)
        assert outcome(text) == parsed(text)


@pytest.mark.parametrize("piece", [*(piece.encode() for piece in PIECES), *RAW])
def test_a_piece_that_is_out_of_place_is_read_as_a_parser_reads_it(
    piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MANY", 2)
    text = page(ROWS)
    for place in range(len(text) + 1):
        changed = text[:place] + piece + text[place:]
        assert outcome(changed) == parsed(changed)


@pytest.mark.parametrize("many", [1, 4])
@pytest.mark.parametrize("prolog", PROLOGS[3:6])
@pytest.mark.parametrize("space", ["", "\n\t"])
def test_all_rows_of_a_page_are_taken(
    prolog: str, space: str, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MANY", many)
    first = contact(space, field("1"), space, '<fl val="b"/>', field("é & &#39;", "c"))
    second = contact(field("&lt;", "c"), space)
    text = page(space + first + space + second + first + space, prolog)
    rest, (run,) = rows.take(text)
    one = {"a": "1", "b": "", "c": "é & '"}
    assert run == [one, {"c": "<"}, one]
    assert rest.count(b"<contact>") == 1
    assert wire.read(text).body["contacts"] == {"contact": run}


def test_rows_beside_others_keep_their_places() -> None:
    odd = '<contact><br/><fl val="a">3</fl></contact>'
    inner = contact(field("1")) * 2 + odd + contact(field("4")) + "<contact/>"
    text = page(inner)
    _, runs = rows.take(text)
    assert runs == [[{"a": "1"}, {"a": "1"}], [{"a": "4"}]]
    expected = [{"a": "1"}, {"a": "1"}, {"br": None, "a": "3"}, {"a": "4"}, None]
    assert wire.read(text).body["contacts"] == {"contact": expected}


@pytest.mark.parametrize(
    "text",
    [
        page(ROWS, '<?xml version="1.0" encoding="iso-8859-1"?>'),
        page(ROWS, "<!-- -->"),
        page(ROWS, "<!DOCTYPE a>"),
        page(ROWS + "<!-- -->"),
        page(f"<!--{ROWS}-->"),
        page(f"<![CDATA[{ROWS}]]>"),
        page(f"<?x {ROWS}?>"),
        page(ROWS.replace("1", "\r")),
        page(ROWS.replace("1", "\x01")),
        page(ROWS.replace("1", "]]>")),
        page(ROWS.replace("1", "\ufffe")),
        page(ROWS.replace("1", "\ue000")),
        page(ROWS.replace("1", "&#11;")),
        page(ROWS.replace("1", "&#x110000;")),
        # Of two fields of one name the first is lost, but has to be XML.
        page(contact(field("&#0;"), field("1"))),
        page(ROWS + '<a><br/><fl val="&#xE000;">0</fl></a>'),
        page(ROWS).replace(b"1", b"\xe9"),
    ],
)
def test_what_only_a_parser_can_tell_is_left_to_it(text: bytes) -> None:
    with pytest.raises(rows.Unsure):
        rows.take(text)
    assert outcome(text) == parsed(text)


@pytest.mark.parametrize(
    "text",
    [
        ROWS.encode(),
        contact(field("0", "code")).encode(),
        page(ROWS) + ROWS.encode(),
        page('<fl val="a"><b>' + ROWS + "</b></fl>" + ROWS),
        page("<fl>" + field("1") + "</fl>"),
        page('<a b="' + ROWS + '"/>'),
        page("<contact" + ROWS + "/>"),
        page(ROWS.replace("<contact>", '<contact a="b">')),
        page(ROWS.replace('"b"', '"&quot;"')),
        page(ROWS.replace('"b"', '"\n"')),
        page(ROWS.replace('"b"', '"a"')),
        page(ROWS.replace("</contact>", "</Contact>")),
        *(page("<x>" * depth + ROWS + "</x>" * depth) for depth in (36, 37, 38, 39)),
        page(contact(field("1"), contact(field("2")))),
    ],
)
def test_rows_in_odd_places_are_read_as_a_parser_reads_them(text: bytes) -> None:
    assert outcome(text) == parsed(text)


@pytest.mark.parametrize("character", ["\t", "\n", "\x7f", "\x80", "\x85", "\u2028"])
def test_a_character_that_xml_allows_is_no_reason_for_a_parser(character: str) -> None:
    text = page(ROWS.replace("1", character))
    assert len(rows.take(text)[1]) == 1
    assert outcome(text) == parsed(text)
