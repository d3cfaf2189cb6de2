"""What can go wrong with a call, sorted by what the caller should do."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from tap_zohocampaigns.api.causes import Cause


class ZohoError(Exception):
    """Something failed. The text is one sentence for the user, without secrets."""


class SettingError(ZohoError):
    """A setting is wrong; the sentence names it."""


class FatalError(ZohoError):
    """The run can't go on."""


class Redirected(FatalError):
    """Zoho redirects, which is never followed with credentials."""


class Outage(FatalError):
    """Zoho did not answer, or kept an endpoint locked, for too long."""


class Forbidden(FatalError):
    """The token lacks a scope, or its user lacks a right, for the call."""


class MissingScope(Forbidden):
    """The token lacks a scope."""


class NotFound(ZohoError):
    """A list, segment or campaign is not in the account: deleted, or never sent."""


class WriteError(ZohoError):
    """Zoho did not apply a change. Other changes may succeed."""

    def __init__(self, sentence: str, code: str, message: str) -> None:
        """Keep Zoho's code and message.

        Args:
            sentence: For the user.
            code: Zoho's code, without secrets and addresses.
            message: Zoho's message, without secrets and addresses.
        """
        super().__init__(sentence)
        self.code = code
        self.message = message


class Rejected(WriteError):
    """Zoho does not accept this change."""


class UnknownRejection(Rejected):
    """Zoho does not accept a change, with a code that the table does not have.

    The cause may be this record, or all records.
    """


class Postponed(WriteError):
    """Zoho answers that a contact can be changed later; others may be changed now."""


class RangeRefused(ZohoError):
    """Zoho does not give so many rows in one call."""


class Transient(ZohoError):
    """The same call may succeed later."""

    cause: Cause | None = None
    """Why there was no answer, if the network is the reason and it is known."""


class Unanswered(Transient):
    """A call was sent and no answer came in time. Zoho may have carried it out."""


class Locked(Transient):
    """The endpoint was called too often and is closed for half an hour."""


class StoppedAtLock(ZohoError):
    """An endpoint is locked, and the settings say not to wait."""


class Unauthorized(Transient):
    """The access token was not accepted. A new one may be."""
