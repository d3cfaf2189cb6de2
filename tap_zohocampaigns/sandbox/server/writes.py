"""The answers of calls that change contacts.

https://www.zoho.com/campaigns/help/developers/contact-subscribe.html and the pages
beside it. What they leave open is chosen here: whoever must not get mail can't be
subscribed, and one wrong address of ten refuses all ten.
"""

from __future__ import annotations

import re
import typing as t

from tap_zohocampaigns.sandbox.bodies.envelope import (
    encode,
    success,
    tag,
    version,
    xml_success,
)
from tap_zohocampaigns.sandbox.server import contactinfo
from tap_zohocampaigns.sandbox.server.requests import Code, RefusedError
from tap_zohocampaigns.sandbox.world.account import WritableAccount
from tap_zohocampaigns.sandbox.world.edits import DO_NOT_MAIL

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_zohocampaigns.sandbox.server.endpoints import Endpoints
    from tap_zohocampaigns.sandbox.server.requests import Question
    from tap_zohocampaigns.sandbox.world.account import MailingList

BULK: t.Final = "addlistsubscribersinbulk"

_ADDRESS = re.compile(r"[^\s@,;<>()\"]+@[^\s@,;<>()\"]+\.[^\s@,;<>()\"]+")
_LONGEST_ADDRESS = 320
_GROUPS = {"abuse", "admin", "all", "everyone", "noreply", "postmaster", "spam"}
_MOST = 10
_CONFIRM = (
    "A confirmation email is sent to the user. User needs to confirm to successfully "
    "subscribe."
)
_EXISTS = (
    "This email address already exists in the list. However, the extra information "
    "will be updated in our database."
)


def subscribe(endpoints: Endpoints, question: Question) -> bytes:
    """Answer listsubscribe; a list with a signup form waits for a confirmation."""
    account = _account(endpoints)
    old = version(question.uri) == "1"
    one = _list(endpoints, question, Code.SUBSCRIBE_LIST if old else Code.FEED_LIST)
    fields, email = _contact(question)
    _check(account, [email])
    if account.status(email, one.key) == "active":
        if old:
            raise RefusedError(Code.IN_LIST)
        if not one.public:
            account.enter(email, one.key, "active", fields)
        return _done(question, _EXISTS)
    if one.public:
        return _done(question, _CONFIRM)
    account.enter(email, one.key, "active", fields)
    return _done(question, "User successfully subscribed.")


def unsubscribe(endpoints: Endpoints, question: Question) -> bytes:
    """Answer listunsubscribe."""
    account = _account(endpoints)
    one = _list(endpoints, question, Code.UNSUBSCRIBE_LIST)
    _, email = _contact(question)
    if not account.status(email, one.key):
        raise RefusedError(Code.NOT_IN_LIST)
    if not account.blocked(email):
        account.enter(email, one.key, "unsub", {})
    return _done(question, "User successfully unsubscribed.")


def do_not_mail(endpoints: Endpoints, question: Question) -> bytes:
    """Answer contactdonotmail; it takes contacts that are in no list too."""
    account = _account(endpoints)
    _, email = _contact(question)
    if account.blocked(email):
        return _done(question, "User already in Do-Not-Mail.")
    account.enter(email, None, DO_NOT_MAIL, {})
    return _done(question, "User successfully moved to Do-Not-Mail.")


def add_contacts(endpoints: Endpoints, question: Question) -> bytes:
    """Answer addlistsubscribersinbulk; nobody has to confirm."""
    account = _account(endpoints)
    one = _list(endpoints, question, Code.DELETED)
    emails = [email.strip() for email in question.params["emailids"].split(",")]
    if len(emails) > _MOST:
        raise RefusedError(Code.PATTERN)
    for email in emails:
        if not _is_address(email):
            raise RefusedError(Code.ADDRESS)
    _check(account, emails)
    for email in emails:
        account.enter(email, one.key, "active", {})
    message = f"{len(emails)} contact(s) added successfully."
    if question.as_json:
        return encode(
            success(question.uri, message=message, listkey=one.key, listname=one.name)
        )
    return xml_success(
        question.uri,
        tag("message", message),
        tag("listkey", one.key),
        tag("listname", one.name),
    )


def _account(endpoints: Endpoints) -> WritableAccount:
    if isinstance(endpoints.account, WritableAccount):
        return endpoints.account
    raise RefusedError(Code.PRIVILEGE)


def _list(endpoints: Endpoints, question: Question, unknown: Code) -> MailingList:
    for one in endpoints.account.lists():
        if one.key == question.params["listkey"] and not one.deleted:
            return one
    raise RefusedError(unknown)


def _contact(question: Question) -> tuple[dict[str, str], str]:
    text = question.params["contactinfo"]
    fields = contactinfo.parse(text, as_json=question.as_json)
    email = fields.pop("Contact Email", "").strip()
    if not _is_address(email):
        raise RefusedError(Code.ADDRESS)
    return fields, email


def _is_address(email: str) -> bool:
    return len(email) <= _LONGEST_ADDRESS and bool(_ADDRESS.fullmatch(email))


def _check(account: WritableAccount, emails: Sequence[str]) -> None:
    for email in emails:
        if email.partition("@")[0].lower() in _GROUPS:
            raise RefusedError(Code.GROUP)
        if account.blocked(email):
            raise RefusedError(Code.STATUS)


def _done(question: Question, message: str) -> bytes:
    if question.as_json:
        return encode(success(question.uri, message=message))
    return xml_success(question.uri, tag("message", message))
