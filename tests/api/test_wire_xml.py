"""XML is read as xmltodict and two more passes read it, in a quarter of the time."""

from __future__ import annotations

import gc
import json
import re
import tracemalloc
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

import pytest
import xmltodict
from hypothesis import example, given
from hypothesis import strategies as st

from tap_zohocampaigns.api import wire
from tap_zohocampaigns.api.errors import Failed, ZohoError
from tests import samples

if TYPE_CHECKING:
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


def reference(text: bytes) -> wire.Envelope:
    """Read XML in the plain way."""
    mended = BARE.sub(b"&amp;", text)
    mended = re.sub(rb"^(<\?xml\s+version\s*=\s*[\"'])1\.1", rb"\1.0", mended)
    mended = re.sub(CONTROL, b"", mended)
    for attempt in (text, mended.decode(errors="replace").encode()):
        with suppress(expat.ExpatError, LookupError, ValueError):
            guard(attempt)
            value = plain(xmltodict.parse(attempt, strip_whitespace=False))
            return wire.read(json.dumps(value).encode())
    msg = "a body that is not whole"
    raise wire.Unreadable(msg)


def guard(text: bytes) -> None:
    """Refuse a DOCTYPE, and what is too deep."""
    depth = 0

    def doctype(*_: object) -> None:
        msg = "Zoho sent XML with a DOCTYPE, which is never read."
        raise Failed(msg)

    def start(*_: object) -> None:
        nonlocal depth
        depth += 1
        if depth > 40:
            msg = "Zoho sent XML nested deeper than 40 elements."
            raise Failed(msg)

    def end(_: object) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.Parse(text, True)  # noqa: FBT003 (expat takes it by position)


def plain(value: Any) -> Any:
    """Turn xmltodict's form of an element into the one that JSON has."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    fields: dict[str, Any] = {}
    for name, item in value.items():
        if name == "fl":
            for field in item if isinstance(item, list) else [item]:
                if isinstance(field, dict):
                    fields[str(field.get("@val"))] = plain(field)
        elif name[0] not in "@#":
            fields[name] = plain(item)
    return fields or value.get("#text", "")


def outcome(read: Callable[[bytes], wire.Envelope], text: bytes) -> str:
    """Return all that an answer or an error says, in its order."""
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
# What no writer should send, and some do.
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


@given(documents(), st.sampled_from([7, wire.PIECE]))
@example(samples.RECIPIENTS_XML, 10)
@example(samples.SEGMENT_CONTACTS_XML, 1000)
def test_xml_is_read_as_the_reference_reads_it(text: bytes, piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire, "PIECE", piece)
        assert outcome(wire.read, text) == outcome(reference, text)


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
        # A field without a name and attributes is noise.
        ("<fl>1</fl>", {}),
        ('<fl>1</fl><fl val="a">2</fl>', {"a": "2"}),
        ("<a><fl>1</fl></a>", {"a": ""}),
        ("<a>b<fl>1</fl>c</a>", {"a": "bc"}),
        # The last kind of element wins, fields being where the first of them is.
        ('<a>1</a><fl val="a">2</fl>', {"a": "2"}),
        ('<fl val="a">1</fl><a>2</a><fl val="a">3</fl>', {"a": "2"}),
    ],
)
def test_an_element_is_the_value_that_json_has(
    inner: str, expected: dict[str, object]
) -> None:
    text = f"<response><code>0</code>{inner}</response>".encode()
    assert wire.read(text).body == {"code": "0", **expected}
    assert outcome(wire.read, text) == outcome(reference, text)


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "cp1252", "utf-16"])
def test_the_encoding_that_is_declared_is_used(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><code>0 \u00e9</code>'
    content = text.encode("utf-16-le" if encoding == "utf-16" else encoding)
    assert wire.read(content).code == "0 \u00e9"


def test_what_only_looks_like_a_doctype_is_read() -> None:
    inner = b"<!-- <!DOCTYPE a> --><a><![CDATA[<!DOCTYPE a>]]></a>"
    text = b"<!-- <!DOCTYPE a> --><response><code>0</code>" + inner + b"</response>"
    assert wire.read(text).body == {"code": "0", "a": "<!DOCTYPE a>"}


@pytest.mark.parametrize("broken", ["", "&nbsp;", "</b>", "<"])
@pytest.mark.parametrize(("start", "end"), [("<a>", "</a>"), ('<fl val="a">', "</fl>")])
def test_what_was_too_deep_before_it_broke_is_refused(
    start: str, end: str, broken: str
) -> None:
    with pytest.raises(Failed, match="nested deeper than 40 elements"):
        wire.read((start * 41 + end * 41 + broken).encode())
    with pytest.raises(wire.Unreadable):
        wire.read((start * 40 + broken).encode())


def test_no_tree_is_built_of_what_nests_too_deep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire, "PIECE", 1 << 10)
    text = b"<response><code>0</code>" + b"<a>" * (1 << 16)
    tracemalloc.start()
    with pytest.raises(Failed, match="nested"):
        wire.read(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < len(text)


@pytest.mark.parametrize("content", [samples.COUNT_XML, b"<a>", b"<!DOCTYPE a><a/>"])
@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_is_collected_afterwards_if_it_was_before(
    content: bytes, enabled: object
) -> None:
    (gc.enable if enabled else gc.disable)()
    try:
        outcome(wire.read, content)
        assert gc.isenabled() is enabled
    finally:
        gc.enable()
