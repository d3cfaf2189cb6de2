"""Answers that are not readable, cut, or dangerous."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_zohocampaigns.api.errors import FatalError, ZohoError
from tap_zohocampaigns.api.wire import envelope as wire
from tap_zohocampaigns.api.wire import xml
from tap_zohocampaigns.api.wire.envelope import Unreadable
from tap_zohocampaigns.api.wire.shapes import as_objects
from tests.support import samples
from tests.support.bodies import require_success, rows_of
from tests.support.zoho import ROWS, VALUES, parse_envelope, rows_or_value_of

WHOLE = [
    samples.RECIPIENTS_XML,
    samples.RECIPIENTS_JSON,
    samples.SEGMENT_CONTACTS_XML,
    samples.COUNT_XML,
    samples.COUNT_JSON,
]


@pytest.mark.parametrize("whole", WHOLE)
def test_a_body_that_is_cut_anywhere_is_unreadable(whole: bytes) -> None:
    for end in range(len(whole)):
        with pytest.raises(Unreadable):
            parse_envelope(whole[:end])


@pytest.mark.parametrize("fault", [b"&", b"\xff", b"\x01"])
def test_a_mended_body_is_still_unreadable_when_cut(
    fault: bytes,
) -> None:
    for whole in (samples.SEGMENT_CONTACTS_XML, samples.RECIPIENTS_JSON):
        sloppy = whole.replace(b"user512", fault).replace(b"meganath", fault)
        assert parse_envelope(sloppy).success
        for end in range(len(sloppy)):
            with pytest.raises(Unreadable):
                parse_envelope(sloppy[:end])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \r\n",
        b"\xef\xbb\xbf",
        b"<!DOCTYPE html><html><body>IamError.zc</body></html>",
        b"\n<HTML lang=en><head>",
        b"<html><body><code>0</code></body></html>",
        b"<body><code>0</code></body>",
        b"null",
        b"0",
        b'"text"',
        b"[]",
        b'[{"code":"0","list_of_details":[]}]',
        b"{}",
        b'{"status":"success","list_of_details":[]}',
        b'{"code":null}',
        b'{"code":""}',
        b'{"code":true}',
        b'{"code":["0"]}',
        b'{"response":"0"}',
        b'{"error":{"status_code":"400","title":"URL_ROLLING"}}',
        b"<response/>",
        b"<response><code/></response>",
        b"<response>0</response>",
        b"<h1>503</h1>",
        b"Service Unavailable",
        b'{"code":"0"}{"code":"0"}',
        b'{"code":"0","a":NaN}',
        b'{"code":"0","a":-Infinity}',
        b'{"code":"0","a":"\\u0000","b":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b"[" * 100_000,
        b'{"code":"0","a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=count(),
)
def test_bodies_that_are_not_answers_are_unreadable(content: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_envelope(content)


@pytest.mark.parametrize(
    "rows",
    [
        '"text"',
        "5",
        "true",
        "[1]",
        '["a@b.c"]',
        "[[]]",
        '[{"a":"1"},"b"]',
        "[null]",
        "false",
        "0",
    ],
)
@pytest.mark.parametrize("endpoint", sorted(ROWS))
def test_rows_of_a_wrong_type_are_unreadable(endpoint: str, rows: str) -> None:
    for name in ROWS[endpoint]:
        with pytest.raises(Unreadable):
            rows_of(f'{{"code":"0","{name}":{rows}}}'.encode(), endpoint)


@pytest.mark.parametrize("endpoint", sorted(ROWS | VALUES))
def test_a_success_without_its_payload_is_unreadable(endpoint: str) -> None:
    for content in (
        b'{"status":"success","code":"0"}',
        b"<response><status>success</status><code>0</code></response>",
    ):
        with pytest.raises(Unreadable):
            rows_of(content, endpoint)


def as_bytes(body: object, form: str) -> bytes:
    """Return an answer of names, texts, lists and objects, in either format."""
    if form == "json":
        return json.dumps(body).encode()
    return f"<response>{element(body)}</response>".encode()


def element(value: object) -> str:
    if isinstance(value, dict):
        return "".join(
            f"<{name}>{element(item)}</{name}>"
            for name, listed in value.items()
            for item in (listed if isinstance(listed, list) else [listed])
        )
    return str(value)


FORMS = ("json", "xml")
CODELESS = sorted(ROWS | VALUES)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("endpoint", CODELESS)
def test_an_answer_without_a_code_is_a_success_only_with_rows(
    endpoint: str, form: str
) -> None:
    for name in (ROWS | VALUES)[endpoint]:
        full: object = {"a": {"b": "c"}}
        empty: list[object] = [[], {}, "", "{}"]
        if endpoint == "listsubscriberscount":
            full, empty = 2, [0, ""]
        content = as_bytes({name: full}, form)
        assert rows_of(content, endpoint) in ([full], full, str(full)) or (
            endpoint == "tag/getalltags"
        )
        for nothing in empty:
            with pytest.raises(Unreadable):
                rows_of(as_bytes({name: nothing}, form), endpoint)
        for fault in (
            {"status": "error"},
            {"status": "failure"},
            {"error": "a"},
            {"Errors": {"a": "b"}},
            {"message": "Please try after sometime."},
            {"code": "2603"},
        ):
            answer = as_bytes({name: full} | fault, form)
            with pytest.raises(Unreadable):
                rows_or_value_of(endpoint, require_success(parse_envelope(answer)))


def test_a_count_of_0_without_a_code_is_unreadable() -> None:
    assert rows_of(b'{"code":"0","no_of_contacts":0}', "listsubscriberscount") == 0
    with pytest.raises(Unreadable):
        rows_of(b'{"no_of_contacts":0}', "listsubscriberscount")


ODD: list[object] = [
    *([], {}, None, 0, 1, -1, 1.5, True, False, "", [[]], [{}], {"a": []}),
    *([None], ["a", []], {"a": {"b": ["c"]}}, [[["error"]]], "1" * 5000),
]


@pytest.mark.parametrize("name", ["status", "code", "message", "uri", "version"])
@pytest.mark.parametrize("odd", ODD, ids=count())
def test_code_status_and_message_of_any_type_are_parsed_or_unreadable(
    name: str, odd: object
) -> None:
    body = {"status": "success", "code": "0", "list_of_details": [{"listkey": "a"}]}
    with suppress(Unreadable):
        envelope = parse_envelope(json.dumps(body | {name: odd}).encode())
        assert isinstance(envelope.code, str)
        assert isinstance(envelope.message, str)
        assert isinstance(envelope.status, str)


@pytest.mark.parametrize("odd", [*ODD, "{range=x}", "{range=-1}"], ids=count())
@pytest.mark.parametrize(
    "name", ["range", "total_list_count", "total_record_count", "requestdetails"]
)
def test_details_of_any_type_are_a_number_or_none(name: str, odd: object) -> None:
    for body in (
        {"code": "0", name: odd},
        {"code": "0", "requestdetails": {name: odd}},
    ):
        envelope = parse_envelope(json.dumps(body).encode())
        assert (envelope.used_range or 1) > 0
        assert (envelope.total or 0) >= 0


@pytest.mark.parametrize(
    "status", [["error"], ["success", "error"], [["failure"]], {"a": "error"}, False]
)
def test_a_status_that_contains_an_error_is_an_error(status: object) -> None:
    body = {"status": status, "code": "0", "list_of_details": []}
    assert not parse_envelope(json.dumps(body).encode()).success


@pytest.mark.parametrize(
    "codes", [{"code": "0", "Code": "2603"}, {"Code": "2603", "code": "0"}]
)
def test_of_two_codes_the_error_counts(codes: dict[str, str]) -> None:
    assert parse_envelope(json.dumps(codes).encode()).code == "2603"


def test_deeply_nested_brackets_are_an_error() -> None:
    with pytest.raises(FatalError, match="form that this version does not know"):
        as_objects("[" * 5000 + "]" * 5000)
    with pytest.raises(FatalError):
        as_objects([[["a"]]])


LAUGHS = b'<!ENTITY a "lol">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + number, b"&%c;" % (97 + number) * 10)
    for number in range(12)
)
DOCTYPE = b'<!DOCTYPE response [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
REPLY = b"<response><code>0</code><list_of_details>&x;</list_of_details></response>"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"<!DOCTYPE response>" + REPLY, "DOCTYPE"),
        (b'<?xml version="1.0"?>' + DOCTYPE + REPLY, "DOCTYPE"),
        (b'<?xml version="1.1"?>' + DOCTYPE + REPLY, "DOCTYPE"),
        (b"<!-- & -->" + DOCTYPE + REPLY, "DOCTYPE"),
        (b"<!DOCTYPE a [" + LAUGHS + b"]><a>&m;</a>", "DOCTYPE"),
        (b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>', "DOCTYPE"),
        ((DOCTYPE + REPLY).decode().encode("utf-16-le"), "DOCTYPE"),
        (b"<a>" * 100_000, "nested"),
        (b"<a>" * 100_000 + b"</a>" * 100_000, "nested"),
        (b"<response>" + b"<a>" * 40 + b"</a>" * 40 + b"</response>", "nested"),
    ],
    ids=count(),
)
def test_dangerous_xml_is_an_error(content: bytes, word: str) -> None:
    with pytest.raises(FatalError, match=rf"^Zoho sent XML .*{word}.*\.$"):
        parse_envelope(content)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_a_doctype_is_refused_in_every_encoding(encoding: str) -> None:
    for text in (DOCTYPE + REPLY, b'<?xml version="1.0"?>' + DOCTYPE + REPLY):
        with pytest.raises(ZohoError):
            parse_envelope(text.decode().encode(encoding))


@pytest.mark.parametrize("encoding", ["gbk", "shift_jis", "utf-7", "bogus", "hex"])
def test_xml_in_an_unknown_encoding_is_a_zoho_error(
    encoding: str,
) -> None:
    declared = f'<?xml version="1.0" encoding="{encoding}"?>'.encode()
    with pytest.raises(ZohoError):
        parse_envelope(declared + samples.COUNT_XML)


def test_xml_of_the_greatest_allowed_depth_is_parsed() -> None:
    deep = b"<a>" * (xml.MAX_DEPTH - 1) + b"</a>" * (xml.MAX_DEPTH - 1)
    body = b"<response><code>0</code>" + deep + b"</response>"
    assert parse_envelope(body).success


def test_a_body_that_is_too_large_names_the_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire, "MAX_BYTES", 1 << 20)
    filling = b" " * ((1 << 20) - len(samples.COUNT_JSON))
    assert parse_envelope(filling + samples.COUNT_JSON).success
    with pytest.raises(FatalError, match=r"more than 1 MiB at once: lower `page_size`"):
        parse_envelope(filling + b" " + samples.COUNT_JSON)


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]))


@given(st.lists(st.dictionaries(TEXTS, TEXTS | st.integers() | st.booleans())))
def test_rows_of_json_are_unchanged(rows: list[dict[str, object]]) -> None:
    body = {"code": "0", "status": "success", "list_of_details": rows}
    expected = rows
    assert rows_of(json.dumps(body).encode()) == expected


@given(st.binary())
def test_any_bytes_give_an_envelope_or_a_zoho_error(content: bytes) -> None:
    for start in (b"", b"<response>", b'{"code":'):
        try:
            envelope = parse_envelope(start + content)
        except ZohoError:
            continue
        assert envelope.code
