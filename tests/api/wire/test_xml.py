"""XML is read as a tree of elements says it, and as JSON of the same page."""

from __future__ import annotations

import json
import re
import tracemalloc
import typing as t
from contextlib import suppress
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tap_zohocampaigns.api.errors import FatalError, ZohoError
from tap_zohocampaigns.api.wire import xml
from tap_zohocampaigns.api.wire.envelope import MAX_BYTES, Envelope, Unreadable
from tests.support import samples
from tests.support.zoho import parse_envelope, rows_or_value_of

if t.TYPE_CHECKING:
    from collections.abc import Callable

CONTROL = b"|".join(
    [
        rb"[\x00-\x08\x0b\x0c\x0e-\x1f]",
        *(b"&#0*%d;" % code for code in range(32) if code not in (9, 10, 13)),
        *(
            b"(?i:&#)x0*(?i:%x);" % code
            for code in range(32)
            if code not in (9, 10, 13)
        ),
    ]
)
BARE = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#[0-9]+|#x[0-9A-Fa-f]+);)")


def reference(text: bytes) -> Envelope:
    """Parse XML with a tree."""
    mended = BARE.sub(b"&amp;", text)
    mended = re.sub(rb"^(<\?xml\s+version\s*=\s*[\"'])1\.1", rb"\1.0", mended)
    mended = re.sub(CONTROL, b"", mended)
    for attempt in (text, mended.decode(errors="replace").encode()):
        with suppress(expat.ExpatError, LookupError, ValueError):
            return parse_envelope(json.dumps(plain(tree(attempt))).encode())
    msg = "a body that is not whole"
    raise Unreadable(msg)


def tree(text: bytes) -> Element:
    """Return an element that holds the root; refuse a DOCTYPE, and what is too deep."""
    depth = 0
    builder = TreeBuilder()
    document = builder.start("", {})

    def doctype(*_: object) -> None:
        msg = "Zoho sent XML with a DOCTYPE, which is never read."
        raise FatalError(msg)

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > 40:
            msg = "Zoho sent XML nested deeper than 40 elements."
            raise FatalError(msg)
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name)

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    is_final = True
    parser.Parse(text, is_final)
    builder.end("")
    return document


def plain(element: Element) -> t.Any:
    """Turn an element into the value that JSON has."""
    if not len(element):
        return element.text or ("" if element.attrib else None)
    named: dict[str, list[Element]] = {}
    for child in element:
        named.setdefault(child.tag, []).append(child)
    fields: dict[str, t.Any] = {}
    for name, children in named.items():
        if name == "fl":
            for child in children:
                if len(child) or child.attrib:
                    fields[child.get("val", "None")] = plain(child)
        else:
            values = [plain(child) for child in children]
            fields[name] = values if len(values) > 1 else values[0]
    tails = (child.tail or "" for child in element)
    return fields or "".join([element.text or "", *tails])


def outcome(read: Callable[[bytes], Envelope], text: bytes) -> str:
    """Return an answer or an error as text."""
    try:
        return json.dumps(read(text))
    except ZohoError as error:
        return f"{type(error).__name__}: {error}"


NAMES = ["fl", "fl", "fl", "a", "b", "x:y", "xml:y", "\u00e9", "code", "response"]
TEXT = st.text(" \n\t\rab:1]\u00e9\u4e2d\U0001f600", max_size=5)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["val", "val", "other", "xmlns", "xmlns:x", "xml:lang"]),
    st.sampled_from(["a", "b", "c", "", " ", "x y", "&amp;", "&#65;", "\n", "\u00e9"]),
    max_size=2,
)
PIECES = st.one_of(
    TEXT,
    TEXT.map("<![CDATA[<fl>{}]]>".format),
    TEXT.map("<!--{}<!DOCTYPE a>-->".format),
    TEXT.map("<?x {}?>".format),
    st.sampled_from(["&amp;", "&lt;", "&#233;", "&#x1F600;", "&#13;"]),
)
# Faults that Zoho sends, or might send.
FAULTS = st.sampled_from(
    [
        "&",
        "&nbsp;",
        "&#0;",
        "&#x1f;",
        "\x01",
        "\x00",
        "<",
        "]]>",
        "<fl>",
        "</a>",
        "<a b>",
        "<!",
    ]
)


def elements(content: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return elements with these in them."""
    return st.builds(
        lambda name, attributes, inner, times: (
            "".join(
                (
                    f"<{name}",
                    *(f' {key}="{value}"' for key, value in attributes.items()),
                    f">{''.join(inner)}</{name}>" if inner else "/>",
                )
            )
            * times
        ),
        st.sampled_from(NAMES),
        ATTRIBUTES,
        st.lists(content, max_size=5),
        st.sampled_from([1, 1, 1, 2]),
    )


CONTENT = st.recursive(PIECES, lambda inner: elements(PIECES | inner), max_leaves=12)
INNER = st.lists(CONTENT | elements(PIECES), max_size=6).map("".join)
PROLOGS = st.sampled_from(
    [
        *[""] * 24,
        '<?xml version="1.0"?>\n',
        "<?xml version='1.1' encoding='UTF-8'?>",
        '<?xml version="1.0" encoding="iso-8859-1"?>',
        '<?xml version="1.0" encoding="windows-1252"?>',
        '<?xml version="1.0" encoding="utf-16"?>',
        '<?xml version="1.0" encoding="gbk"?>',
        '<?xml version="1.0" encoding="cp037"?>',
        "<!-- <!DOCTYPE a> -->",
        "<?x?>",
        "<!DOCTYPE response>",
        '<!DOCTYPE a [<!ENTITY amp "b">]>',
    ]
)
ROOTS = [
    *[("<response>", "</response>")] * 8,
    ('<fl val="response">', "</fl>"),
    ("<fl>", "</fl>"),
    ('<code xmlns="a">', "</code>"),
    ("", ""),
    ("<response>", "</a>"),
]
# Those in which the first byte is that of `<`.
ENCODINGS = [*["utf-8"] * 12, "latin-1", "utf-16-le", "utf-32-le"]


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """Return documents, most of them whole."""
    inner = draw(INNER)
    depth = draw(st.sampled_from([0, 0, 0, 0, 0, 1, 36, 39, 40]))
    inner = f"<code>0</code>{'<a>' * depth}{inner}{'</a>' * depth}"
    if draw(st.sampled_from([False] * 7 + [True])):
        place = draw(st.integers(0, len(inner)))
        inner = inner[:place] + draw(FAULTS) + inner[place:]
    start, end = draw(st.sampled_from(ROOTS))
    encoding = draw(st.sampled_from(ENCODINGS))
    text = draw(PROLOGS) + start + inner + end
    return text.encode(encoding, errors="xmlcharrefreplace")


@given(documents(), st.sampled_from([7, xml.PIECE]))
@example(samples.RECIPIENTS_XML, 10)
@example(samples.SEGMENT_CONTACTS_XML, 1000)
def test_xml_is_parsed_as_by_the_reference(text: bytes, piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xml, "PIECE", piece)
        assert outcome(parse_envelope, text) == outcome(reference, text)


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("<a/>", {"a": None}),
        ("<a></a>", {"a": None}),
        ("<a><!-- --></a>", {"a": None}),
        ('<a b="c"/>', {"a": ""}),
        ('<a b="c">d</a>', {"a": "d"}),
        ("<a> </a>", {"a": " "}),
        ("<a>b<!-- -->c<?d?>e<![CDATA[<f>]]></a>", {"a": "bce<f>"}),
        ("<a>1</a><b/><a>2</a>", {"a": ["1", "2"], "b": None}),
        ("<a/><a>1</a>", {"a": [None, "1"]}),
        ('<a b="c"><d/></a>', {"a": {"d": None}}),
        ("<a>b<c/>d</a>", {"a": {"c": None}}),
        ('<x:a xmlns:x="b" x:c="d"/>', {"x:a": ""}),
        ('<x:fl val="a">b</x:fl>', {"x:fl": "b"}),
        ('<fl val="a"/><fl val="b">c</fl>', {"a": "", "b": "c"}),
        ('<fl val="a">1</fl><fl val="a">2</fl>', {"a": "2"}),
        ('<fl val="">1</fl>', {"": "1"}),
        ('<fl other="a">1</fl>', {"None": "1"}),
        ('<fl val="a"><fl val="b">1</fl><c/></fl>', {"a": {"b": "1", "c": None}}),
        ('<fl><fl val="b">1</fl></fl>', {"None": {"b": "1"}}),
        ('<a><fl val="b"><c/></fl></a>', {"a": {"b": {"c": None}}}),
        ('<a><b val="c">d</b></a>', {"a": {"b": "d"}}),
        # A field without a name and attributes is dropped.
        ("<fl>1</fl>", {}),
        ('<fl>1</fl><fl val="a">2</fl>', {"a": "2"}),
        ("<a><fl>1</fl></a>", {"a": ""}),
        ("<a>b<fl>1</fl>c</a>", {"a": "bc"}),
        # The last kind of element wins, fields being where the first of them is.
        ('<a>1</a><fl val="a">2</fl>', {"a": "2"}),
        ('<fl val="a">1</fl><a>2</a><fl val="a">3</fl>', {"a": "2"}),
    ],
)
def test_an_element_becomes_the_value_that_json_has(
    inner: str, expected: dict[str, object]
) -> None:
    text = f"<response><code>0</code>{inner}</response>".encode()
    assert parse_envelope(text).body == {"code": "0", **expected}
    assert outcome(parse_envelope, text) == outcome(reference, text)


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "cp1252", "utf-16"])
def test_the_declared_encoding_is_used(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><code>0 \u00e9</code>'
    content = text.encode("utf-16-le" if encoding == "utf-16" else encoding)
    assert parse_envelope(content).code == "0 \u00e9"


def test_texts_that_look_like_a_doctype_are_accepted() -> None:
    inner = b"<!-- <!DOCTYPE a> --><a><![CDATA[<!DOCTYPE a>]]></a>"
    text = b"<!-- <!DOCTYPE a> --><response><code>0</code>" + inner + b"</response>"
    assert parse_envelope(text).body == {"code": "0", "a": "<!DOCTYPE a>"}


@pytest.mark.parametrize("broken", ["", "&nbsp;", "</b>", "<"])
@pytest.mark.parametrize(("start", "end"), [("<a>", "</a>"), ('<fl val="a">', "</fl>")])
def test_a_broken_document_that_is_too_deep_is_refused(
    start: str, end: str, broken: str
) -> None:
    with pytest.raises(FatalError, match="nested deeper than 40 elements"):
        parse_envelope((start * 41 + end * 41 + broken).encode())
    with pytest.raises(Unreadable):
        parse_envelope((start * 40 + broken).encode())


def peak_of(text: bytes, error: type[ZohoError], match: str) -> int:
    """Return how much memory a refusal takes."""
    tracemalloc.start()
    with pytest.raises(error, match=match):
        parse_envelope(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_a_document_that_is_too_deep_needs_little_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(xml, "PIECE", 1 << 10)
    text = b"<response><code>0</code>" + b"<a>" * (1 << 16)
    assert peak_of(text, FatalError, "nested") < len(text)


@pytest.mark.parametrize(
    "piece", [b"<a/>", b'<a b=""/>', b'<fl val=""/>', b"<a><b/></a>", b"<a/>\xc3\xa9"]
)
def test_a_document_with_too_many_elements_needs_little_memory(
    piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xml, "PIECE", 1 << 10)
    monkeypatch.setattr(xml, "MAX_NODES", 1000)
    text = b"<response><code>0</code>" + piece * (1 << 14) + b"</response>"
    assert peak_of(text, FatalError, "too many elements: lower `page_size`") < len(text)


def test_attributes_count_as_elements(monkeypatch: pytest.MonkeyPatch) -> None:
    text = b'<response a="" b=""><code>0</code></response>'
    monkeypatch.setattr(xml, "MAX_NODES", 4)
    assert parse_envelope(text).success
    monkeypatch.setattr(xml, "MAX_NODES", 3)
    with pytest.raises(FatalError, match="too many elements"):
        parse_envelope(text)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("piece", [b"<a/>", b"<a b=''/>", b"<fl val=''>1</fl>"])
def test_the_largest_body_may_not_be_full_of_elements(piece: bytes) -> None:
    start, end = b"<response><code>0</code>", b"</response>"
    text = start + piece * ((MAX_BYTES - 50) // len(piece)) + end
    with pytest.raises(FatalError, match="too many elements"):
        parse_envelope(text)


@pytest.mark.parametrize("fault", [b"& ", b"&#0;", b"\x01"])
def test_only_a_limited_number_of_faults_is_mended(
    fault: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xml, "MAX_NODES", 1000)
    start, end = b"<response><code>0</code><a>", b"</a></response>"
    assert parse_envelope(start + fault * 1000 + end).success
    text = start + fault * 100_000 + end
    assert peak_of(text, Unreadable, "not whole") < 10 * len(text)


TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
)


@given(st.lists(st.dictionaries(TEXTS, TEXTS, min_size=1), min_size=1))
def test_rows_are_the_same_in_both_formats(rows: list[dict[str, str]]) -> None:
    inner = "".join(
        contact(*(field(escape(text), quoteattr(name)) for name, text in row.items()))
        for row in rows
    )
    body = {"code": "0", "contacts": rows}
    assert [
        rows_or_value_of("getcampaignrecipientsdata", parse_envelope(content))
        for content in (page(inner), json.dumps(body).encode())
    ] == [rows, rows]


def field(text: str, name: str = '"a"') -> str:
    return f"<fl val={name}>{text}</fl>"


def contact(*fields: str) -> str:
    return f"<contact>{''.join(fields)}</contact>"


def page(inner: str, prolog: str = "") -> bytes:
    """Return a page of contacts with this in it."""
    text = f"<response><code>0</code><contacts>{inner}</contacts></response>"
    return (prolog + text).encode()


ROWS = contact(field("1"), field("2", '"b"')) * 3


def test_rows_of_different_shapes_keep_their_order() -> None:
    odd = '<contact><br/><fl val="a">3</fl></contact>'
    inner = contact(field("1")) * 2 + odd + contact(field("4")) + "<contact/>"
    expected = [{"a": "1"}, {"a": "1"}, {"br": None, "a": "3"}, {"a": "4"}, None]
    assert parse_envelope(page(inner)).body["contacts"] == {"contact": expected}


@pytest.mark.parametrize(
    "text",
    [
        ROWS.encode(),
        contact(field("0", '"code"')).encode(),
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
        page(ROWS, "<!-- -->") + b"<!-- -->",
        page(f"<!--{ROWS}-->"),
        page(f"<![CDATA[{ROWS}]]>"),
        page(f"<?x {ROWS}?>"),
        # Of two fields of one name the first is lost, but has to be XML.
        page(contact(field("&#0;"), field("1"))),
        page(contact(field("&#xD800;"), field("1"))),
        page(ROWS).replace(b"1", b"\xe9"),
    ],
)
def test_rows_in_unusual_places_are_parsed_as_by_the_reference(text: bytes) -> None:
    assert outcome(parse_envelope, text) == outcome(reference, text)


OUT_OF_PLACE = [
    *(" ", "\n", "\t", "\r", "\x00", "\x0b", "\x7f", "\x85", "\u2028", "\ufeff", "é"),
    *("\ufffe", "\uffff", "\ue000", "&#xE000;", "&#0;", "&#13;", "&#65;", "&#xD800;"),
    *("&", "&amp;", "&lt;", "&nbsp;", "&#" + "9" * 5000 + ";", '"', "'", "<", ">", "/"),
    *("]", "]]>", "<![CDATA[", "<!--", "-->", "<?x", "?>", "<!DOCTYPE a>", "="),
    *("<a>", "</a>", "<br/>", "<a/>", "<fl>", '<fl val="a">', '<fl val="a"/>', "</fl>"),
    *("<contact>", "</contact>", "<contact/>", '<contact a="b">', "<x:y>"),
    *("<contacts>", "</contacts>", "</response>", "<a>" * 37, "</a>" * 37, ROWS),
]
RAW = [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xbc"]


@pytest.mark.parametrize("piece", [*(piece.encode() for piece in OUT_OF_PLACE), *RAW])
def test_a_misplaced_piece_is_parsed_as_by_the_reference(
    piece: bytes,
) -> None:
    text = page(ROWS)
    # The first character shows the format, so it stays.
    for place in range(1, len(text) + 1):
        changed = text[:place] + piece + text[place:]
        assert outcome(parse_envelope, changed) == outcome(reference, changed)
