"""Envelopes of JSON and XML, in every spelling."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_zohocampaigns.api.wire.envelope import Unreadable
from tap_zohocampaigns.api.wire.java_text import parse_map
from tests.support import samples
from tests.support.bodies import rows_of
from tests.support.zoho import ROWS, VALUES, parse_envelope, rows_or_value_of

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
def test_the_samples_of_the_documentation_are_parsed(
    content: bytes, endpoint: str, expected: object
) -> None:
    envelope = parse_envelope(content)
    assert (envelope.code, envelope.status, envelope.success) == ("0", "success", True)
    assert rows_or_value_of(endpoint, envelope) == expected


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
def test_a_success_with_only_a_message_has_no_payload(
    content: bytes, message: str
) -> None:
    envelope = parse_envelope(content)
    assert envelope.success
    assert envelope.message == message
    for endpoint in ROWS | VALUES:
        with pytest.raises(Unreadable):
            rows_or_value_of(endpoint, envelope)


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
def test_all_spellings_of_an_envelope_are_parsed(
    content: bytes,
    code: str,
    message: str,
    status: str,
    good: object,
) -> None:
    envelope = parse_envelope(content)
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
def test_values_of_the_request_that_the_answer_repeats_are_found(
    content: bytes, total: int | None, used: object
) -> None:
    envelope = parse_envelope(content)
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
def test_the_text_of_a_java_map_is_parsed_one_level_deep(
    text: str, expected: dict[str, str]
) -> None:
    assert parse_map(text) == expected


WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1)


@given(st.dictionaries(WORDS, WORDS))
def test_a_java_map_of_plain_words_is_parsed(words: dict[str, str]) -> None:
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
def test_rows_are_parsed_from_malformed_answers(
    content: bytes, expected: list[dict[str, str]] | None
) -> None:
    if expected is None:
        with pytest.raises(Unreadable):
            rows_of(content)
    else:
        assert rows_of(content) == expected
