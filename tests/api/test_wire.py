from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_zohocampaigns.api.errors import FatalError, ZohoError
from tap_zohocampaigns.api.wire import envelope as wire
from tap_zohocampaigns.api.wire import xml
from tap_zohocampaigns.api.wire.envelope import Envelope, Unreadable
from tap_zohocampaigns.api.wire.java_text import parse_map
from tap_zohocampaigns.api.wire.shapes import as_objects
from tests.support import samples
from tests.support.zoho import ROWS, VALUES, payload, read

XML_CONTACT = {
    "added_time": "02 Aug 2013, 12:39 PM",
    "first_name": "meganath.v",
    "last_name": "",
    "company_name": "",
    "phone": "",
    "contact_email": "john.doe@xyz.com",
}
JSON_CONTACT = {
    "phone": "null",
    "timezone": "null",
    "contactstatus": "active",
    "contactemailaddress": "john.doe@xyz.com",
    "sent_time": "1375456161000",
    "lastname": "",
    "sentdate": "02 Aug 2013, 12:39 PM",
    "firstname": "meganath.v",
    "contactid": "303000014269257",
    "companyname": "null",
}
MEMBERS = [
    {
        "contact_email": f"{name}@thandora.com",
        "firstname": "",
        "lastname": "",
        "companyname": "",
        "added_time": "22 Apr 2011, 04:37 PM",
        "phone": "",
    }
    for name in ("user512", "user212", "user612")
] + [
    {
        "contact_email": "user118@thandora.com",
        "firstname": "changefname users",
        "lastname": "users",
        "companyname": "",
        "added_time": "16 Apr 2011, 09:00 PM",
        "phone": "",
    }
]
RECIPIENTS = "getcampaignrecipientsdata"
WHOLE = [
    samples.RECIPIENTS_XML,
    samples.RECIPIENTS_JSON,
    samples.SEGMENT_CONTACTS_XML,
    samples.COUNT_XML,
    samples.COUNT_JSON,
]


def contacts(rows: str) -> bytes:
    """Return a page of a segment with these elements."""
    return (
        "<response><status>success</status><code>0</code>"
        f"<segment_contacts>{rows}</segment_contacts></response>"
    ).encode()


CAMPAIGNS_V1 = [
    {
        "campaign_name": "CAMPAIG",
        "campaign_key": key,
        "sent_time": sent,
        "campaign_status": "Sent",
        "created_time": created,
        "br": [None] * 6,
    }
    for key, sent, created in (
        ("34594177d382061b99f747d905612a4b", "1342503703000", "1342503640000"),
        ("34594177d382061b56febfd0cb811b03", "1342503459000", "1342503425000"),
    )
]


def rows_of(content: bytes, endpoint: str = "getsegmentcontacts") -> Any:
    return payload(endpoint, read(content))


@pytest.mark.parametrize(
    ("content", "endpoint", "expected"),
    [
        (samples.RECIPIENTS_XML, RECIPIENTS, [XML_CONTACT]),
        (samples.RECIPIENTS_CN_XML, RECIPIENTS, [XML_CONTACT]),
        (samples.RECIPIENTS_JSON, RECIPIENTS, [JSON_CONTACT]),
        (samples.RECIPIENTS_CN_JSON, RECIPIENTS, [JSON_CONTACT]),
        (samples.SEGMENT_CONTACTS_XML, "getsegmentcontacts", MEMBERS),
        (samples.COUNT_XML, "listsubscriberscount", "2"),
        (samples.COUNT_JSON, "listsubscriberscount", 2),
        (samples.CAMPAIGNS_V1_XML, "recentcampaigns", CAMPAIGNS_V1),
    ],
)
def test_the_samples_of_the_documentation_are_read(
    content: bytes, endpoint: str, expected: object
) -> None:
    envelope = read(content)
    assert (envelope.code, envelope.status, envelope.success) == ("0", "success", True)
    assert payload(endpoint, envelope) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            body,
            (
                "A confirmation email is sent to the user. User needs to confirm to "
                "successfully subscribe."
            ),
        )
        for body in (samples.SUBSCRIBE_XML, samples.SUBSCRIBE_JSON)
    ]
    + [
        (body, "User successfully unsubscribed.")
        for body in (samples.UNSUBSCRIBE_XML, samples.UNSUBSCRIBE_JSON)
    ],
)
def test_a_success_with_a_message_only_has_no_rows_to_give(
    content: bytes, message: str
) -> None:
    envelope = read(content)
    assert envelope.success
    assert envelope.message == message
    for endpoint in ROWS | VALUES:
        with pytest.raises(Unreadable):
            payload(endpoint, envelope)


@pytest.mark.parametrize(
    ("content", "code", "message", "status", "good"),
    [
        (b'{"response":{"code":"200","message":"m"}}', "200", "m", "none", True),
        (
            (
                b'{"message":"Unauthorized request.","version":"1.1",'
                b'"URI":"/api/v1.1/getmailinglists","Code":"1007","status":"error"}'
            ),
            "1007",
            "Unauthorized request.",
            "error",
            False,
        ),
        (b'{"code":0,"status":"success"}', "0", "", "success", True),
        (b'{"code":2401,"status":"Error"}', "2401", "", "error", False),
        (b'{"code":"0","status":"failure"}', "0", "", "failure", False),
        (b'{"code":"0","status":"ERROR"}', "0", "", "error", False),
        (
            (
                b'<response uri="/api/v1.1/openapi.json" version="1"><code>1004</code>'
                b"<message>It is a wrong URL.</message></response>"
            ),
            "1004",
            "It is a wrong URL.",
            "none",
            False,
        ),
        (
            b"<response><code>Z101</code><status>error</status><message/></response>",
            "Z101",
            "",
            "error",
            False,
        ),
        (
            (
                b"<response><status>success</status><code>0</code><status>active</status>"
                b"</response>"
            ),
            "0",
            "",
            "success",
            True,
        ),
        (
            (
                b"<response><status>error</status><code>0</code><status>active</status>"
                b"</response>"
            ),
            "0",
            "",
            "error",
            False,
        ),
        (b"\xef\xbb\xbf\r\n <response><code> 0 </code></response>", "0", "", "", True),
        (b'\xef\xbb\xbf\n{"code":"0"}', "0", "", "none", True),
    ],
)
def test_an_envelope_is_read_in_every_spelling(
    content: bytes,
    code: str,
    message: str,
    status: str,
    good: object,
) -> None:
    envelope = read(content)
    assert (envelope.code, envelope.message) == (code, message)
    assert envelope.success is good
    assert envelope.status == (status or "none")


@pytest.mark.parametrize(
    ("content", "total", "used"),
    [
        (
            b'{"code":"0","requestdetails":{"range":5,"total_list_count":12}}',
            12,
            5,
        ),
        (
            (
                b'{"code":"0","requestdetails":"{range=5, status=All, fromindex=1}",'
                b'"total_record_count":"44","campaign_count":"5"}'
            ),
            44,
            "5",
        ),
        (
            (
                b"<response><code>0</code><range>20</range>"
                b"<total_record_count>7</total_record_count></response>"
            ),
            7,
            "20",
        ),
        (b'{"code":"0","requestdetails":"{}"}', None, None),
        (b'{"code":"0","total_record_count":"many"}', None, None),
    ],
)
def test_what_the_answer_repeats_of_the_request_is_found(
    content: bytes, total: int | None, used: object
) -> None:
    envelope = read(content)
    assert envelope.total == total
    assert envelope.detail("range") == used


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", {}),
        ("", {}),
        (
            "{range=5, status=All, fromindex=1}",
            {"range": "5", "status": "All", "fromindex": "1"},
        ),
        ("{1=Smith, John, 2=b}", {"1": "Smith, John", "2": "b"}),
        ("{a=b=c}", {"a": "b=c"}),
        ("{a=[x, y], b={c=d, e=f}}", {"a": "[x, y]", "b": "{c=d, e=f}"}),
        ("no map", {}),
    ],
)
def test_the_text_of_a_java_map_is_read_one_level_deep(
    text: str, expected: dict[str, str]
) -> None:
    assert parse_map(text) == expected


WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1)


@given(st.dictionaries(WORDS, WORDS))
def test_a_java_map_of_plain_words_is_read_back(words: dict[str, str]) -> None:
    text = ", ".join(f"{name}={value}" for name, value in words.items())
    assert parse_map(f"{{{text}}}") == words


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # One element is a list of one, none is none.
        (contacts(""), []),
        (contacts("\n\t"), []),
        (contacts('<contact><fl val="a">1</fl></contact>'), [{"a": "1"}]),
        (contacts("<contact/>"), None),
        (contacts("<contact/><contact/>"), None),
        (contacts("<contact>text</contact>"), None),
        # Zoho's own samples: text between elements, a bare ampersand, XML 1.1.
        (
            contacts('<contact>segment<fl val="a">1</fl><br/>x</contact>'),
            [{"a": "1", "br": None}],
        ),
        (
            contacts('<contact><fl val="a">HTML & Plain &amp; &lt;</fl></contact>'),
            [{"a": "HTML & Plain & <"}],
        ),
        (
            contacts('<contact><fl val="a">R&D &nbsp; &#65;</fl></contact>'),
            [{"a": "R&D &nbsp; A"}],
        ),
        (
            b'<?xml version="1.1" encoding="UTF-8"?>'
            + contacts('<contact><fl val="a">\u00e9</fl></contact>'),
            [{"a": "\u00e9"}],
        ),
        # JSON keeps the blanks around a name, so XML must.
        (contacts('<contact><fl val="a"> b\n</fl></contact>'), [{"a": " b\n"}]),
        (
            contacts('<contact><fl val="last seen yymmdd">1</fl></contact>'),
            [{"last seen yymmdd": "1"}],
        ),
        # Broken UTF-8, control characters, half of an emoji.
        (
            b'{"code":"0","list_of_details":[{"a":"x\xffy"}]}',
            [{"a": "x\ufffdy"}],
        ),
        (b'{"code":"0","list_of_details":[{"a":"\x01\t"}]}', [{"a": "\x01\t"}]),
        (b'{"code":"0","list_of_details":[{"a":"\\ud83d"}]}', [{"a": "?"}]),
        (
            contacts('<contact><fl val="a">x@y</fl></contact>').replace(b"@", b"\xff"),
            [{"a": "x\ufffdy"}],
        ),
        (
            contacts('<contact><fl val="a">x@y</fl></contact>').replace(b"@", b"\x03"),
            [{"a": "xy"}],
        ),
        # U+0000, which PostgreSQL takes in no text.
        (
            b'{"code":"0","list_of_details":[{"a\\u0000":"x\\u0000y","b":["\\u0000"]}]}',
            [{"a": "xy", "b": [""]}],
        ),
        (b'{"code":"0","list_of_details":[{"a\0":"x\0y"}]}', [{"a": "xy"}]),
        (
            b'{"code":"0","list_of_details":[{"a":"\\u0000 \\ud83d\x01"}]}',
            [{"a": " ?\x01"}],
        ),
        (b'{"code":"0","list_of_details":[{"a":"\\\\u0000"}]}', [{"a": "\\u0000"}]),
        (contacts('<contact><fl val="a\0">x\0y</fl></contact>'), [{"a": "xy"}]),
        (
            contacts('<contact><fl val="a&#0;">x&#x0;y&#00;&#x000;</fl></contact>'),
            [{"a": "xy"}],
        ),
        (
            contacts(
                '<contact><fl val="a">&#1;&#x1F;&#31;&#xb;b&#9;&#10;</fl></contact>'
            ),
            [{"a": "b\t\n"}],
        ),
        # Numbers beyond what a float holds.
        (
            b'{"code":"0","list_of_details":[{"a":1e999,"b":0.12345678901234567890}]}',
            [{"a": "1e999", "b": Decimal("0.1234567890123456789")}],
        ),
        (
            b'{"code":"0","list_of_details":[{"a":'
            + b"1" * 5000
            + b',"b":0.1,"c":7}]}',
            [{"a": "1" * 5000, "b": 0.1, "c": 7}],
        ),
        (
            b'{"code":"0","list_of_details":[{"a":"\xff","b":9007199254740993.5}]}',
            [{"a": "\ufffd", "b": Decimal("9007199254740993.5")}],
        ),
        (
            b'{"code":"0","list_of_details":[{"a":1234567890123456789012}]}',
            [{"a": 1234567890123456789012}],
        ),
        (b'{"code":"0","list_of_details":{"a":"1"}}', [{"a": "1"}]),
        (b'{"code":"0","list_of_details":[]}', []),
        (b'{"code":"0","list_of_details":{}}', []),
    ],
)
def test_rows_are_read_from_what_sloppy_writers_send(
    content: bytes, expected: list[dict[str, str]] | None
) -> None:
    if expected is None:
        with pytest.raises(Unreadable):
            rows_of(content)
    else:
        assert rows_of(content) == expected


@pytest.mark.parametrize("whole", WHOLE)
def test_a_body_that_is_cut_anywhere_is_unreadable(whole: bytes) -> None:
    for end in range(len(whole)):
        with pytest.raises(Unreadable):
            read(whole[:end])


@pytest.mark.parametrize("fault", [b"&", b"\xff", b"\x01"])
def test_a_body_that_has_to_be_mended_is_still_unreadable_when_cut(
    fault: bytes,
) -> None:
    for whole in (samples.SEGMENT_CONTACTS_XML, samples.RECIPIENTS_JSON):
        sloppy = whole.replace(b"user512", fault).replace(b"meganath", fault)
        assert read(sloppy).success
        for end in range(len(sloppy)):
            with pytest.raises(Unreadable):
                read(sloppy[:end])


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
def test_what_is_no_answer_of_the_service_is_unreadable(content: bytes) -> None:
    with pytest.raises(Unreadable):
        read(content)


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
def test_rows_of_a_wrong_type_are_unreadable_and_never_none(
    endpoint: str, rows: str
) -> None:
    for name in ROWS[endpoint]:
        with pytest.raises(Unreadable):
            rows_of(f'{{"code":"0","{name}":{rows}}}'.encode(), endpoint)


@pytest.mark.parametrize("endpoint", sorted(ROWS | VALUES))
def test_a_success_without_what_was_asked_for_is_unreadable(endpoint: str) -> None:
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
            f"<{name}>{element(each)}</{name}>"
            for name, listed in value.items()
            for each in (listed if isinstance(listed, list) else [listed])
        )
    return str(value)


FORMS = ("json", "xml")
CODELESS = sorted(ROWS | VALUES)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("endpoint", CODELESS)
def test_rows_without_a_code_are_a_success_and_no_rows_are_none(
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
                payload(endpoint, good(read(answer)))


def good(envelope: Envelope) -> Envelope:
    """Return an envelope if it is a success."""
    if not envelope.success:
        raise Unreadable
    return envelope


def test_a_count_of_nobody_without_a_code_is_no_answer() -> None:
    assert rows_of(b'{"code":"0","no_of_contacts":0}', "listsubscriberscount") == 0
    with pytest.raises(Unreadable):
        rows_of(b'{"no_of_contacts":0}', "listsubscriberscount")


ODD: list[object] = [
    *([], {}, None, 0, 1, -1, 1.5, True, False, "", [[]], [{}], {"a": []}),
    *([None], ["a", []], {"a": {"b": ["c"]}}, [[["error"]]], "1" * 5000),
]


@pytest.mark.parametrize("name", ["status", "code", "message", "uri", "version"])
@pytest.mark.parametrize("odd", ODD, ids=count())
def test_a_head_of_any_type_is_read_or_unreadable(name: str, odd: object) -> None:
    body = {"status": "success", "code": "0", "list_of_details": [{"listkey": "a"}]}
    with suppress(Unreadable):
        envelope = read(json.dumps(body | {name: odd}).encode())
        assert isinstance(envelope.code, str)
        assert isinstance(envelope.message, str)
        assert isinstance(envelope.status, str)


@pytest.mark.parametrize("odd", [*ODD, "{range=x}", "{range=-1}"], ids=count())
@pytest.mark.parametrize(
    "name", ["range", "total_list_count", "total_record_count", "requestdetails"]
)
def test_details_of_any_type_are_numbers_or_nothing(name: str, odd: object) -> None:
    for body in (
        {"code": "0", name: odd},
        {"code": "0", "requestdetails": {name: odd}},
    ):
        envelope = read(json.dumps(body).encode())
        assert (envelope.used_range or 1) > 0
        assert (envelope.total or 0) >= 0


@pytest.mark.parametrize(
    "status", [["error"], ["success", "error"], [["failure"]], {"a": "error"}, False]
)
def test_a_status_that_tells_of_an_error_anywhere_is_one(status: object) -> None:
    body = {"status": status, "code": "0", "list_of_details": []}
    assert not read(json.dumps(body).encode()).success


@pytest.mark.parametrize(
    "codes", [{"code": "0", "Code": "2603"}, {"Code": "2603", "code": "0"}]
)
def test_of_two_codes_that_of_an_error_counts(codes: dict[str, str]) -> None:
    assert read(json.dumps(codes).encode()).code == "2603"


def test_a_text_of_many_brackets_is_refused_with_a_sentence() -> None:
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
def test_xml_that_can_exhaust_the_machine_is_refused_with_a_sentence(
    content: bytes, word: str
) -> None:
    with pytest.raises(FatalError, match=rf"^Zoho sent XML .*{word}.*\.$"):
        read(content)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_a_doctype_is_read_in_no_encoding(encoding: str) -> None:
    for text in (DOCTYPE + REPLY, b'<?xml version="1.0"?>' + DOCTYPE + REPLY):
        with pytest.raises(ZohoError):
            read(text.decode().encode(encoding))


@pytest.mark.parametrize("encoding", ["gbk", "shift_jis", "utf-7", "bogus", "hex"])
def test_xml_in_an_encoding_that_no_parser_knows_is_an_error_of_ours(
    encoding: str,
) -> None:
    declared = f'<?xml version="1.0" encoding="{encoding}"?>'.encode()
    with pytest.raises(ZohoError):
        read(declared + samples.COUNT_XML)


def test_xml_of_the_deepest_nesting_that_is_allowed_is_read() -> None:
    deep = b"<a>" * (xml.MAX_DEPTH - 1) + b"</a>" * (xml.MAX_DEPTH - 1)
    body = b"<response><code>0</code>" + deep + b"</response>"
    assert read(body).success


def test_a_body_of_too_many_bytes_is_refused_naming_the_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire, "MAX_BYTES", 1 << 20)
    filling = b" " * ((1 << 20) - len(samples.COUNT_JSON))
    assert read(filling + samples.COUNT_JSON).success
    with pytest.raises(FatalError, match=r"more than 1 MiB at once: lower `page_size`"):
        read(filling + b" " + samples.COUNT_JSON)


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]))


@given(st.lists(st.dictionaries(TEXTS, TEXTS | st.integers() | st.booleans())))
def test_rows_of_json_are_read_as_they_are(rows: list[dict[str, object]]) -> None:
    body = {"code": "0", "status": "success", "list_of_details": rows}
    expected = rows
    assert rows_of(json.dumps(body).encode()) == expected


@given(st.binary())
def test_any_bytes_are_an_envelope_or_an_error_of_ours(content: bytes) -> None:
    for start in (b"", b"<response>", b'{"code":'):
        try:
            envelope = read(start + content)
        except ZohoError:
            continue
        assert envelope.code
