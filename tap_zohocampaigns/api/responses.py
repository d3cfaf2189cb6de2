"""Interprets an answer of Zoho: a value, or an error that says what to do.

Nothing here needs I/O: `interpret` is a function of status and body.
"""

from __future__ import annotations

import re
import typing as t
from http import HTTPStatus

from tap_zohocampaigns.api.codes import UNKNOWN, Action, asks_for_patience, find_rule
from tap_zohocampaigns.api.errors import (
    FatalError,
    Forbidden,
    Locked,
    MissingScope,
    NotFound,
    Postponed,
    RangeRefused,
    Rejected,
    Transient,
    Unauthorized,
    UnknownRejection,
    WriteError,
)
from tap_zohocampaigns.api.redact import redact
from tap_zohocampaigns.api.wire import payloads
from tap_zohocampaigns.api.wire.envelope import Unreadable, parse, require_code

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tap_zohocampaigns.api.codes import Rule
    from tap_zohocampaigns.api.endpoints import Endpoint
    from tap_zohocampaigns.api.wire.envelope import Envelope

# How much of an unreadable body is searched (bytes).
_SEARCHED = 1 << 20
# Codes of Zoho, such as 2004 and Z101.
_CODE = re.compile(r"[A-Za-z]?\d{1,6}")
# The lock, in the form of other services of Zoho.
_LOCK = re.compile(rb"""(?i)throttles_limit|\bcode["'\s>:=]+409909\b""")
_ERRORS = {
    Action.SKIP: NotFound,
    Action.SMALLER_PAGE: RangeRefused,
    Action.FORBID: Forbidden,
    Action.MISSING_SCOPE: MissingScope,
}


class Context(t.NamedTuple):
    """What an error may say, and what it must not show."""

    advice: Mapping[Action, str] = {}
    """Advice for errors where that of the table of codes does not fit."""
    secrets: Iterable[str] = ()
    """Texts that must never be shown."""
    private: Iterable[str] = ()
    """Values of contacts that were sent with the call."""

    def check(self, rule: Rule) -> str:
        """Return what the user should check; empty if there is nothing."""
        return self.advice.get(rule.action, rule.check)


def interpret(
    endpoint: Endpoint, status: int, content: bytes, context: Context | None = None
) -> Envelope | None:
    """Return what an answer holds, with `payload` if the endpoint reads.

    Args:
        endpoint: The call.
        status: HTTP status.
        content: Body.
        context: What errors say, and what they must not show.

    Returns:
        None if there are no rows, or if a change was already in effect.

    Raises:
        Locked: The endpoint was called too often.
        Unauthorized: The token was not accepted.
        Transient: The same call may succeed later.
        NotFound, RangeRefused, Forbidden: As their docstrings say.
        Rejected, Postponed: For endpoints that write.
        FatalError: Any other error.
    """
    context = context or Context()
    try:
        envelope = payloads.check(parse(content))
        if envelope.success and status == HTTPStatus.OK:
            if endpoint.writes:
                return require_code(envelope)
            return envelope._replace(payload=payloads.payload(endpoint, envelope))
        require_code(envelope)
    except Unreadable as error:
        raise _unreadable(endpoint, status, content, error, context) from None
    rule = find_rule(endpoint.name, envelope.code, envelope.message)
    if rule.action in {Action.EMPTY, Action.ALREADY_DONE} and status == HTTPStatus.OK:
        return None
    raise _error(endpoint, status, envelope, rule, context)


def _error(
    endpoint: Endpoint,
    status: int,
    envelope: Envelope,
    rule: Rule,
    context: Context,
) -> Exception:
    # A code is not private, but a contact may have a number that looks like a code.
    is_code = _CODE.fullmatch(envelope.code)
    private = () if is_code else context.private
    code = redact(envelope.code, context.secrets, private)
    message = redact(envelope.message, context.secrets, context.private)
    answer = f"code {code} ({message or 'no message'})"
    if rule.action is Action.LOCKED or status == HTTPStatus.TOO_MANY_REQUESTS:
        return Locked(f"Zoho has locked {endpoint.name} with {answer}")
    check = f": {advice}" if (advice := context.check(rule)) else ""
    sentence = f"Zoho answered {endpoint.name} with {answer}{check}."
    is_server_error = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if rule.action is Action.REFRESH_TOKEN or status == HTTPStatus.UNAUTHORIZED:
        return Unauthorized(sentence)
    if endpoint.writes and (write_error := _write_error(status, rule)):
        return write_error(sentence, code, message)
    if rule.action is Action.RETRY or is_server_error:
        return Transient(answer + check)
    return _ERRORS.get(rule.action, FatalError)(sentence)


def _write_error(status: int, rule: Rule) -> type[WriteError] | None:
    """Return the error of one change; None if all changes would fail like it."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # Zoho's server may fail because of this one contact.
        return Postponed
    if rule.action is Action.REJECT:
        return Rejected
    if status != HTTPStatus.OK:
        return None
    if rule.action is Action.RETRY:
        return Postponed
    return UnknownRejection if rule is UNKNOWN else None


def _unreadable(
    endpoint: Endpoint,
    status: int,
    content: bytes,
    error: Unreadable,
    context: Context,
) -> Exception:
    if status == HTTPStatus.TOO_MANY_REQUESTS or _LOCK.search(content):
        return Locked(f"Zoho says HTTP {status}: too many calls")
    rule = find_rule(endpoint.name, str(status), "")
    if status == HTTPStatus.UNAUTHORIZED:
        return Unauthorized(
            f"Zoho did not accept the token (HTTP {status}): {context.check(rule)}."
        )
    is_server_error = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    is_client_error = status >= HTTPStatus.BAD_REQUEST and not is_server_error
    text = content[:_SEARCHED].decode(errors="replace")
    if is_client_error and not asks_for_patience(text):
        if rule.action is Action.FORBID:
            return Forbidden(f"Zoho answered HTTP {status}: {rule.check}.")
        return FatalError(
            f"Zoho answered HTTP {status} with {error}: check `data_center`, or "
            "`api_url` if it is set."
        )
    answer = f"HTTP {status} with {error}"
    check = "check `data_center` or `api_url`"
    if endpoint.writes and is_server_error:
        sentence = f"Zoho answered {endpoint.name} with {answer}: {check}."
        return Postponed(sentence, str(status), answer)
    return Transient(f"{answer}; {check}")
