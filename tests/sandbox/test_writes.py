"""Calls that change contacts, as documented by Zoho and reported by users."""

from __future__ import annotations

import typing as t
from urllib.parse import quote_plus, urlencode

import pytest

from tap_zohocampaigns.sandbox import LivingAccount, Service
from tests.sandbox.conftest import NOON, Clock
from tests.support.fixed_account import MAILING_LIST, FixedAccount
from tests.support.sandbox_client import FORM, Answer, Client

if t.TYPE_CHECKING:
    from collections.abc import Iterator

FORMS = ("json", "xml")
EMAIL = "new.person@example.com"


@pytest.fixture
def service(clock: Clock) -> Iterator[Service]:
    account = LivingAccount(clock=lambda: NOON, contacts=200)
    with Service(account, monotonic=clock) as service:
        yield service


def list_key_of(service: Service, *, public: bool = False) -> str:
    """Return the key of a list. Public lists have a signup form."""
    return next(
        mailing_list.key
        for mailing_list in service.account.lists()
        if mailing_list.public is public
    )


def contact(form: str, email: str = EMAIL, **fields: str) -> str:
    """Return a contact in the form of Zoho's documentation."""
    pairs = {**{name.replace("_", " "): value for name, value in fields.items()}}
    pairs["Contact Email"] = email
    if form == "json":
        return "{" + ",".join(f"{name}:{value}" for name, value in pairs.items()) + "}"
    inner = "".join(f'<fl val="{name}">{value}</fl>' for name, value in pairs.items())
    return f"<xml>{inner}</xml>"


def post(client: Client, endpoint: str, **params: str) -> Answer:
    return client.send("POST", f"/api/v1.1/{endpoint}", urlencode(params), FORM)


def code_and_message(answer: Answer) -> tuple[str, str]:
    """Return the code and the message of an answer in either format."""
    if answer.body.startswith(b"<"):
        document = answer.xml
        code = document.findtext("code") or document.findtext("Code")
        return code or "", document.findtext("message") or ""
    body: dict[str, t.Any] = answer.json
    return body.get("code") or body["Code"], body["message"]


@pytest.mark.parametrize("form", FORMS)
def test_a_contact_is_subscribed_changed_unsubscribed_and_blocked(
    client: Client, form: str
) -> None:
    account, list_key = client.service.account, list_key_of(client.service)
    before = {
        status: account.subscribers(list_key, status) for status in ("active", "unsub")
    }

    def call(name: str, info: str) -> tuple[str, str]:
        answer = post(client, f"{form}/{name}", listkey=list_key, contactinfo=info)
        return code_and_message(answer)

    info = contact(form, First_Name="mac", Favourite_colour="blue", Unknown="x")
    assert call("listsubscribe", info) == ("0", "User successfully subscribed.")
    assert account.subscribers(list_key, "active") == before["active"] + 1
    code, message = call("listsubscribe", contact(form, Last_Name="Major"))
    assert (code, "already exists in the list" in message) == ("0", True)
    assert account.subscribers(list_key, "active") == before["active"] + 1
    assert isinstance(account, LivingAccount)
    (subscribed,) = (
        subscriber.contact
        for subscriber in account.contacts(list_key, "active")
        if subscriber.contact.email == EMAIL
    )
    assert (subscribed.first_name, subscribed.last_name) == ("mac", "Major")
    assert subscribed.custom == {"favourite colour": "blue"}
    assert call("listunsubscribe", contact(form)) == (
        "0",
        "User successfully unsubscribed.",
    )
    assert account.subscribers(list_key, "active") == before["active"]
    assert account.subscribers(list_key, "unsub") == before["unsub"] + 1
    assert call("contactdonotmail", contact(form)) == (
        "0",
        "User successfully moved to Do-Not-Mail.",
    )
    assert call("contactdonotmail", contact(form))[1] == "User already in Do-Not-Mail."
    assert account.subscribers(list_key, "unsub") == before["unsub"]
    # A blocked contact stays blocked when it is unsubscribed.
    assert call("listunsubscribe", contact(form))[0] == "0"
    assert account.blocked(EMAIL)
    assert call("listsubscribe", contact(form))[0] == "2001"


@pytest.mark.parametrize("form", FORMS)
def test_a_public_list_sends_a_confirmation_before_it_subscribes(
    client: Client, form: str
) -> None:
    list_key = list_key_of(client.service, public=True)
    before = client.service.account.subscribers(list_key, "active")
    params = {"listkey": list_key, "contactinfo": contact(form)}
    code, message = code_and_message(post(client, f"{form}/listsubscribe", **params))
    assert (code, message.split(".")[0]) == (
        "0",
        "A confirmation email is sent to the user",
    )
    assert client.service.account.subscribers(list_key, "active") == before


@pytest.mark.parametrize(
    ("endpoint", "listkey", "email", "code"),
    [
        ("listsubscribe", "3z", EMAIL, "2501"),
        ("listsubscribe", "", EMAIL, "903"),
        ("listsubscribe", None, "no address", "2004"),
        ("listsubscribe", None, "admin@example.com", "2005"),
        ("listunsubscribe", "3z", EMAIL, "2102"),
        ("listunsubscribe", None, EMAIL, "2103"),
        ("contactdonotmail", None, "no address", "2004"),
    ],
)
def test_wrong_lists_and_addresses_are_refused(
    client: Client, endpoint: str, listkey: str | None, email: str, code: str
) -> None:
    list_key = list_key_of(client.service) if listkey is None else listkey
    for form in FORMS:
        params = {"listkey": list_key, "contactinfo": contact(form, email)}
        answer = post(client, f"{form}/{endpoint}", **params)
        assert answer.status == 200
        assert code_and_message(answer)[0] == code


def test_a_bulk_call_adds_at_most_ten_contacts(client: Client) -> None:
    list_key = list_key_of(client.service)
    emails = [f"one.of.many.{number}@example.com" for number in range(11)]
    before = client.service.account.subscribers(list_key, "active")

    def add(*addresses: str) -> Answer:
        joined = ",".join(addresses)
        name = "addlistsubscribersinbulk"
        return post(client, name, listkey=list_key, emailids=joined, resfmt="JSON")

    assert add(*emails).json["Code"] == "1001"
    assert add("no address", *emails[:2]).json["code"] == "2004"
    assert client.service.account.subscribers(list_key, "active") == before
    answer = add(*emails[:10]).json
    assert (answer["code"], answer["listkey"]) == ("0", list_key)
    assert client.service.account.subscribers(list_key, "active") == before + 10


def test_version_1_answers_with_its_documented_codes(client: Client) -> None:
    params = {
        "authtoken": client.service.config_v1["auth_token"],
        "scope": "CampaignsAPI",
        "listkey": list_key_of(client.service),
    }

    def call(path: str, info: str) -> Answer:
        body = urlencode(params | {"contactinfo": info})
        return client.send("POST", f"/api/{path}", body, FORM)

    first = call("xml/listsubscribe", contact("xml"))
    assert first.xml.attrib == {"uri": "/api/xml/listsubscribe", "version": "1"}
    assert code_and_message(first)[0] == "0"
    assert code_and_message(call("json/listsubscribe", contact("json"))) == (
        "2003",
        "Contact exists in this list",
    )
    assert code_and_message(call("json/listunsubscribe", contact("json")))[0] == "0"
    assert code_and_message(
        call("json/listunsubscribe", contact("json", "x@example.com"))
    ) == (
        "2103",
        "Subscriber does not exist",
    )
    params["listkey"] = "3z"
    assert code_and_message(call("json/listsubscribe", contact("json")))[0] == "2002"
    assert code_and_message(call("json/contactdonotmail", contact("json")))[0] == "1004"


@pytest.mark.parametrize(
    ("info", "email"),
    [
        # The form that a client in production uses.
        (f'{{Contact Email: "{quote_plus("a+b@example.com")}"}}', "a+b@example.com"),
        ('{"Contact Email":"a+b@example.com"}', None),
        ("{Contact Email:a%2Bb@example.com}", "a+b@example.com"),
        ("{Contact%20Email:ab@example.com}", None),
        ("{Contact Email:100%@example.com}", None),
        ("{Contact Email:a@example.com", None),
        ("Contact Email:a@example.com", None),
        ("{'Contact Email':'a@example.com','First Name':''}", "a@example.com"),
        ('{"Contact\\u0020Email":"\\u0061@example.com"}', "a@example.com"),
    ],
)
def test_loose_json_is_read_as_zoho_reads_it(
    client: Client, info: str, email: str | None
) -> None:
    list_key = list_key_of(client.service)
    answer = post(client, "json/listsubscribe", listkey=list_key, contactinfo=info)
    account = client.service.account
    assert isinstance(account, LivingAccount)
    if email is None:
        assert code_and_message(answer)[0] in {"2001", "2004"}
    else:
        assert code_and_message(answer)[0] == "0"
        assert account.status(email, list_key) == "active"


@pytest.mark.parametrize(
    "info", ["<xml><fl", "", "<!DOCTYPE x><xml/>", "text", '<xml><fl val="a">b</xml>']
)
def test_malformed_xml_is_refused(client: Client, info: str) -> None:
    params = {"listkey": list_key_of(client.service), "contactinfo": info}
    assert code_and_message(post(client, "xml/listsubscribe", **params))[0] in {
        "2001",
        "903",
    }


def test_writes_need_post_and_the_write_scopes(client: Client) -> None:
    list_key = list_key_of(client.service)
    params = {"listkey": list_key, "contactinfo": contact("json")}
    assert client.get("json/listsubscribe", **params).status == 405
    client.service.scopes = ["ZohoCampaigns.contact.READ"]
    assert post(client, "json/listsubscribe", **params).status == 401
    assert post(client, "addlistsubscribersinbulk", listkey=list_key).status == 401


def test_writes_to_a_fixed_account_are_an_error() -> None:
    with Service(FixedAccount()) as service, Client(service) as client:
        client.sign()
        params = {"listkey": MAILING_LIST.key, "contactinfo": contact("json")}
        assert (
            code_and_message(post(client, "json/listsubscribe", **params))[0] == "2701"
        )


def test_both_formats_share_the_quota_of_an_endpoint(
    client: Client, clock: Clock
) -> None:
    def subscribe(form: str) -> str:
        params = {"listkey": "3z", "contactinfo": contact(form)}
        return code_and_message(post(client, f"{form}/listsubscribe", **params))[0]

    codes = [subscribe(FORMS[number % 2]) for number in range(500)]
    assert {*codes} == {"2501"}
    assert subscribe("json") == "Z101"
    clock.seconds += 1799
    assert subscribe("xml") == "Z101"
    clock.seconds += 1
    assert subscribe("xml") == "2501"


def test_contacts_leave_only_the_segments_of_the_changed_account() -> None:
    changed, unchanged = (
        LivingAccount(clock=lambda: NOON, contacts=200) for _ in range(2)
    )
    list_key = next(
        mailing_list.key for mailing_list in changed.lists() if not mailing_list.public
    )
    members = {
        segment.cvid: changed.members(segment.cvid)
        for segment in changed.segments(list_key)
    }
    changed.enter(EMAIL, list_key, "active", {})
    assert (
        changed.subscribers(list_key, "active")
        == unchanged.subscribers(list_key, "active") + 1
    )
    for member in unchanged.contacts(list_key, "active"):
        changed.enter(member.contact.email.upper(), list_key, "unsub", {})
    for cvid, before in members.items():
        assert before == unchanged.members(cvid)
        assert all(member.contact.email == EMAIL for member in changed.members(cvid))
